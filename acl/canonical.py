"""One spelling for each JSON value, so that bytes can be signed and hashed.

The JSON Canonicalization Scheme (RFC 8785), restricted to what signed statements are made of:
objects with ASCII names, arrays, strings, booleans, null, and integers that every JSON reader holds
exactly. Fractions are refused, because readers differ in how they spell them.
"""

from __future__ import annotations

import json
from typing import Any, Final

MAX_INTEGER: Final = (1 << 53) - 1


def canonical(value: object) -> bytes:
    """The canonical JSON of ``value``, in UTF-8.

    Raises:
        ValueError: something in it has no canonical spelling here.
    """
    _check(value)
    # In ASCII, the order of code points is the order of UTF-16 units that the scheme asks for.
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode()


def parse_canonical(raw: bytes) -> Any:
    """The value that ``raw`` spells canonically.

    Raises:
        ValueError: it is not JSON, or spelled in another way: blanks, another order of names, a
            name given twice, escapes that are not needed.
    """
    try:
        value = json.loads(raw)
        spelling = canonical(value)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if spelling != raw:
        raise ValueError("not canonical JSON")
    return value


def _check(value: object) -> None:
    # Spelled out for speed: every receipt of every answer goes through here.
    if isinstance(value, str) or value is None:
        return
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value) or not "".join(value).isascii():
            raise ValueError("a name that is not ASCII text has no canonical spelling here")
        for item in value.values():
            if not isinstance(item, str):
                _check(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _check(item)
    elif not isinstance(value, int) or not -MAX_INTEGER <= value <= MAX_INTEGER:
        raise ValueError(f"a {type(value).__name__} that readers dispute has no spelling here")
