"""API keys: made once, shown once, stored as a hash, looked up by a public prefix.

A key reads ``clr_<id>_<secret>``. The secret has 256 random bits, so a plain SHA-256 is enough:
there is nothing to guess, and checking stays cheap. Absent, malformed, unknown, wrong, expired and
revoked keys all fail with the same words, and so does a key whose row can no longer be understood:
what was meant to narrow it may be the part that is lost.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, select

from acl import strict_json
from acl.caller import NOT_NARROWED, ApiScope, Caller, Narrowing
from acl.errors import (
    AclError,
    NotFoundError,
    SpentKeyError,
    TenantDisabledError,
)
from acl.identity.faults import RefusedTokenError, TokenFault
from acl.identity.narrowing import dump_narrowing, parse_narrowing
from acl.models import ApiKeyRow, Tenant
from acl.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from acl.orm import Database

PREFIX: Final = "clr_"
TENANT_DISABLED: Final = "this tenant is disabled"
DEFAULT_OVERLAP: Final = timedelta(days=1)

_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
_FORM = re.compile(r"clr_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)


class KeyState(StrEnum):
    """Whether a key lets in. ``damaged``: its row cannot be understood."""

    GOOD = "good"
    EXPIRED = "expired"
    REVOKED = "revoked"
    DAMAGED = "damaged"


_FAULTS: Final = {
    KeyState.EXPIRED: TokenFault.EXPIRED,
    KeyState.REVOKED: TokenFault.REVOKED,
    KeyState.DAMAGED: TokenFault.MALFORMED,
}


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key just made. ``token`` is not stored and cannot be shown again."""

    key_id: str
    token: str


def create_key(
    session: Session,
    tenant: str,
    subject: Principal,
    *,
    api_scopes: Iterable[ApiScope],
    now: datetime,
    actor: Principal | None = None,
    label: str = "",
    expires_at: datetime | None = None,
    narrowing: Narrowing = NOT_NARROWED,
    replaces: str | None = None,
) -> NewKey:
    """Make a key that speaks for ``subject`` (through ``actor``, if an agent holds it).

    Args:
        session: of the tenant, for writing.
        tenant: the only tenant the key is good for.
        subject: who asks with it: a user or a service.
        api_scopes: what it may be used for.
        now: aware UTC.
        actor: the agent that holds it; the view is then what both may see.
        label: a note to recognise it by.
        expires_at: from then on it is refused; None for never.
        narrowing: what it takes away from the view.
        replaces: the id of the key it was made to replace.

    Raises:
        InvalidPrincipalError: a group or everyone cannot call.
        InvalidAclError: ``narrowing`` names what cannot be named.
    """
    scopes = frozenset(api_scopes)
    actors = () if actor is None else (actor,)
    Caller(tenant, subject, actors, scopes)  # refuses a group or 'everyone' as an identity
    key_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
    session.add(
        ApiKeyRow(
            tenant=tenant,
            key_id=key_id,
            secret_hash=hashlib.sha256(secret.encode()).digest(),
            subject=str(subject),
            actor=None if actor is None else str(actor),
            api_scopes=" ".join(sorted(scopes)),
            narrowing=dump_narrowing(narrowing),
            label=label,
            created_at=now,
            expires_at=expires_at,
            replaces=replaces,
        )
    )
    return NewKey(key_id, f"{PREFIX}{key_id}_{secret}")


def rotate_key(
    session: Session,
    tenant: str,
    key_id: str,
    *,
    now: datetime,
    overlap: timedelta = DEFAULT_OVERLAP,
) -> NewKey:
    """Make a key like ``key_id``, which stays good for ``overlap`` and is refused after that.

    The new key is good for as long as the old one was made for, counted from now.

    Raises:
        NotFoundError: the tenant has no such key.
        SpentKeyError: it is expired or revoked, or its row cannot be understood.
    """
    old = _row(session, tenant, key_id)
    state = state_of(old, now=now)
    if state is not KeyState.GOOD:
        raise SpentKeyError(f"key {key_id!r} is {state}: create a new one instead")
    caller = _caller_of(old)
    made = create_key(
        session,
        tenant,
        caller.subject,
        api_scopes=caller.api_scopes,
        now=now,
        actor=caller.actors[0] if caller.actors else None,
        label=old.label,
        expires_at=None if old.expires_at is None else now + (old.expires_at - old.created_at),
        narrowing=caller.narrowing,
        replaces=key_id,
    )
    ends = now + overlap
    old.expires_at = ends if old.expires_at is None else min(old.expires_at, ends)
    return made


