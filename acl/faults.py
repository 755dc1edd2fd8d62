"""Why a bearer token was refused: for the operator's logs and metrics, never for whoever sent it.

Whoever presents a bad token reads :data:`REFUSED`, whatever is wrong with it; a more helpful reply
would help an attacker most. What must never stand here: anything taken from the token itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from acl.errors import InvalidTokenError

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
    """A token was refused; ``fault`` says why, the message does not."""

    def __init__(self, fault: TokenFault) -> None:
        super().__init__(REFUSED)
        self.fault = fault
