"""Sealed values: what a client carries for us without being able to read, change or reuse it.

AES-SIV (RFC 5297): authenticated, and deterministic, so that the same answer has the same bytes.
What a value is bound to (its purpose, the tenant, the caller, the view) is authenticated with it
and not stored in it: opened anywhere else, it is as good as invented.
"""

from __future__ import annotations

import base64
import binascii
import json
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from acl.digest import keyed
from acl.errors import AclNotCurrentError, InvalidSealError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from acl.caller import Caller

_MAX_CHARS = 4_096


class Purpose(StrEnum):
    """What a sealed value is for; none can stand in for another."""

    CURSOR = "cursor"
    ACL_TOKEN = "acl-token"  # noqa: S105 - a name, not a secret
    SESSION = "session"


def seal(secret: bytes, purpose: Purpose, value: Mapping[str, Any], *bound: str) -> str:
    """``value`` as an opaque string, good only together with ``bound``."""
    plain = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
    sealed = _cipher(secret, purpose).encrypt(plain, [part.encode() for part in bound])
    return _spelled(sealed)


def unseal(secret: bytes, purpose: Purpose, text: str, *bound: str) -> dict[str, Any]:
    """The value of :func:`seal`.

    Raises:
        InvalidSealError: it was not made here, for this purpose and with this ``bound``.
    """
    if len(text) > _MAX_CHARS:
        raise InvalidSealError(f"{purpose}: it is longer than any that was issued")
    try:
        sealed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        if _spelled(sealed) != text:
            raise ValueError("another spelling of a sealed value")  # noqa: TRY301 - one refusal
        plain = _cipher(secret, purpose).decrypt(sealed, [part.encode() for part in bound])
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise InvalidSealError(f"{purpose}: it is not valid here; ask again without it") from error
    value: dict[str, Any] = json.loads(plain)
    return value


def acl_token(secret: bytes, tenant: str, acl_version: int) -> str:
    """Stands for "as of this change": what a write returns and a query may ask to have seen."""
    return seal(secret, Purpose.ACL_TOKEN, {"v": acl_version}, tenant)


def require_current(secret: bytes, tenant: str, token: str, *, acl_version: int) -> None:
    """Refuse to answer from a replica that has not yet seen the change ``token`` stands for.

    Raises:
        InvalidSealError: the token was not issued by this installation for this tenant.
        AclNotCurrentError: the change has not arrived here yet.
    """
    wanted = unseal(secret, Purpose.ACL_TOKEN, token, tenant)["v"]
    if acl_version < wanted:
        raise AclNotCurrentError("at_least_as_fresh: that change has not arrived here yet")


def caller_binding(caller: Caller) -> str:
    """All of a caller that decides what they see, as one string to bind a sealed value to."""
    narrowing = caller.narrowing
    return json.dumps(
        [
            caller.tenant,
            str(caller.subject),
            [str(actor) for actor in caller.actors],
            sorted(str(group) for group in caller.groups),
            caller.groups_from,
            None if narrowing.sources is None else sorted(narrowing.sources),
            None if narrowing.acls is None else sorted(narrowing.acls),
            narrowing.purpose,
        ]
    )


def _spelled(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def _cipher(secret: bytes, purpose: Purpose) -> AESSIV:
    halves = (keyed(secret, "seal", purpose, half) for half in ("mac", "encryption"))
    return AESSIV(b"".join(halves))
