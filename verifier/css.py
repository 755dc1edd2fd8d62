"""The little of CSS that hiding needs: declarations, lengths, colours, simple rules.

Source: CSS Syntax Level 3 for escapes and comments, CSS Color Level 4 for colours. What it cannot
read it reports as unknown; nothing is guessed.
"""

import re
from collections.abc import Iterator

_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:([0-9a-fA-F]{1,6})\s?|(.))", re.DOTALL)
_LENGTH = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+))\s*(px|pt|r?em|ex|ch|vw|vh|in|cm|mm|%)?(?=$|\s|\))"
)
_PIXELS = {
    "": 1.0, "px": 1.0, "pt": 4 / 3, "em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0, "vw": 12.8,
    "vh": 7.2, "in": 96.0, "cm": 37.8, "mm": 3.78, "%": 0.16,
}  # fmt: skip
_HEX = re.compile(r"#([0-9a-f]{3,4}|[0-9a-f]{6}|[0-9a-f]{8})$")
_FUNCTION = re.compile(r"rgba?\(([^()]*)\)$")
_NAMED = {
    "white": (255, 255, 255), "black": (0, 0, 0), "silver": (192, 192, 192),
    "gray": (128, 128, 128), "grey": (128, 128, 128), "red": (255, 0, 0), "maroon": (128, 0, 0),
    "yellow": (255, 255, 0), "olive": (128, 128, 0), "lime": (0, 255, 0), "green": (0, 128, 0),
    "aqua": (0, 255, 255), "cyan": (0, 255, 255), "teal": (0, 128, 128), "blue": (0, 0, 255),
    "navy": (0, 0, 128), "fuchsia": (255, 0, 255), "magenta": (255, 0, 255),
    "purple": (128, 0, 128), "orange": (255, 165, 0), "snow": (255, 250, 250),
    "ivory": (255, 255, 240), "whitesmoke": (245, 245, 245), "ghostwhite": (248, 248, 255),
    "lightgray": (211, 211, 211), "lightgrey": (211, 211, 211), "darkgray": (169, 169, 169),
}  # fmt: skip
_BRACE = re.compile(r"[{}]")

Colour = tuple[int, int, int, float]
"""Red, green and blue from 0 to 255, and the opacity from 0 to 1."""


def declarations(style: str) -> dict[str, str]:
    """Read `name: value` pairs; later ones win, names and values are lower case."""
    found: dict[str, str] = {}
    for part in _plain(style).split(";"):
        name, colon, value = part.partition(":")
        if colon:
            found[name.strip()] = value.replace("!important", "").strip()
    return found


def pixels(value: str) -> float | None:
    """Return the first length in CSS pixels at ordinary sizes; None where there is none."""
    match = _LENGTH.search(value)
    return float(match[1]) * _PIXELS[match[2] or ""] if match else None


def colour(value: str) -> Colour | None:
    """Return the colour that a value starts with; None where it is not a plain colour."""
    value = value.strip().lower()
    if value.startswith("transparent"):
        return 0, 0, 0, 0.0
    if match := _FUNCTION.match(value):
        return _function(match[1])
    word = value.split()[0] if value else ""
    if match := _HEX.match(word):
        return _hex(match[1])
    named = _NAMED.get(word)
    return (*named, 1.0) if named else None


def rules(sheet: str) -> Iterator[tuple[str, str]]:
    """Yield selector and declarations of the rules that always apply.

    Rules inside a block such as `@media print` apply sometimes and are left out.
    """
    text = _plain(sheet, escapes=False)
    position = depth = 0
    selector = ""
    conditional = False
    for brace in _BRACE.finditer(text):
        between = text[position : brace.start()]
        position = brace.end()
        if brace[0] == "{":
            if depth == 0:
                selector = between.rpartition(";")[2].strip()
                conditional = selector.startswith("@")
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0 and not conditional:
                yield selector, between


def _plain(style: str, *, escapes: bool = True) -> str:
    text = _COMMENT.sub("", style)
    return (_ESCAPE.sub(_unescaped, text) if escapes else text).lower()


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        return match[2]
    point = int(match[1], 16)
    return chr(point) if 0 < point <= 0x10FFFF else "\ufffd"  # noqa: PLR2004 - the last code point


def _hex(digits: str) -> Colour:
    if len(digits) <= len("rgba"):
        digits = "".join(digit * 2 for digit in digits)
    red, green, blue = (int(digits[i : i + 2], 16) for i in (0, 2, 4))
    return red, green, blue, int(digits[6:8] or "ff", 16) / 255


def _function(arguments: str) -> Colour | None:
    parts = [part for part in re.split(r"[\s,/]+", arguments.strip()) if part]
    try:
        channels = [
            round(float(part[:-1]) * 2.55) if part.endswith("%") else round(float(part))
            for part in parts[:3]
        ]
        alpha = parts[3] if len(parts) > len("rgb") else "1"
        opacity = float(alpha[:-1]) / 100 if alpha.endswith("%") else float(alpha)
        red, green, blue = channels
    except (ValueError, OverflowError):
        return None
    return red, green, blue, opacity