def revoke_key(session: Session, tenant: str, key_id: str, *, now: datetime) -> None:
    """Refuse the key from the next request on.

    Raises:
        NotFoundError: the tenant has no such key.
    """
    row = _row(session, tenant, key_id)
    row.revoked_at = row.revoked_at or now


def scopes_of(session: Session, tenant: str, key_id: str) -> frozenset[ApiScope]:
    """What a key may be used for.

    Raises:
        NotFoundError: the tenant has no such key.
        SpentKeyError: it is damaged.
    """
    row = _row(session, tenant, key_id)
    try:
        return _caller_of(row).api_scopes
    except (AclError, ValueError):
        state = KeyState.DAMAGED
        raise SpentKeyError(f"key {key_id!r} is {state}: create a new one instead") from None


def state_of(row: ApiKeyRow, *, now: datetime) -> KeyState:
    """Whether a key is good at ``now``, its secret aside."""
    if row.revoked_at is not None:
        return KeyState.REVOKED
    if row.expires_at is not None and now >= row.expires_at:
        return KeyState.EXPIRED
    try:
        _caller_of(row)
    except (AclError, ValueError):
        return KeyState.DAMAGED
    return KeyState.GOOD


@cache
def _with_tenant() -> Select[ApiKeyRow, bool]:
    """A key and whether its tenant is on. Built once: each request asks."""
    return (
        select(ApiKeyRow, Tenant.enabled)
        .join(Tenant, Tenant.name == ApiKeyRow.tenant)
        .where(ApiKeyRow.key_id == bindparam("key"))
    )


def authenticate(database: Database, token: str, *, now: datetime) -> Caller:
    """The caller a key speaks for.

    Raises:
        RefusedTokenError: whatever is wrong with the token; one message for all.
        TenantDisabledError: the key is good, and its tenant is switched off.
    """
    form = _FORM.fullmatch(token)
    if form is None:
        raise RefusedTokenError(TokenFault.MALFORMED)
    key_id, secret = form.groups()
    presented = hashlib.sha256(secret.encode()).digest()
    with database.unguarded("the token says which tenant; before it there is none") as session:
        found = session.execute(_with_tenant(), {"key": key_id}).one_or_none()
        row, enabled = (None, False) if found is None else found
        # Compare against something even when the id is unknown, so that ids cannot be timed.
        stored = bytes(32) if row is None else row.secret_hash
        matches = hmac.compare_digest(stored, presented)
        if row is None or not matches:
            raise RefusedTokenError(TokenFault.UNKNOWN_KEY)
        state = state_of(row, now=now)
        if state is not KeyState.GOOD:
            raise RefusedTokenError(_FAULTS[state], caller=_known_caller(row))
        if not enabled:
            raise TenantDisabledError(TENANT_DISABLED, caller=_caller_of(row))
        return _caller_of(row)


def _row(session: Session, tenant: str, key_id: str) -> ApiKeyRow:
    # Not every text is one that every engine can look up.
    known = _ID.fullmatch(key_id) is not None
    row = session.get(ApiKeyRow, (tenant, key_id)) if known else None
    if row is None:
        raise NotFoundError(f"key {key_id!r} does not exist in this tenant")
    return row


def narrowing_of(row: ApiKeyRow) -> Narrowing:
    """What a key takes away.

    Raises:
        InvalidAclError, ValueError: the row cannot be understood.
    """
    return parse_narrowing(strict_json.loads(row.narrowing))


def _known_caller(row: ApiKeyRow) -> Caller | None:
    """Whom a key would have spoken for; None if its row cannot be understood."""
    try:
        return _caller_of(row)
    except (AclError, ValueError):
        return None


def _caller_of(row: ApiKeyRow) -> Caller:
    """The caller a key's row describes.

    Raises:
        AclError, ValueError: the row cannot be understood, so nobody is.
    """
    return Caller(
        tenant=row.tenant,
        subject=Principal.parse(row.subject),
        actors=() if row.actor is None else (Principal.parse(row.actor),),
        api_scopes=frozenset(ApiScope(scope) for scope in row.api_scopes.split()),
        narrowing=narrowing_of(row),
        via=f"key:{row.key_id}",
    )
