"""Making, replacing and revoking keys on somebody's word: who may hand out what, and the audit.

The rule is that handing out never widens. Over the network, whoever makes a key needs ``acl:admin``
and can give it only API scopes of their own; a token that is itself delegated or narrowed makes
none, because the key would be free of what the token was bound by. A key that an agent holds, or
that is narrowed, is for reading alone (:mod:`acl.identity.authenticate` says why). Whom a key
speaks for is not limited within the tenant: whoever administers its ACLs decides that by grants as
well. The operator at the command line holds the catalogue itself and is limited by nothing.

Every change is audited in its own transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acl.audit.events import EventKind, administered
from acl.caller import NOT_NARROWED, READING, ApiScope, Caller, Narrowing
from acl.errors import EscalationError
from acl.identity.keys import DEFAULT_OVERLAP, create_key, revoke_key, rotate_key, scopes_of
from acl.identity.narrowing import narrowing_to_json

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from sqlalchemy.orm import Session

    from acl.identity.keys import NewKey
    from acl.principal import Principal


@dataclass(frozen=True, slots=True)
class Issuing:
    """Whoever hands out keys: a name for the audit, and what limits them.

    Attributes:
        actor: as the audit names them.
        holds: the API scopes they can give; None if nothing limits them.
        bound: whether they are delegated or narrowed themselves.
    """

    actor: str
    holds: frozenset[ApiScope] | None = None
    bound: bool = False

    @classmethod
    def by(cls, caller: Caller) -> Issuing:
        """``caller`` hands out, over the network."""
        return cls(
            actor=f"{caller.subject} {caller.via}",
            holds=caller.api_scopes,
            bound=caller.bound,
        )

    def require(self, scopes: frozenset[ApiScope]) -> None:
        """Refuse to hand out ``scopes`` unless this one may.

        Raises:
            EscalationError: the message says what is in the way.
        """
        if self.bound:
            raise EscalationError(
                "a delegated or narrowed token makes no keys: use one of the administrator's own"
            )
        if self.holds is not None and (beyond := scopes - self.holds):
            raise EscalationError(
                f"this token lacks the API scope '{min(beyond)}', so it cannot hand it out"
            )


def make(
    session: Session,
    tenant: str,
    subject: Principal,
    *,
    issuing: Issuing,
    api_scopes: frozenset[ApiScope],
    now: datetime,
    actor: Principal | None = None,
    label: str = "",
    expires_at: datetime | None = None,
    narrowing: Narrowing = NOT_NARROWED,
) -> NewKey:
    """Make a key; arguments as of :func:`acl.identity.keys.create_key`.

    Raises:
        EscalationError: ``issuing`` may not hand this out.
        InvalidPrincipalError, InvalidAclError: an argument is malformed.
    """
    issuing.require(api_scopes)
    if (actor is not None or narrowing != NOT_NARROWED) and (offices := api_scopes - READING):
        raise EscalationError(
            f"a key that an agent holds, or that is narrowed, is for reading alone: leave out "
            f"'{min(offices)}', or make a key of its own for that"
        )
    made = create_key(
        session,
        tenant,
        subject,
        api_scopes=api_scopes,
        now=now,
        actor=actor,
        label=label,
        expires_at=expires_at,
        narrowing=narrowing,
    )
    body = {
        "key": made.key_id,
        "subject": str(subject),
        "held_by": None if actor is None else str(actor),
        "scopes": sorted(api_scopes),
        "narrowing": narrowing_to_json(narrowing),
        "expires_at": None if expires_at is None else expires_at.isoformat(),
    }
    administered(session, tenant, issuing.actor, EventKind.KEY_CREATE, body, now=now)
    return made


def rotate(
    session: Session,
    tenant: str,
    key_id: str,
    *,
    issuing: Issuing,
    now: datetime,
    overlap: timedelta = DEFAULT_OVERLAP,
) -> NewKey:
    """Replace a key; see :func:`acl.identity.keys.rotate_key`.

    Raises:
        NotFoundError: the tenant has no such key.
        SpentKeyError: it is expired or revoked.
        EscalationError: ``issuing`` may not hand out what the key is good for.
    """
    issuing.require(scopes_of(session, tenant, key_id))
    made = rotate_key(session, tenant, key_id, now=now, overlap=overlap)
    body = {
        "key": made.key_id,
        "replaces": key_id,
        "overlap_seconds": int(overlap.total_seconds()),
    }
    administered(session, tenant, issuing.actor, EventKind.KEY_ROTATE, body, now=now)
    return made


def revoke(session: Session, tenant: str, key_id: str, *, issuing: Issuing, now: datetime) -> None:
    """Refuse a key from the next request on. It only takes away, so ``issuing`` is not limited.

    Raises:
        NotFoundError: the tenant has no such key.
    """
    revoke_key(session, tenant, key_id, now=now)
    administered(session, tenant, issuing.actor, EventKind.KEY_REVOKE, {"key": key_id}, now=now)
