"""Setting and unsetting flags: each change in one transaction with its history and its audit row.

REST and the command line both come here. The order is that of all administration: stand in line,
look at what is there, change, write down who did it, and mark what others have read as outdated.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, select, update

from acl.admin.directory import bump_acl_version, lock_directory
from acl.audit.events import EventKind, administered
from acl.errors import NotFoundError
from acl.models import Tenant
from acl.switches import FlagRow
from ingestion.models import SourceRow
from retrieval.flags.flag import OFF, Flag, FlagName, check_reason
from retrieval.flags.rows import FlagChangeRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.orm import Database


@dataclass(frozen=True, slots=True)
class SetFlag:
    """A flag that is set, since when, by whom and why."""

    flag: Flag
    value: str
    changed_at: datetime | None
    changed_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one flag.

    Attributes:
        number: counts the tenant's changes from 1.
        before: the value; None if the flag was not set.
        after: likewise.
        undoes: the first of the changes that a rollback took back, if this is part of one.
    """

    number: int
    at: datetime
    actor: str
    flag: Flag
    before: str | None
    after: str | None
    reason: str
    undoes: int | None


@contextmanager
def switching(database: Database, tenant: str, actor: str, *, now: datetime) -> Iterator[Switching]:
    """One transaction of changes: all of them with history and audit, or nothing.

    Raises:
        NotFoundError: the tenant does not exist.
    """
    with database.write(tenant) as session:
        lock_directory(session, tenant)
        yield Switching(session, tenant, actor, now=now)


class Switching:
    """The changes an operator can make, in the transaction of ``session``."""

    def __init__(self, session: Session, tenant: str, actor: str, *, now: datetime) -> None:
        self._session = session
        self._tenant = tenant
        self._actor = actor
        self._now = now

    def acl_version(self) -> int:
        """Of the tenant, these changes included."""
        version: int = self._session.scalars(
            select(Tenant.acl_version).where(Tenant.name == self._tenant)
        ).one()
        return version

    def set(self, flag: Flag, value: str, *, reason: str = "") -> Change | None:
        """Give a flag a value. Returns the change; None if it had that value.

        Raises:
            InvalidFlagError: it takes no such value.
            NotFoundError: it is about a source that does not exist.
        """
        flag.check_value(value)
        if flag.name is FlagName.SOURCE:
            _require_source(self._session, self._tenant, flag.target)
        return self._bring(flag, value, reason=reason)

    def unset(self, flag: Flag, *, reason: str = "") -> Change | None:
        """Take a flag back. Returns the change; None if it was not set."""
        return self._bring(flag, None, reason=reason)

    def roll_back(self, number: int, *, reason: str = "") -> list[Change]:
        """Bring every flag to where it stood before a change; what came after it goes too.

        Raises:
            NotFoundError: there is no such change.
        """
        unknown = NotFoundError(f"change {number}: this tenant's flags have no such change")
        if not 1 <= number < self._next():  # nor may it be larger than a database can compare with
            raise unknown
        since = [
            _change(row)
            for row in self._session.scalars(
                select(FlagChangeRow)
                .where(FlagChangeRow.tenant == self._tenant, FlagChangeRow.number >= number)
                .order_by(FlagChangeRow.number)
            )
        ]
        if not since or since[0].number != number:
            raise unknown
        stood: dict[Flag, str | None] = {}
        for change in since:
            stood.setdefault(change.flag, change.before)
        made = (
            self._bring(flag, value, reason=reason, undoes=number)
            for flag, value in sorted(stood.items())
        )
        return [change for change in made if change is not None]

    def _bring(
        self, flag: Flag, value: str | None, *, reason: str, undoes: int | None = None
    ) -> Change | None:
        check_reason(reason)
        before = self._value(flag)
        if value == before:
            return None
        self._store(flag, value, reason)
        change = Change(
            number=self._next(),
            at=self._now,
            actor=self._actor,
            flag=flag,
            before=before,
            after=value,
            reason=reason,
            undoes=undoes,
        )
        self._write_down(change)
        bump_acl_version(self._session, self._tenant)
        return change

    def _value(self, flag: Flag) -> str | None:
        if flag.name is FlagName.TENANT:
            return None if _enabled(self._session, self._tenant) else OFF
        row = self._session.get(FlagRow, (self._tenant, flag.name.value, flag.target))
        return None if row is None else row.value

    def _store(self, flag: Flag, value: str | None, reason: str) -> None:
        if flag.name is FlagName.TENANT:
            # The tenant's own status, which authentication and the decision look at; not doubled.
            self._session.execute(
                update(Tenant).where(Tenant.name == self._tenant).values(enabled=value is None)
            )
            return
        self._session.execute(
            delete(FlagRow).where(
                FlagRow.tenant == self._tenant,
                FlagRow.name == flag.name.value,
                FlagRow.target == flag.target,
            )
        )
        self._session.expire_all()
        if value is not None:
            self._session.add(
                FlagRow(
                    tenant=self._tenant,
                    name=flag.name.value,
                    target=flag.target,
                    value=value,
                    changed_at=self._now,
                    changed_by=self._actor,
                    reason=reason,
                )
            )
            self._session.flush()

    def _next(self) -> int:
        last = self._session.scalar(
            select(func.max(FlagChangeRow.number)).where(FlagChangeRow.tenant == self._tenant)
        )
        return (last or 0) + 1

    def _write_down(self, change: Change) -> None:
        self._session.add(
            FlagChangeRow(
                tenant=self._tenant,
                number=change.number,
                at=change.at,
                actor=change.actor,
                name=change.flag.name.value,
                target=change.flag.target,
                before=change.before,
                after=change.after,
                reason=change.reason,
                undoes=change.undoes,
            )
        )
        self._session.flush()
        administered(
            self._session,
            self._tenant,
            self._actor,
            _kind(change),
            {
                "flag": str(change.flag),
                "before": change.before,
                "after": change.after,
                "change": change.number,
                "undoes": change.undoes,
                "reason": change.reason,
            },
            now=self._now,
        )


