"""Principals: who an ACL entry can name. Parsing is strict, because a lenient one widens access.

IDs are opaque, case-sensitive and NFC. Look-alikes are different principals: nothing is folded,
trimmed or case-mapped, so two spellings never become one person.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from acl.errors import InvalidPrincipalError

MAX_ID_LENGTH = 256
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})


class PrincipalKind(StrEnum):
    """What sort of principal an ID names."""

    USER = "user"
    GROUP = "group"
    SERVICE = "service"
    EVERYONE = "everyone"


@dataclass(frozen=True, slots=True, order=True)
class Principal:
    """One principal of a tenant. Written ``kind:id``, or ``everyone``."""

    kind: PrincipalKind
    id: str

    def __post_init__(self) -> None:
        if self.kind is PrincipalKind.EVERYONE:
            if self.id:
                raise InvalidPrincipalError("principal: 'everyone' takes no id")
            return
        check_id(self.id, field=f"principal {self.kind}")

    def __str__(self) -> str:
        return self.kind.value if self.kind is PrincipalKind.EVERYONE else f"{self.kind}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> Principal:
        """Read ``user:ID``, ``group:ID``, ``service:ID`` or ``everyone``.

        Raises:
            InvalidPrincipalError: anything else; the message names what is wrong and the remedy.
        """
        if text == PrincipalKind.EVERYONE:
            return EVERYONE
        kind, colon, ident = text.partition(":")
        if not colon or kind not in {"user", "group", "service"}:
            raise InvalidPrincipalError(
                f"principal {text[:80]!r}: write user:ID, group:ID, service:ID or everyone"
            )
        return cls(PrincipalKind(kind), ident)


def check_id(value: str, *, field: str) -> str:
    """Return ``value`` if it is a well-formed opaque ID, else raise naming ``field``."""
    if not value:
        raise InvalidPrincipalError(f"{field}: the id is empty")
    if len(value) > MAX_ID_LENGTH:
        raise InvalidPrincipalError(f"{field}: the id is longer than {MAX_ID_LENGTH} characters")
    if "*" in value or "?" in value:
        raise InvalidPrincipalError(f"{field}: {value!r} has a wildcard; name each principal")
    for char in value:
        if unicodedata.category(char) in _FORBIDDEN_CATEGORIES:
            raise InvalidPrincipalError(
                f"{field}: {value!r} has a blank or invisible character (U+{ord(char):04X})"
            )
    # Stored IDs are NFC; a decomposed spelling is refused and not converted, so that the same
    # bytes always mean the same principal in every system the ID passes through.
    if not unicodedata.is_normalized("NFC", value):
        raise InvalidPrincipalError(f"{field}: {value!r} is not in Unicode NFC; normalise it first")
    return value


EVERYONE = Principal(PrincipalKind.EVERYONE, "")
