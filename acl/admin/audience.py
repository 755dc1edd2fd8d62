"""The audience of ACLs: which users and services see each, read from the ACL towards people.

:mod:`acl.reach` asks what one principal reaches; this asks the same question backwards, for a few
ACLs at a time: up each chain for the entries, down the memberships for whom those name. It is what
a change is judged by before it is made. What it must never become: a way to admit anybody; a query
is answered by :mod:`acl.resolve` alone.

What a token narrows away (purposes included) and ACLs too old to trust are left out: an audience is
who the directory admits, by whatever token and on whatever day's listing.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, String, and_, bindparam, or_, select, type_coerce
from sqlalchemy.orm import aliased

from acl.entries import Effect
from acl.models import AclEntryRow, AclRow, MembershipRow, PrincipalRow
from acl.ordered_join import onwards
from acl.orm import UtcDateTime, batches, prepared
from acl.principal import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from datetime import datetime

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

_TENANT = bindparam("tenant_name", type_=String)
_NOW = bindparam("now", type_=UtcDateTime)
_SOME = bindparam("some", expanding=True, type_=String)
_GROUP = "group:"
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Named:
    """Whom the unexpired entries of a chain name. ACLs that name alike have one audience."""

    allowed: frozenset[str]
    denied: frozenset[str]


@dataclass(slots=True)
class _Below:
    """Users and services below each principal that entries name.

    Attributes:
        live: reached through nothing that is switched off; what an allow admits.
        every: reached at all; what a deny refuses.
    """

    live: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    every: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))


def audiences(
    session: Session, tenant: str, acl_ids: Collection[str], *, now: datetime
) -> dict[str, frozenset[str]]:
    """The users and services who see each ACL at ``now``; nobody for ids that do not exist.

    Work is proportional to the chains of these ACLs and to the people below whom they name; ACLs
    that name the same principals are worked out once and share one set.
    """
    named = _named(session, tenant, acl_ids, now)
    distinct = set(named.values())
    below = _below(session, tenant, {name for one in distinct for name in one.allowed | one.denied})
    admitted = {one: _admitted(one, below) for one in distinct}
    return {
        acl_id: admitted[named[acl_id]] if acl_id in named else frozenset() for acl_id in acl_ids
    }


def _admitted(named: Named, below: _Below) -> frozenset[str]:
    allowed = frozenset().union(*(below.live[name] for name in named.allowed))
    return allowed.difference(*(below.every[name] for name in named.denied))


def naming(session: Session, tenant: str, principals: Iterable[str]) -> set[str]:
    """ACLs with an entry for one of these principals, or for a group above one of them."""
    above = set(principals)
    for some in batches(sorted(above), _BATCH):
        above.update(session.scalars(_above(), {"tenant_name": tenant, "some": some}))
    found: set[str] = set()
    for some in batches(sorted(above), _BATCH):
        found.update(
            session.scalars(
                select(AclEntryRow.acl_id)
                .where(AclEntryRow.tenant == tenant, AclEntryRow.principal.in_(some))
                .distinct()
            )
        )
    return found


def inheriting(session: Session, tenant: str, acl_ids: Iterable[str]) -> set[str]:
    """These ACLs and all that inherit from them."""
    found: set[str] = set()
    for some in batches(sorted(set(acl_ids)), _BATCH):
        found.update(session.scalars(_heirs(), {"tenant_name": tenant, "some": some}))
    return found


def _named(
    session: Session, tenant: str, acl_ids: Collection[str], now: datetime
) -> Mapping[str, Named]:
    """For each ACL that exists, whom its chain names."""
    effects: dict[str, dict[str, set[str]]] = {}
    for some in batches(sorted(acl_ids), _BATCH):
        values = {"tenant_name": tenant, "now": now, "some": some}
        for acl_id, effect, principal in session.execute(_entries_of_chains(), values):
            of = effects.setdefault(acl_id, {"allow": set(), "deny": set()})
            if effect is not None:
                of[effect].add(principal)
    return {
        acl_id: Named(frozenset(of[Effect.ALLOW]), frozenset(of[Effect.DENY]))
        for acl_id, of in effects.items()
    }


def _below(session: Session, tenant: str, names: set[str]) -> _Below:
    below = _Below()
    shared: dict[str, str] = {}  # one object for each name, however many groups it is in
    for some in batches(sorted(names - {str(EVERYONE)}), _BATCH):
        values = {"tenant_name": tenant, "some": some}
        for top, member, live in session.execute(_members_below(), values):
            one = shared.setdefault(member, member)
            below.every[top].add(one)
            if live:
                below.live[top].add(one)
    if str(EVERYONE) in names:
        _fill_everyone(session, tenant, below)
    return below


def _fill_everyone(session: Session, tenant: str, below: _Below) -> None:
    """Everyone switched on; a principal like the others, so it can be switched off itself."""
    people = set(
        session.scalars(
            select(PrincipalRow.principal).where(
                PrincipalRow.tenant == tenant,
                PrincipalRow.enabled,
                PrincipalRow.principal.not_like(f"{_GROUP}%"),
                PrincipalRow.principal != str(EVERYONE),
            )
        )
    )
    everyone = session.get(PrincipalRow, (tenant, str(EVERYONE)), populate_existing=True)
    if everyone is None:
        return
    below.every[str(EVERYONE)] = people
    if everyone.enabled:
        below.live[str(EVERYONE)] = people


@prepared
def _entries_of_chains() -> Select[Any]:
    """(ACL asked for, effect, principal) of every unexpired entry in its chain; nulls for none."""
    chain = (
        select(AclRow.id.label("asked"), AclRow.id.label("at"), AclRow.inherit, AclRow.parent_id)
        .where(AclRow.tenant == _TENANT, AclRow.id.in_(_SOME))
        .cte("chain", recursive=True)
    )
    parent = aliased(AclRow)
    link = and_(parent.tenant == _TENANT, parent.id == chain.c.parent_id, chain.c.inherit)
    chain = chain.union(
        select(chain.c.asked, parent.id, parent.inherit, parent.parent_id).select_from(
            onwards(chain, parent, link)
        )
    )
    entry = aliased(AclEntryRow)
    return (
        select(chain.c.asked, entry.effect, entry.principal)
        .join(
            entry,
            and_(
                entry.tenant == _TENANT,
                entry.acl_id == chain.c.at,
                or_(entry.expires_at.is_(None), entry.expires_at > _NOW),
            ),
            isouter=True,
        )
        .distinct()
    )


@prepared
def _members_below() -> Select[Any]:
    """(named principal, user or service below it, whether all between is switched on).

    A person who is switched off is left out altogether: no allow admits them.
    """
    top = aliased(PrincipalRow)
    down = (
        select(
            top.principal.label("top"),
            top.principal.label("member"),
            type_coerce(top.enabled, Boolean).label("live"),
        )
        .where(top.tenant == _TENANT, top.principal.in_(_SOME))
        .cte("down", recursive=True)
    )
    edge, member, person = aliased(MembershipRow), aliased(PrincipalRow), aliased(PrincipalRow)
    step = onwards(
        onwards(down, edge, and_(edge.tenant == _TENANT, edge.grp == down.c.member)),
        member,
        and_(member.tenant == _TENANT, member.principal == edge.member),
    )
    # UNION, not UNION ALL: a pair already reached is not expanded again, so cycles end.
    down = down.union(
        select(
            down.c.top,
            edge.member,
            type_coerce(and_(down.c.live, member.enabled), Boolean).label("live"),
        ).select_from(step)
    )
    people = and_(
        person.tenant == _TENANT,
        person.principal == down.c.member,
        person.enabled,
        person.principal.not_like(f"{_GROUP}%"),
        person.principal != str(EVERYONE),
    )
    return select(down.c.top, down.c.member, down.c.live).select_from(onwards(down, person, people))


@prepared
def _above() -> Select[Any]:
    """The principals asked for, known or not, and every group above them."""
    edge = aliased(MembershipRow)
    up = (
        select(edge.grp.label("name"))
        .where(edge.tenant == _TENANT, edge.member.in_(_SOME))
        .cte("up", recursive=True)
    )
    further = aliased(MembershipRow)
    on = and_(further.tenant == _TENANT, further.member == up.c.name)
    up = up.union(select(further.grp).select_from(onwards(up, further, on)))
    return select(up.c.name)


@prepared
def _heirs() -> Select[Any]:
    heirs = (
        select(AclRow.id)
        .where(AclRow.tenant == _TENANT, AclRow.id.in_(_SOME))
        .cte("heirs", recursive=True)
    )
    child = aliased(AclRow)
    on = and_(child.tenant == _TENANT, child.parent_id == heirs.c.id, child.inherit)
    return select(heirs.union(select(child.id).select_from(onwards(heirs, child, on))).c.id)
