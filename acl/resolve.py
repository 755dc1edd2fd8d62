"""The one decision: ``resolve(caller) -> AccessScope``. The sole minter of scopes.

The chain of an ACL is itself and its ancestors up to the first with ``inherit: false``. A caller
sees an ACL iff some unexpired allow in the chain names one of the caller's principals **and** no
unexpired deny in the chain does. What the caller is narrowed to is taken away after that, what is
kept by a synchronisation that is too old to trust, and sources that are switched off.
:mod:`acl.reach` says it in SQL; here the answers are put together. Every step below takes away or
leaves as it is; none adds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import bindparam, select

from acl import reach, switches
from acl.errors import NotFoundError, ScopeTooLargeError, TenantDisabledError
from acl.models import Tenant
from acl.orm import prepared
from acl.scope import MINT, AccessScope

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from acl.caller import Caller, Narrowing
    from acl.reach import Reached

DEFAULT_MAX_ACLS = 10_000


class Versions(NamedTuple):
    """What a tenant's caches are compared with."""

    acl: int
    content: int


def versions_of(session: Session, tenant: str) -> Versions:
    """The versions of a tenant that exists and is switched on.

    Raises:
        NotFoundError: the tenant does not exist.
        TenantDisabledError: the tenant is switched off.
    """
    found = session.execute(_tenant(), {"name": tenant}).first()
    if found is None:
        raise NotFoundError(f"tenant {tenant!r} does not exist")
    if not found.enabled:
        raise TenantDisabledError("this tenant is disabled")
    return Versions(found.acl_version, found.content_version)


def resolve(
    session: Session,
    caller: Caller,
    *,
    now: datetime,
    max_acls: int = DEFAULT_MAX_ACLS,
    versions: Versions | None = None,
) -> AccessScope:
    """Decide what ``caller`` may see at ``now``.

    A caller or actor who is unknown or disabled sees nothing. With actors, the view is the
    intersection: neither the agents nor the user widen one another.

    Args:
        session: of the caller's tenant.
        caller: who asks, for whom, narrowed to what.
        now: aware UTC.
        max_acls: how many ACLs a caller may see at most.
        versions: the tenant's, if this session has read them in this transaction.

    Raises:
        NotFoundError, TenantDisabledError: as :func:`versions_of`.
        ScopeTooLargeError: more than ``max_acls`` ACLs would be visible.
    """
    version = (versions or versions_of(session, caller.tenant)).acl
    outdated, next_closing = reach.outdated(session, caller.tenant, now)
    everyone = _each(session, caller, now, closing=bool(outdated))
    admitted = frozenset.intersection(*(one.acl_ids for one in everyone))
    if caller.narrowing.acls is not None:
        admitted &= reach.below(session, caller.tenant, caller.narrowing.acls)
    closed = {acl_id: name for one in everyone for acl_id, name in one.closed.items()}
    visible = admitted - closed.keys()
    if len(visible) > max_acls:
        # Cutting the list would answer from an arbitrary part of the caller's documents.
        raise ScopeTooLargeError(
            f"the caller sees {len(visible)} ACLs, more than the maximum of {max_acls}: group "
            "documents under fewer ACLs, or raise CLEARANCE_MAX_VISIBLE_ACLS"
        )
    changes = (next_closing, *(one.expiry for one in everyone))
    left = _left(session, caller, admitted)
    guarding = reach.guarding(session, caller.tenant, admitted & closed.keys(), left)
    return AccessScope(
        caller=caller,
        acl_ids=visible,
        sources=left.sources,
        closed=frozenset(closed[acl_id] for acl_id in guarding),
        as_of=now,
        valid_until=min((change for change in changes if change is not None), default=None),
        acl_version=version,
        mint=MINT,
    )


def _left(session: Session, caller: Caller, admitted: frozenset[str]) -> Narrowing:
    """The caller's narrowing, without the sources that are switched off.

    Said by naming the sources that are left, of those the caller could see something in: an index
    can be asked for any of some sources, and a chunk that stands in one of them too stays visible.
    """
    off = switches.sources_off(session, caller.tenant)
    if not off:
        return caller.narrowing
    named = caller.narrowing.sources
    there = reach.sources_under(session, caller.tenant, admitted)
    return replace(caller.narrowing, sources=(there if named is None else there & named) - off)


def _each(session: Session, caller: Caller, now: datetime, *, closing: bool) -> list[Reached]:
    """What the subject and every actor reach, each alone; at least the subject."""
    purpose = caller.narrowing.purpose
    subject = reach.of(
        session,
        caller.tenant,
        caller.subject,
        now=now,
        purpose=purpose,
        closing=closing,
        asserted=caller.groups,
        groups_from=caller.groups_from,
    )
    actors = (
        reach.of(session, caller.tenant, actor, now=now, purpose=purpose, closing=closing)
        for actor in caller.actors
    )
    return [subject, *actors]


@prepared
def _tenant() -> Select[bool, int, int]:
    return select(Tenant.enabled, Tenant.acl_version, Tenant.content_version).where(
        Tenant.name == bindparam("name")
    )
