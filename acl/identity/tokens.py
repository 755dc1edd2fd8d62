"""JWTs: from the text of a bearer token to the caller it speaks for (RFC 7519, RFC 8725).

Read top to bottom, in the order of the checks. Until the signature is verified, two things are
read from a token: who says they issued it, to choose whose keys to try, and which of those keys.
Both are only looked up among what is configured or published; nothing a token says is fetched,
opened or trusted. The algorithm comes from the key, and a token that names another is refused.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

import jwt
from jwt.exceptions import (
    InvalidAlgorithmError,
    InvalidAudienceError,
    InvalidSignatureError,
    MissingRequiredClaimError,
    PyJWTError,
)

from acl import strict_json
from acl.identity.claims import caller_from, check_times
from acl.identity.faults import RefusedTokenError, TokenFault

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from jwt.types import Options

    from acl.caller import Caller
    from acl.identity.issuer import Issuer

MAX_TOKEN_CHARS: Final = 16 * 1024
"""Above what any issuer sends in a header, and little enough to take apart for a stranger."""

_FORM: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
_TYPES: Final = frozenset({"jwt", "at+jwt", "application/at+jwt"})
# A key that comes with the token proves nothing; what we must understand and do not, likewise.
_REFUSED_HEADERS: Final = frozenset(
    {"jwk", "jku", "x5u", "x5c", "crit", "b64", "cty", "enc", "zip"}
)
_OPTIONS: Final[Options] = {
    "require": ["iss", "aud", "exp"],
    "enforce_minimum_key_length": True,
    # By our own clock instead: see acl.identity.claims.check_times.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    # The claim that holds the subject is configured: see acl.identity.claims.
    "verify_sub": False,
    "verify_jti": False,
}
_FAULTS: Final[tuple[tuple[type[PyJWTError], TokenFault], ...]] = (
    (InvalidSignatureError, TokenFault.SIGNATURE),
    (InvalidAlgorithmError, TokenFault.ALGORITHM),
    (InvalidAudienceError, TokenFault.AUDIENCE),
    (MissingRequiredClaimError, TokenFault.CLAIM),
)


class Keys(Protocol):
    """An issuer's keys."""

    def find(self, key_id: str) -> jwt.PyJWK:
        """The key with this id, bound to its algorithm; raises ``RefusedTokenError``."""


@dataclass(frozen=True, slots=True)
class Verified:
    """A good token: whom it speaks for, and for whom it was meant."""

    caller: Caller
    audiences: tuple[str, ...]


class Tokens:
    """Verifies the JWTs of the configured issuers. Without any, every JWT is refused."""

    def __init__(self, issuers: Iterable[tuple[Issuer, Keys]] = ()) -> None:
        self._issuers = {issuer.name: (issuer, keys) for issuer, keys in issuers}

    def verify(self, token: str, *, now: datetime) -> Verified:
        """The caller ``token`` speaks for at ``now``.

        Raises:
            RefusedTokenError: it is no good; the fault says why, and the message does not.
        """
        header, unverified = _take_apart(token)
        issuer, keys = self._whose(unverified)
        key = keys.find(_key_id(header))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm.value for algorithm in issuer.algorithms],
                issuer=issuer.name,
                audience=sorted(issuer.audiences),
                options=_OPTIONS,
            )
        except PyJWTError as error:
            raise RefusedTokenError(_fault(error)) from None
        check_times(claims, issuer, now=now)
        signature = token.rpartition(".")[2]
        meant_for = claims["aud"]
        return Verified(
            caller_from(claims, issuer, signature=signature),
            (meant_for,) if isinstance(meant_for, str) else tuple(meant_for),
        )

    def _whose(self, unverified: Mapping[str, Any]) -> tuple[Issuer, Keys]:
        name = unverified.get("iss")
        if not isinstance(name, str) or name not in self._issuers:
            raise RefusedTokenError(TokenFault.UNKNOWN_ISSUER)
        return self._issuers[name]


def looks_like_jwt(token: str) -> bool:
    """Whether ``token`` has the form of a signed JWT: three parts, none of them empty."""
    return _FORM.fullmatch(token) is not None


def _take_apart(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims, unverified, each with one meaning only."""
    if len(token) > MAX_TOKEN_CHARS:
        raise RefusedTokenError(TokenFault.OVERSIZED)
    if not looks_like_jwt(token):
        raise RefusedTokenError(TokenFault.MALFORMED)
    header, claims, _signature = token.split(".")
    return _object(header), _object(claims)


def _object(part: str) -> dict[str, Any]:
    try:
        value = strict_json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (ValueError, binascii.Error):
        raise RefusedTokenError(TokenFault.MALFORMED) from None
    if not isinstance(value, dict):
        raise RefusedTokenError(TokenFault.MALFORMED)
    return value


def _key_id(header: Mapping[str, Any]) -> str:
    kind, key_id = header.get("typ", "JWT"), header.get("kid")
    if _REFUSED_HEADERS & header.keys():
        raise RefusedTokenError(TokenFault.HEADER)
    if not isinstance(kind, str) or kind.lower() not in _TYPES:
        # A logout or security-event token is signed with the same keys and means something else.
        raise RefusedTokenError(TokenFault.HEADER)
    if not isinstance(key_id, str):
        raise RefusedTokenError(TokenFault.UNKNOWN_KEY)
    return key_id


def _fault(error: PyJWTError) -> TokenFault:
    kinds = (fault for kind, fault in _FAULTS if isinstance(error, kind))
    return next(kinds, TokenFault.MALFORMED)
