"""Synchronising users, services and groups with a directory that keeps them.

Rows are marked with the directory's name; only what it keeps is ever taken away by it. Whoever was
switched off by hand stays off, and memberships made by hand stay. Removals far beyond the usual are
more often a broken export than a great clean-up: they are held, while additions are made, until
somebody confirms them. Three kinds are judged each by itself, so that one person's dismissal does
not wait for half a listing that is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from acl.admin.changes import AddMember, RemoveMember, SetPrincipal
from acl.admin.directory import lock_directory
from acl.admin.plan import Plan, carry_out, rolled_back
from acl.models import MembershipRow, PrincipalRow
from acl.principal import Principal, PrincipalKind

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.admin.changes import Change
    from acl.admin.sync_file import Listing

SHRINK_FLOOR: Final = 10
SHRINK_SHARE: Final = 0.2
"""Removals of more than both, of one kind at once, are held."""


class Removal(StrEnum):
    """Kinds of removal, judged each by itself."""

    DEACTIVATED = "deactivated"
    """Listed as inactive."""
    VANISHED = "vanished"
    """Not listed any more."""
    MEMBERSHIPS = "memberships"
    """In a group no more."""


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What a synchronisation did.

    Attributes:
        plan: what was changed, and who sees more or less for it.
        counts: changes by what they did.
        held: removals that were not made, by kind, because they were unusually many.
        left_off: listed as active, but switched off by hand: they stay off.
        kept_elsewhere: listed, but another directory keeps them: they stay as they are.
    """

    plan: Plan
    counts: Mapping[str, int]
    held: Mapping[Removal, int]
    left_off: tuple[str, ...]
    kept_elsewhere: tuple[str, ...]

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return {
            "counts": dict(self.counts),
            "held": {kind.value: count for kind, count in self.held.items()},
            "left_off": list(self.left_off),
            "kept_elsewhere": list(self.kept_elsewhere),
            **self.plan.to_dict(),
        }


@dataclass(slots=True)
class _Wanted:
    """Changes still to be judged."""

    switch_on: list[Change] = field(default_factory=list)
    add: list[Change] = field(default_factory=list)
    remove: dict[Removal, list[Change]] = field(
        default_factory=lambda: {kind: [] for kind in Removal}
    )
    left_off: list[str] = field(default_factory=list)
    kept_elsewhere: list[str] = field(default_factory=list)


def sync(
    session: Session,
    tenant: str,
    name: str,
    listing: Listing,
    *,
    secret: bytes,
    now: datetime,
    confirm_removals: bool = False,
) -> SyncReport:
    """Bring what directory ``name`` keeps in line with its listing. Again, it changes nothing.

    Args:
        session: a write transaction.
        tenant: whose directory.
        name: under which the directory keeps its rows.
        listing: what it says.
        secret: the installation's.
        now: aware UTC.
        confirm_removals: make the removals, however many.
    """
    lock_directory(session, tenant)
    principals = _principals(session, tenant)
    edges = _edges(session, tenant)
    wanted = _Wanted()
    _people(wanted, name, listing, principals)
    if listing.memberships:
        _memberships(wanted, name, listing, edges)
        _mentioned(wanted, name, listing, principals)
    kept = sum(enabled and keeper == name for enabled, keeper in principals.values())
    sizes = {
        Removal.DEACTIVATED: kept,
        Removal.VANISHED: kept,
        Removal.MEMBERSHIPS: sum(keeper == name for keeper in edges.values()),
    }
    held = {
        kind: len(some)
        for kind, some in wanted.remove.items()
        if not confirm_removals and _unusual(some, sizes[kind])
    }
    removals = [
        change for kind, some in wanted.remove.items() if kind not in held for change in some
    ]
    # Additions first: who changes from one group to another is never in neither.
    changes = [*wanted.switch_on, *wanted.add, *removals]
    made = carry_out(session, tenant, changes, secret=secret, now=now)
    return SyncReport(
        plan=made,
        counts=_counts(changes, principals),
        held=held,
        left_off=tuple(sorted(wanted.left_off)),
        kept_elsewhere=tuple(sorted(wanted.kept_elsewhere)),
    )