def set_flags(session: Session, tenant: str) -> list[SetFlag]:
    """Every flag that is set, in order.

    Raises:
        NotFoundError: the tenant does not exist.
    """
    found = [
        SetFlag(_flag(row), row.value, row.changed_at, row.changed_by, row.reason)
        for row in session.scalars(select(FlagRow).where(FlagRow.tenant == tenant))
    ]
    if not _enabled(session, tenant):
        flag = Flag(FlagName.TENANT)
        last = next((c for c in history(session, tenant) if c.flag == flag), None)
        found.append(
            SetFlag(
                flag,
                OFF,
                None if last is None else last.at,
                "" if last is None else last.actor,
                "" if last is None else last.reason,
            )
        )
    return sorted(found, key=lambda one: one.flag)


def history(session: Session, tenant: str, *, limit: int | None = None) -> list[Change]:
    """The tenant's changes, the latest first."""
    rows: Sequence[FlagChangeRow] = session.scalars(
        select(FlagChangeRow)
        .where(FlagChangeRow.tenant == tenant)
        .order_by(FlagChangeRow.number.desc())
        .limit(limit)
    ).all()
    return [_change(row) for row in rows]


def _change(row: FlagChangeRow) -> Change:
    return Change(
        row.number, row.at, row.actor, _flag(row), row.before, row.after, row.reason, row.undoes
    )


def _flag(row: FlagRow | FlagChangeRow) -> Flag:
    return Flag(FlagName(row.name), row.target)


def _kind(change: Change) -> EventKind:
    if change.flag.name is FlagName.TENANT:
        return EventKind.TENANT_ENABLE if change.after is None else EventKind.TENANT_DISABLE
    return EventKind.FLAG_UNSET if change.after is None else EventKind.FLAG_SET


def _enabled(session: Session, tenant: str) -> bool:
    enabled = session.scalar(select(Tenant.enabled).where(Tenant.name == tenant))
    if enabled is None:
        raise NotFoundError(f"tenant {tenant!r} does not exist")
    return enabled


def _require_source(session: Session, tenant: str, source: str) -> None:
    """A misspelled name would switch nothing off, and nobody would notice."""
    if session.get(SourceRow, (tenant, source)) is None:
        raise NotFoundError(f"source {source!r} does not exist in this tenant")
