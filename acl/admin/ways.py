"""The ways from a principal up to every group it is in, for explanations.

The decision asks only *whether* a group is reached (:mod:`acl.reach`); whoever wants to understand
it asks *how*. The shortest way is given, and one through nothing that is switched off where there
is one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.caller import GroupsFrom
from acl.models import MembershipRow, PrincipalRow
from acl.orm import batches
from acl.principal import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from acl.principal import Principal

    Way = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ways:
    """How a principal reaches each principal that an entry may name for it.

    Attributes:
        known: whether the tenant knows the asking principal.
        enabled: whether it is switched on; if not, it reaches nothing.
        live: ways through nothing that is switched off; by what they end at. What an allow needs.
        every: ways at all. What a deny needs.
    """

    known: bool
    enabled: bool
    live: Mapping[str, Way] = field(default_factory=dict)
    every: Mapping[str, Way] = field(default_factory=dict)


def ways_of(
    session: Session,
    tenant: str,
    principal: Principal,
    *,
    asserted: Iterable[Principal] = (),
    groups_from: GroupsFrom = GroupsFrom.DIRECTORY,
) -> Ways:
    """The ways up from ``principal``; arguments as of :func:`acl.reach.of`."""
    me = str(principal)
    row = session.get(PrincipalRow, (tenant, me))
    if row is None or not row.enabled:
        return Ways(known=row is not None, enabled=False)
    starts: dict[str, Way] = {me: (me,)}
    if groups_from is not GroupsFrom.DIRECTORY:
        starts |= {str(group): (me, str(group)) for group in asserted}
    edges = _edges_above(session, tenant, starts)
    if groups_from is GroupsFrom.CLAIM:
        edges[me] = []
    reached = {*starts, *(group for groups in edges.values() for group in groups)}
    enabled = _enabled(session, tenant, [*reached, str(EVERYONE)])
    everyone: dict[str, Way] = {str(EVERYONE): (me, str(EVERYONE))}
    live_starts = {name: way for name, way in starts.items() if enabled.get(name, False)}
    live_edges = {
        member: [group for group in groups if enabled.get(group, False)]
        for member, groups in edges.items()
    }
    return Ways(
        known=True,
        enabled=True,
        live=_shortest(live_starts, live_edges)
        | (everyone if enabled.get(str(EVERYONE), False) else {}),
        every=_shortest(starts, edges) | (everyone if str(EVERYONE) in enabled else {}),
    )


def _shortest(starts: Mapping[str, Way], edges: Mapping[str, Sequence[str]]) -> dict[str, Way]:
    """Breadth first, so that the first way found to a group is a shortest."""
    found = dict(starts)
    ahead = list(starts)
    for name in ahead:  # grows while it is walked
        for group in edges.get(name, ()):
            if group not in found:
                found[group] = (*found[name], group)
                ahead.append(group)
    return found


def _edges_above(session: Session, tenant: str, starts: Mapping[str, Way]) -> dict[str, list[str]]:
    """The groups of everything on the way up, level by level."""
    edges: dict[str, list[str]] = defaultdict(list)
    seen, level = set(starts), sorted(starts)
    while level:
        above: set[str] = set()
        for some in batches(level):
            rows = session.execute(
                # Without ORDER BY: SQLite would walk the whole index of groups for it.
                select(MembershipRow.member, MembershipRow.grp).where(
                    MembershipRow.tenant == tenant, MembershipRow.member.in_(some)
                )
            )
            for member, group in sorted((row.member, row.grp) for row in rows):
                edges[member].append(group)
                above.add(group)
        level = sorted(above - seen)
        seen |= above
    return edges


def _enabled(session: Session, tenant: str, names: Sequence[str]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for some in batches(sorted(set(names))):
        rows = session.execute(
            select(PrincipalRow.principal, PrincipalRow.enabled).where(
                PrincipalRow.tenant == tenant, PrincipalRow.principal.in_(some)
            )
        )
        found.update((row.principal, row.enabled) for row in rows)
    return found
