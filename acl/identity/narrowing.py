"""What a credential takes away from its holder's view, as JSON: in a token, and beside a key.

``{"sources": [...], "acls": [...], "purpose": "..."}``, each part optional. A part that is there
takes away, an empty list everything. A part that cannot be understood refuses the credential:
reading past it would give back what somebody meant to take.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from acl.caller import NOT_NARROWED, Narrowing
from acl.entries import check_name, check_purpose
from acl.errors import InvalidAclError

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_NAMES: Final = 1_000
_PARTS: Final = frozenset({"sources", "acls", "purpose"})


def parse_narrowing(value: object, *, field: str = "narrowing") -> Narrowing:
    """Read what :func:`narrowing_to_json` writes, or a token's claim.

    Raises:
        InvalidAclError: it is anything else; the message names the part.
    """
    if not isinstance(value, dict):
        raise InvalidAclError(f"{field}: give an object with sources, acls or purpose")
    if unknown := value.keys() - _PARTS:
        raise InvalidAclError(f"{field}: unknown part {min(unknown)[:80]!r}; remove it")
    return Narrowing(
        sources=_names(value, "sources", field=field),
        acls=_names(value, "acls", field=field),
        purpose=_purpose(value["purpose"], field=field) if "purpose" in value else None,
    )


def narrowing_to_json(narrowing: Narrowing) -> dict[str, Any]:
    """The parts that take something away, in a fixed order."""
    parts = {
        "sources": None if narrowing.sources is None else sorted(narrowing.sources),
        "acls": None if narrowing.acls is None else sorted(narrowing.acls),
        "purpose": narrowing.purpose,
    }
    return {name: part for name, part in parts.items() if part is not None}


def dump_narrowing(narrowing: Narrowing) -> str:
    """As stored beside a key; checked first, so that what is stored can be read again."""
    parts = narrowing_to_json(narrowing)
    if parse_narrowing(parts) != narrowing:
        raise InvalidAclError("narrowing: it would not mean the same when read again")
    return json.dumps(parts, ensure_ascii=False) if narrowing != NOT_NARROWED else "{}"


def _names(parts: Mapping[str, object], part: str, *, field: str) -> frozenset[str] | None:
    if part not in parts:
        return None
    names = parts[part]
    if not isinstance(names, list) or len(names) > MAX_NAMES:
        raise InvalidAclError(f"{field}.{part}: give a list of at most {MAX_NAMES} names")
    return frozenset(_name(name, field=f"{field}.{part}") for name in names)


def _purpose(value: object, *, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidAclError(f"{field}.purpose: give text")
    return check_purpose(value)


def _name(value: object, *, field: str) -> str:
    if not isinstance(value, str):
        raise InvalidAclError(f"{field}: give text")
    return check_name(value, field=field)
