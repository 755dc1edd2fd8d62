"""Who would gain and who would lose what: the change is made, looked at, and taken back.

Nothing is predicted. The audiences of the ACLs that a change can touch are read before it, the
change is made inside a savepoint by the very code that would make it for good, they are read again,
and the savepoint is rolled back. So a plan is what then happens, or the change is refused by both.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from acl.admin.audience import audiences, inheriting, naming
from acl.admin.changes import (
    AddMember,
    DropAcl,
    Grant,
    PutAcl,
    RemoveMember,
    Revoke,
    SetPrincipal,
    lines_of,
    perform,
)
from acl.admin.directory import known_principals
from acl.models import AclContentRow, AclRow
from acl.orm import batches
from acl.principal import EVERYONE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.admin.changes import Change

SHOWN: Final = 20
"""Names that JSON and tables give of who gains and who loses; the counts are whole."""


@dataclass(frozen=True, slots=True)
class Shift:
    """What a change does to the audience of one ACL.

    Attributes:
        acl: its name.
        guards: whether documents stand under it, so that somebody really sees more or less.
        gains: users and services who see it after and not before, in order.
        loses: those who see it before and not after.
    """

    acl: str
    guards: bool
    gains: tuple[str, ...]
    loses: tuple[str, ...]

    def to_dict(self, shown: int = SHOWN) -> dict[str, object]:
        """JSON-ready: counts, and the first names."""
        return {
            "acl": self.acl,
            "guards_documents": self.guards,
            "gains": {"count": len(self.gains), "first": list(self.gains[:shown])},
            "loses": {"count": len(self.loses), "first": list(self.loses[:shown])},
        }


@dataclass(frozen=True, slots=True)
class Plan:
    """Changes, and what they do.

    Attributes:
        changes: what would be changed, in the order in which it would be.
        shifts: ACLs whose audience changes, by name; those with documents first.
        touched: how many ACLs were looked at because the changes could have touched them.
    """

    changes: tuple[Change, ...]
    shifts: tuple[Shift, ...]
    touched: int

    @property
    def empty(self) -> bool:
        """True if there is nothing to change."""
        return not self.changes

    def to_dict(self, shown: int = SHOWN) -> dict[str, object]:
        """JSON-ready."""
        lines = list(lines_of(self.changes))
        return {
            "changes": {"count": len(lines), "first": lines[: 5 * shown]},
            "audiences": [shift.to_dict(shown) for shift in self.shifts],
            "acls_touched": self.touched,
        }


def plan(
    session: Session, tenant: str, changes: Sequence[Change], *, secret: bytes, now: datetime
) -> Plan:
    """What ``changes`` would do at ``now``; the directory is left as it was.

    Args:
        session: a write transaction; nothing of it but a savepoint is rolled back.
        tenant: whose directory.
        changes: see :mod:`acl.admin.changes`.
        secret: the installation's.
        now: aware UTC.

    Raises:
        AclError: the changes cannot be made; the same as :func:`carry_out`.
    """
    with rolled_back(session):
        return carry_out(session, tenant, changes, secret=secret, now=now)


@contextmanager
def rolled_back(session: Session) -> Iterator[None]:
    """Whatever is changed within is taken back afterwards; the transaction goes on as before."""
    session.flush()
    savepoint = session.begin_nested()
    try:
        yield
    finally:
        savepoint.rollback()
        session.expire_all()  # what was read within is not so


def carry_out(
    session: Session, tenant: str, changes: Sequence[Change], *, secret: bytes, now: datetime
) -> Plan:
    """Make ``changes`` and say what they did; arguments and errors as of :func:`plan`."""
    if not changes:
        return Plan((), (), 0)
    touched = _touched(session, tenant, changes)
    names = _names(session, tenant, touched)
    before = audiences(session, tenant, touched, now=now)
    perform(session, tenant, changes, secret=secret, now=now)
    made = {change.state.name for change in changes if isinstance(change, PutAcl)}
    touched |= _ids(session, tenant, made)
    names |= _names(session, tenant, touched)
    after = audiences(session, tenant, touched, now=now)
    guarding = _guarding(session, tenant, touched)
    shifts = []
    for acl_id in touched:
        had, has = before.get(acl_id, frozenset()), after[acl_id]
        if had != has:
            gains, loses = tuple(sorted(has - had)), tuple(sorted(had - has))
            shifts.append(Shift(names[acl_id], acl_id in guarding, gains, loses))
    shifts.sort(key=lambda shift: (not shift.guards, shift.acl))
    return Plan(tuple(changes), tuple(shifts), len(touched))


def _touched(session: Session, tenant: str, changes: Sequence[Change]) -> set[str]:
    """Ids of every ACL there is whose audience the changes can move, asked before they are made.

    What is there now is enough. If somebody reaches a named group only afterwards, then by way of a
    new membership, and from the last such one upwards the way is an old one. If an ACL has another
    chain afterwards, then from the nearest changed ACL downwards it inherits as before.
    """
    acls: set[str] = set()
    principals: set[str] = set()
    made_known: set[str] = set()
    for change in changes:
        match change:
            case SetPrincipal(principal):
                # 'everyone' is whoever is known and switched on
                principals |= {str(principal), str(EVERYONE)}
            case AddMember(group, member):
                principals |= {str(group), str(member)}
                made_known.add(str(member))
            case RemoveMember(group):
                principals.add(str(group))
            case PutAcl(state):
                acls.add(state.name)
                made_known.update(str(entry.principal) for entry in state.entries)
            case DropAcl(acl) | Revoke(acl):
                acls.add(acl)
            case Grant(acl, entry):
                acls.add(acl)
                made_known.add(str(entry.principal))
    if made_known - known_principals(session, tenant, made_known):
        principals.add(str(EVERYONE))
    return inheriting(
        session, tenant, _ids(session, tenant, acls) | naming(session, tenant, principals)
    )


def _ids(session: Session, tenant: str, names: Iterable[str]) -> set[str]:
    return {
        found
        for some in batches(sorted(names))
        for found in session.scalars(
            select(AclRow.id).where(AclRow.tenant == tenant, AclRow.name.in_(some))
        )
    }


def _names(session: Session, tenant: str, ids: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for some in batches(sorted(ids)):
        rows = session.execute(
            select(AclRow.id, AclRow.name).where(AclRow.tenant == tenant, AclRow.id.in_(some))
        )
        found.update((row.id, row.name) for row in rows)
    return found


def _guarding(session: Session, tenant: str, ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for some in batches(sorted(ids)):
        found.update(
            session.scalars(
                select(AclContentRow.acl_id)
                .where(AclContentRow.tenant == tenant, AclContentRow.acl_id.in_(some))
                .distinct()
            )
        )
    return found
