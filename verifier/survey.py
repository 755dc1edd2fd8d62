"""What a text holds at all, told far faster than by looking for it: most hold nothing unusual.

Each answer errs on one side at most, and says which; the search that follows decides. What must
never live here: a rule, or a change.
"""

from typing import Final

_ORDINARY: Final = bytes([9, 10, *range(32, 127)])
_INK: Final = b"x"
_SHAPE: Final = b"".join(b" " if bytes([byte]).isspace() else _INK for byte in range(256))


def unusual(text: str) -> str:
    """Each character once that is no printable ASCII, tab or line feed. Exact."""
    encoded = text.encode("utf-8", "surrogatepass").translate(None, _ORDINARY)
    return "".join(set(encoded.decode("utf-8", "surrogatepass")))


def may_have_long_token(text: str, length: int) -> bool:
    """Whether so many characters may stand in a row without a space; False is certain.

    Bytes are counted, and every space beyond ASCII is taken for ink.
    """
    shape = text.encode("utf-8", "surrogatepass").translate(_SHAPE)
    return _INK * length in shape