def plan_sync(
    session: Session,
    tenant: str,
    name: str,
    listing: Listing,
    *,
    secret: bytes,
    now: datetime,
    confirm_removals: bool = False,
) -> SyncReport:
    """What :func:`sync` would do; the directory is left as it was."""
    with rolled_back(session):
        return sync(
            session,
            tenant,
            name,
            listing,
            secret=secret,
            now=now,
            confirm_removals=confirm_removals,
        )


def _people(
    wanted: _Wanted,
    name: str,
    listing: Listing,
    known: Mapping[Principal, tuple[bool, str | None]],
) -> None:
    for principal, active in sorted(listing.active.items()):
        enabled, keeper = known.get(principal, (None, None))
        change = SetPrincipal(principal, active, name)
        if enabled is None:
            wanted.switch_on.append(change)
        elif keeper not in {None, name}:
            wanted.kept_elsewhere.append(str(principal))
        elif keeper is None and not enabled:
            if active:
                wanted.left_off.append(str(principal))
        elif enabled and not active:
            wanted.remove[Removal.DEACTIVATED].append(change)
        elif (enabled, keeper) != (active, name):
            wanted.switch_on.append(change)
    for principal, (enabled, keeper) in sorted(known.items()):
        gone = keeper == name and enabled and principal not in listing.active
        # A group that vanished loses its members; switching it off too would change nothing more.
        if gone and principal.kind in listing.kinds - {PrincipalKind.GROUP}:
            change = SetPrincipal(principal, enabled=False, managed_by=name)
            wanted.remove[Removal.VANISHED].append(change)


def _memberships(
    wanted: _Wanted,
    name: str,
    listing: Listing,
    edges: Mapping[tuple[Principal, Principal], str | None],
) -> None:
    wanted.add += [
        AddMember(group, member, name)
        for group, member in sorted(listing.edges)
        if (group, member) not in edges
    ]
    wanted.remove[Removal.MEMBERSHIPS] += [
        RemoveMember(*edge)
        for edge, keeper in sorted(edges.items())
        if keeper == name and edge not in listing.edges
    ]


def _mentioned(wanted: _Wanted, name: str, listing: Listing, known: Collection[Principal]) -> None:
    """Who is only mentioned as a member or group becomes known under the directory's name.

    Off, if it lists all of that kind and them not: as it would be, had they vanished.
    """
    mentioned = {one for edge in listing.edges for one in edge}
    for principal in sorted(mentioned - listing.active.keys() - set(known)):
        listed = principal.kind in listing.kinds - {PrincipalKind.GROUP}
        wanted.switch_on.append(SetPrincipal(principal, not listed, name))


def _unusual(removals: Collection[Change], kept: int) -> bool:
    return len(removals) > max(SHRINK_FLOOR, SHRINK_SHARE * kept)


def _counts(
    changes: Sequence[Change], known: Mapping[Principal, tuple[bool, str | None]]
) -> dict[str, int]:
    counts = dict.fromkeys(
        ("new", "switched_on", "switched_off", "adopted", "members_added", "members_removed"), 0
    )
    for change in changes:
        match change:
            case AddMember():
                counts["members_added"] += 1
            case RemoveMember():
                counts["members_removed"] += 1
            case SetPrincipal(principal, enabled) if principal not in known:
                counts["new"] += 1
            case SetPrincipal(principal, enabled) if known[principal][0] == enabled:
                counts["adopted"] += 1
            case SetPrincipal(_, enabled):
                counts["switched_on" if enabled else "switched_off"] += 1
    return counts


def _principals(session: Session, tenant: str) -> dict[Principal, tuple[bool, str | None]]:
    rows = session.execute(
        select(PrincipalRow.principal, PrincipalRow.enabled, PrincipalRow.managed_by).where(
            PrincipalRow.tenant == tenant
        )
    )
    return {Principal.parse(name): (enabled, keeper) for name, enabled, keeper in rows}


def _edges(session: Session, tenant: str) -> dict[tuple[Principal, Principal], str | None]:
    rows = session.execute(
        select(MembershipRow.grp, MembershipRow.member, MembershipRow.managed_by).where(
            MembershipRow.tenant == tenant
        )
    )
    parsed: dict[str, Principal] = {}

    def read(name: str) -> Principal:
        if name not in parsed:
            parsed[name] = Principal.parse(name)
        return parsed[name]

    return {(read(group), read(member)): keeper for group, member, keeper in rows}
