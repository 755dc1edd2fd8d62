"""API keys: made once, shown once, stored as a hash, looked up by a public prefix.

A key reads ``clr_<id>_<secret>``. The secret has 256 random bits, so a plain SHA-256 is enough:
there is nothing to guess, and checking stays cheap. Absent, malformed, unknown, wrong, expired and
revoked keys all fail with the same words.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.caller import ApiScope, Caller
from acl.errors import InvalidTokenError, NotFoundError
from acl.models import ApiKeyRow, Tenant
from acl.principal import Principal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.orm import Database

_FORM = re.compile(r"clr_([0-9a-f]{16})_([A-Za-z0-9_-]{43})", re.ASCII)
REFUSED = "the bearer token is missing, unknown, expired or revoked"


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
) -> NewKey:
    """Make a key that speaks for ``subject`` (through ``actor``, if an agent holds it)."""
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
            label=label,
            created_at=now,
            expires_at=expires_at,
        )
    )
    return NewKey(key_id, f"clr_{key_id}_{secret}")


def revoke_key(session: Session, tenant: str, key_id: str, *, now: datetime) -> None:
    """Refuse the key from the next request on.

    Raises:
        NotFoundError: the tenant has no such key.
    """
    row = session.get(ApiKeyRow, (tenant, key_id))
    if row is None:
        raise NotFoundError(f"key {key_id!r} does not exist in this tenant")
    row.revoked_at = row.revoked_at or now


def authenticate(database: Database, token: str, *, now: datetime) -> Caller:
    """The caller a key speaks for.

    Raises:
        InvalidTokenError: whatever is wrong with the token; one message for all.
    """
    form = _FORM.fullmatch(token)
    if form is None:
        raise InvalidTokenError(REFUSED)
    key_id, secret = form.groups()
    presented = hashlib.sha256(secret.encode()).digest()
    with database.unguarded("the token says which tenant; before it there is none") as session:
        row = session.scalar(
            select(ApiKeyRow)
            .join(Tenant, Tenant.name == ApiKeyRow.tenant)
            .where(ApiKeyRow.key_id == key_id)
        )
        # Compare against something even when the id is unknown, so that ids cannot be timed.
        stored = bytes(32) if row is None else row.secret_hash
        matches = hmac.compare_digest(stored, presented)
        if row is None or not matches or row.revoked_at is not None:
            raise InvalidTokenError(REFUSED)
        if row.expires_at is not None and now >= row.expires_at:
            raise InvalidTokenError(REFUSED)
        return Caller(
            tenant=row.tenant,
            subject=Principal.parse(row.subject),
            actors=() if row.actor is None else (Principal.parse(row.actor),),
            api_scopes=frozenset(ApiScope(s) for s in row.api_scopes.split()),
        )
