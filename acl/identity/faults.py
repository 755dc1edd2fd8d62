"""Why a bearer token was refused: for the operator's logs and metrics, never for whoever sent it.

Whoever presents a bad token reads :data:`REFUSED`, whatever is wrong with it; a more helpful reply
would help an attacker most. What must never stand here: anything taken from the token itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from acl.errors import InvalidTokenError

if TYPE_CHECKING:
    from acl.caller import Caller

REFUSED: Final = "the bearer token is missing, unknown, expired or revoked"


class TokenFault(StrEnum):
    """What was wrong, in an order that roughly follows the checks."""

    ABSENT = "absent"
    OVERSIZED = "oversized"
    MALFORMED = "malformed"
    UNKNOWN_ISSUER = "unknown_issuer"
    HEADER = "header"
    UNKNOWN_KEY = "unknown_key"
    KEYS_UNAVAILABLE = "keys_unavailable"
    ALGORITHM = "algorithm"
    SIGNATURE = "signature"
    AUDIENCE = "audience"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    LIFETIME = "lifetime"
    REVOKED = "revoked"
    BOUND = "bound"
    CLAIM = "claim"
    TENANT = "tenant"
    SUBJECT = "subject"
    ACTOR = "actor"
    GROUPS = "groups"
    NARROWING = "narrowing"


class RefusedTokenError(InvalidTokenError):
    """A token was refused; ``fault`` says why, the message does not.

    ``caller`` is whom it would have spoken for, if whoever sent it proved to hold it: a key that
    matched, and is expired or revoked. It is for the audit alone, and None for everything else,
    because whoever holds no credential must not be able to write into a tenant's audit.
    """

    def __init__(self, fault: TokenFault, *, caller: Caller | None = None) -> None:
        super().__init__(REFUSED)
        self.fault = fault
        self.caller = caller
