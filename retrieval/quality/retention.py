"""Retention of quality records: whole days that are old enough go, and the audit says so.

Records of answers, checks and claims go with everything that hangs on them, and opinions of that
time with their comments. Days are whole (UTC), as analysts are told of whole days: half a day would
change figures that are said never to change. What never lives here: the audit's own retention
(:mod:`retrieval.audit_upkeep`), which takes receipts.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, select

from acl.audit.events import Event, EventKind, append
from acl.audit.kinds import Stream
from retrieval.records import CheckRow, ClaimRow, EvidenceRecordRow, FeedbackRow, RetrievalRow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.orm import Session

    from retrieval.runtime import Runtime

_DAY: Final = timedelta(days=1)
_PARTS: Final = ((RetrievalRow, EvidenceRecordRow), (CheckRow, ClaimRow))
"""Records that have a time, each with the rows that hang on it."""


@dataclass(frozen=True, slots=True)
class Old:
    """What retention removes of one tenant.

    Attributes:
        tenant: whose.
        before: the midnight (UTC) from which on everything stays.
        retrievals: answers.
        checks: checks of claims.
        feedback: opinions.
    """

    tenant: str
    before: datetime
    retrievals: int
    checks: int
    feedback: int

    @property
    def records(self) -> int:
        """How many there are of all kinds."""
        return self.retrievals + self.checks + self.feedback

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "tenant": self.tenant,
            "before": self.before.isoformat(),
            "retrievals": self.retrievals,
            "checks": self.checks,
            "feedback": self.feedback,
        }


def kept_from(runtime: Runtime) -> datetime | None:
    """From when on records are kept by the settings; None if they are kept for good."""
    days = runtime.settings.quality_keep_days
    return None if days is None else runtime.clock() - days * _DAY


def plan_prune(runtime: Runtime, tenant: str, *, before: datetime) -> Old:
    """Count what would go: everything of the days that were over by ``before``.

    Args:
        runtime: the installation.
        tenant: whose records.
        before: aware; the rest of its own day stays.
    """
    midnight = _midnight(before)

    def older(session: Session, row: Any) -> int:
        old = (row.tenant == tenant, row.at < midnight)
        return session.scalar(select(func.count()).select_from(row).where(*old)) or 0

    with runtime.database.read(tenant) as session:
        retrievals, checks = older(session, RetrievalRow), older(session, CheckRow)
    with runtime.audit_database.read(tenant) as session:
        feedback = older(session, FeedbackRow)
    return Old(tenant, midnight, retrievals, checks, feedback)


def prune(runtime: Runtime, planned: Old, *, actor: str) -> None:
    """Remove what was planned, and whatever came to those days since; nothing where that is none.

    Each day is a transaction, so that no answer waits long to be recorded. It is in the audit
    before anything goes: if it is interrupted, what is gone is on record, and doing it again
    removes the rest.

    Args:
        runtime: the installation.
        planned: from :func:`plan_prune`.
        actor: who removes it.
    """
    if not planned.records:
        return
    tenant = planned.tenant
    event = Event(EventKind.QUALITY_RETENTION, {"actor": actor, **planned.to_dict()})
    with runtime.database.write(tenant) as session:
        first = _first(session, tenant)
        append(session, tenant, Stream.ADMINISTRATION, event, now=runtime.clock())
    for end in _days(first, planned.before):
        with runtime.database.write(tenant) as session:
            for whole, part in _PARTS:
                _remove(session, tenant, whole, part, end)
    with runtime.audit_database.write(tenant) as session:
        old = (FeedbackRow.tenant == tenant, FeedbackRow.at < planned.before)
        session.execute(delete(FeedbackRow).where(*old))


def _remove(session: Session, tenant: str, whole: Any, part: Any, end: datetime) -> None:
    old = (whole.tenant == tenant, whole.at < end)
    named = select(whole.record_id).where(*old)
    session.execute(delete(part).where(part.tenant == tenant, part.record_id.in_(named)))
    session.execute(delete(whole).where(*old))


def _first(session: Session, tenant: str) -> datetime | None:
    """When the oldest record is from; None without any."""
    oldest = [
        session.scalar(select(func.min(whole.at)).where(whole.tenant == tenant))
        for whole, _ in _PARTS
    ]
    return min((at for at in oldest if at is not None), default=None)


def _days(first: datetime | None, before: datetime) -> Iterator[datetime]:
    """The end of each day from the first record to the end."""
    end = None if first is None else _midnight(first) + _DAY
    while end is not None and end <= before:
        yield end
        end += _DAY


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
