"""JSON from outside, read so that it has one meaning.

RFC 8259 leaves open which of two members with one name counts; two readers that choose differently
see two documents, and the one who checks may not be the one who acts. So a repeated name is an
error here, and so are the numbers that JSON does not have.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn


def loads(document: str | bytes) -> Any:
    """Read ``document``.

    Raises:
        ValueError: it is not JSON, not UTF-8, nested too deeply, names a member twice, or holds
            ``NaN`` or an infinity.
    """
    try:
        text = document if isinstance(document, str) else document.decode("utf-8")
        return json.loads(text, object_pairs_hook=_unrepeated, parse_constant=_not_a_number)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def _unrepeated(members: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(members)
    if len(made) != len(members):
        raise ValueError("a member is named twice")
    return made


def _not_a_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")
