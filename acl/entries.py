"""Values of an ACL: its entries, as plain data, checked when made."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from acl.errors import InvalidAclError

if TYPE_CHECKING:
    from datetime import datetime

    from acl.principal import Principal

MAX_NAME_LENGTH = 1024
MAX_PURPOSE_LENGTH = 64
_PURPOSE = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{MAX_PURPOSE_LENGTH - 1}}}", re.ASCII)


class Effect(StrEnum):
    """What an entry does. A deny in a chain wins over every allow."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class AclEntry:
    """One allow or deny of one principal, until ``expires_at`` (aware, exclusive) or for good."""

    effect: Effect
    principal: Principal
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.expires_at is not None and self.expires_at.tzinfo is None:
            raise InvalidAclError(f"expires_at of {self.principal}: give it a time zone")


def check_name(name: str, *, field: str) -> str:
    """Return ``name`` if it can name a tenant or an ACL, else raise naming ``field``."""
    if not name or len(name) > MAX_NAME_LENGTH or not name.isprintable():
        raise InvalidAclError(f"{field}: give 1 to {MAX_NAME_LENGTH} printable characters")
    if not unicodedata.is_normalized("NFC", name):
        # Two spellings that look alike would be two ACLs, and a file could name only one.
        raise InvalidAclError(f"{field}: {name[:80]!r} is not in Unicode NFC; normalise it first")
    return name


def check_purpose(purpose: str) -> str:
    """Return ``purpose`` if a token and an ACL can name it, else raise."""
    if not _PURPOSE.fullmatch(purpose):
        raise InvalidAclError(
            f"purposes: {purpose[:MAX_PURPOSE_LENGTH]!r} must be letters, digits, dots, dashes, "
            f"colons or underscores, {MAX_PURPOSE_LENGTH} at most"
        )
    return purpose
