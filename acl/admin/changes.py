"""Changes of a directory as values: said first, judged by what they would do, then made.

Whoever wants something else of the directory (a policy file, a synchronisation, a what-if) says so
as a list of changes; :func:`perform` makes them, in their order and in the caller's transaction,
and :mod:`acl.admin.plan` says beforehand who would gain and who would lose what.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import insert, update

from acl.admin.acls import delete_acl, grant, put_acls, revoke
from acl.admin.directory import (
    add_members,
    bump_acl_version,
    known_principals,
    remove_members,
)
from acl.admin.state import AclState
from acl.models import PrincipalRow
from acl.orm import batches

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.entries import AclEntry, Effect
    from acl.principal import Principal


@dataclass(frozen=True, slots=True)
class SetPrincipal:
    """The principal is known, switched on or off, and kept by this directory (or by none)."""

    principal: Principal
    enabled: bool = True
    managed_by: str | None = None

    def __str__(self) -> str:
        return f"switch {'on' if self.enabled else 'off'} {self.principal}"


@dataclass(frozen=True, slots=True)
class AddMember:
    """``member`` is in ``group``; both become known."""

    group: Principal
    member: Principal
    managed_by: str | None = None

    def __str__(self) -> str:
        return f"add {self.member} to {self.group}"


@dataclass(frozen=True, slots=True)
class RemoveMember:
    """``member`` is not directly in ``group``."""

    group: Principal
    member: Principal

    def __str__(self) -> str:
        return f"remove {self.member} from {self.group}"


@dataclass(frozen=True, slots=True)
class PutAcl:
    """The ACL is in this state; ``was`` is the one it was in, None if there was none."""

    state: AclState
    was: AclState | None = None

    def __str__(self) -> str:
        return f"{'create' if self.was is None else 'change'} ACL {self.state.name}"

    def lines(self) -> Iterator[str]:
        """Everything that becomes different, one thing a line."""
        name, now, was = self.state.name, self.state, self.was
        if was is None:
            yield str(self)
        before = AclState(name) if was is None else was
        if now.parent != before.parent:
            yield f"{name} stands under {now.parent or 'no other ACL'}"
        if now.inherit != before.inherit:
            yield f"{name} {'inherits' if now.inherit else 'does not inherit'}"
        if now.purposes != before.purposes:
            yield f"{name} is for {', '.join(sorted(now.purposes)) or 'any purpose'}"
        kept = {(entry.effect, entry.principal) for entry in now.entries}
        for entry in sorted(before.entries - now.entries, key=_order):
            if (entry.effect, entry.principal) not in kept:
                yield str(Revoke(name, entry.effect, entry.principal))
        for entry in sorted(now.entries - before.entries, key=_order):
            yield str(Grant(name, entry))


@dataclass(frozen=True, slots=True)
class DropAcl:
    """There is no such ACL."""

    name: str

    def __str__(self) -> str:
        return f"remove ACL {self.name}"


@dataclass(frozen=True, slots=True)
class Grant:
    """The ACL has this entry."""

    acl: str
    entry: AclEntry

    def __str__(self) -> str:
        expires = self.entry.expires_at
        until = "" if expires is None else f" until {expires.isoformat()}"
        return f"{self.entry.effect} {self.entry.principal} on {self.acl}{until}"


@dataclass(frozen=True, slots=True)
class Revoke:
    """The ACL has no such entry."""

    acl: str
    effect: Effect
    principal: Principal

    def __str__(self) -> str:
        return f"no {self.effect} of {self.principal} on {self.acl}"


def _order(entry: AclEntry) -> tuple[str, str]:
    return entry.effect.value, str(entry.principal)


Change = SetPrincipal | AddMember | RemoveMember | PutAcl | DropAcl | Grant | Revoke


def lines_of(changes: Iterable[Change]) -> Iterator[str]:
    """What becomes different, one thing a line, in the order of the changes."""
    for change in changes:
        if isinstance(change, PutAcl):
            yield from change.lines()
        else:
            yield str(change)


def perform(
    session: Session, tenant: str, changes: Iterable[Change], *, secret: bytes, now: datetime
) -> None:
    """Make the changes, in their order, in the transaction of ``session``.

    Runs of one kind are made together, so that a hundred thousand members cost a few statements.

    Raises:
        AclError: as the function that makes each change; then the transaction is to be rolled back.
    """
    for kind, run in groupby(changes, type):
        some = list(run)
        if kind is SetPrincipal:
            _set_principals(session, tenant, [c for c in some if isinstance(c, SetPrincipal)], now)
        elif kind is AddMember:
            _add(session, tenant, [c for c in some if isinstance(c, AddMember)], now)
        elif kind is RemoveMember:
            edges = [(c.group, c.member) for c in some if isinstance(c, RemoveMember)]
            remove_members(session, tenant, edges)
        elif kind is PutAcl:
            states = [c.state for c in some if isinstance(c, PutAcl)]
            put_acls(session, tenant, states, secret=secret, now=now)
        else:
            for change in some:
                _one(session, tenant, change, now)


def _one(session: Session, tenant: str, change: Change, now: datetime) -> None:
    match change:
        case DropAcl(name):
            delete_acl(session, tenant, name)
        case Grant(acl, entry):
            grant(session, tenant, acl, entry, now=now)
        case Revoke(acl, effect, principal):
            revoke(session, tenant, acl, effect, principal)
        case _:
            raise AssertionError(f"{type(change).__name__} is made with others of its kind")


def _add(session: Session, tenant: str, changes: Sequence[AddMember], now: datetime) -> None:
    by_keeper: dict[str | None, list[tuple[Principal, Principal]]] = defaultdict(list)
    for change in changes:
        by_keeper[change.managed_by].append((change.group, change.member))
    for managed_by, edges in by_keeper.items():
        add_members(session, tenant, edges, managed_by=managed_by, now=now)


def _set_principals(
    session: Session, tenant: str, changes: Sequence[SetPrincipal], now: datetime
) -> None:
    wanted = {str(change.principal): change for change in changes}  # the last word counts
    known = known_principals(session, tenant, wanted)
    new = [
        {
            "tenant": tenant,
            "principal": name,
            "enabled": change.enabled,
            "managed_by": change.managed_by,
            "created_at": now,
        }
        for name, change in wanted.items()
        if name not in known
    ]
    if new:
        session.execute(insert(PrincipalRow), new)
    alike: dict[tuple[bool, str | None], list[str]] = defaultdict(list)
    for name in sorted(known):
        alike[wanted[name].enabled, wanted[name].managed_by].append(name)
    for (enabled, managed_by), names in alike.items():
        for some in batches(names):
            session.execute(
                update(PrincipalRow)
                .where(PrincipalRow.tenant == tenant, PrincipalRow.principal.in_(some))
                .values(enabled=enabled, managed_by=managed_by)
            )
    if wanted:
        bump_acl_version(session, tenant)
