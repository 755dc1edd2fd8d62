"""Freshness: how current a source and a document are, by the source's own standard.

A source is ``unknown`` until a run has completed once, ``stale`` past its SLA, ``failing`` if its
last attempt failed while what it gave before is still within the SLA, and ``fresh`` otherwise.
A document is as old as its last confirmation: a run that finds it unchanged confirms it.

Permissions age apart from content. Where they mirror rights kept elsewhere they have an SLA of
their own, past which they admit nobody (:mod:`acl.admin.freshness`): content that is too old is
served with a caveat, and what stands under permissions that are too old is not served.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import func, select

from acl.models import AclSyncRow
from ingestion.models import DocumentRow, SourceRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session


class FreshnessState(StrEnum):
    """How current something is."""

    FRESH = "fresh"
    STALE = "stale"
    FAILING = "failing"
    UNKNOWN = "unknown"


class Condition(StrEnum):
    """What a scheduler may want to be told of a source."""

    STALE = FreshnessState.STALE.value
    FAILING = FreshnessState.FAILING.value
    UNKNOWN = FreshnessState.UNKNOWN.value
    ACL_STALE = "acl_stale"


@dataclass(frozen=True, slots=True)
class PermissionFreshness:
    """How current the ACLs are that a source keeps.

    Attributes:
        checked_at: when they were last confirmed; None if never.
        max_age_seconds: their SLA.
        closes_in_seconds: how long they still admit anybody; 0 or less once they are closed.
    """

    checked_at: datetime | None
    max_age_seconds: int
    closes_in_seconds: int

    @property
    def closed(self) -> bool:
        """Whether they admit nobody any more."""
        return self.closes_in_seconds <= 0


@dataclass(frozen=True, slots=True)
class SourceFreshness:
    """Freshness of one source.

    Attributes:
        age_seconds: since the last completed run; None if there was none.
        documents: how many live documents it holds, over all ACLs, like all that follow for
            operators only.
        backlog: listed documents the last run left undone.
        pending: documents of which a newer version is known than is served.
        permissions: how old its ACLs are and may be; None if they do not age.
    """

    name: str
    kind: str
    state: FreshnessState
    last_attempt_at: datetime | None
    last_success_at: datetime | None
    last_error: str | None
    age_seconds: int | None
    max_age_seconds: int | None
    on_stale: str
    documents: int = 0
    backlog: int = 0
    pending: int = 0
    permissions: PermissionFreshness | None = None

    def is_in(self, condition: Condition) -> bool:
        """Whether a scheduler that waits for ``condition`` should be told."""
        if condition is Condition.ACL_STALE:
            return self.permissions is not None and self.permissions.closed
        return self.state.value == condition.value


def age_seconds(then: datetime, now: datetime) -> int:
    """Whole seconds since ``then``; a clock that went backwards gives 0, never a negative age."""
    return max(0, (now - then) // timedelta(seconds=1))


class Tracked(Protocol):
    """What a source's runs left behind: of a row of the catalogue, or of a copy of some columns."""

    @property
    def last_success_at(self) -> datetime | None:
        """When a run last completed."""

    @property
    def last_error(self) -> str | None:
        """How the last run that ended failed; None if it did not."""

    @property
    def max_age_seconds(self) -> int | None:
        """The source's SLA."""


def source_age(source: Tracked, now: datetime) -> int | None:
    """Seconds since a run last completed; None if none ever did."""
    return None if source.last_success_at is None else age_seconds(source.last_success_at, now)


def source_state(source: Tracked, now: datetime) -> FreshnessState:
    """The state of a source from what its runs left behind.

    A run clears ``last_error`` when it completes and sets it when it fails, so a run that is under
    way, or died, leaves the state as it was. Which came last is never read off two times: a clock
    that was put back would hide a failure until it has caught up.
    """
    age = source_age(source, now)
    if age is None:
        return FreshnessState.UNKNOWN
    if source.max_age_seconds is not None and age > source.max_age_seconds:
        return FreshnessState.STALE
    return FreshnessState.FAILING if source.last_error else FreshnessState.FRESH


def describe(
    row: SourceRow,
    now: datetime,
    *,
    documents: int = 0,
    pending: int = 0,
    permissions: AclSyncRow | None = None,
) -> SourceFreshness:
    """The freshness of a source row."""
    return SourceFreshness(
        name=row.name,
        kind=row.kind,
        state=source_state(row, now),
        last_attempt_at=row.last_attempt_at,
        last_success_at=row.last_success_at,
        last_error=row.last_error,
        age_seconds=source_age(row, now),
        max_age_seconds=row.max_age_seconds,
        on_stale=row.on_stale,
        documents=documents,
        backlog=row.backlog,
        pending=pending,
        permissions=None if permissions is None else _permissions(permissions, now),
    )


def _permissions(row: AclSyncRow, now: datetime) -> PermissionFreshness:
    # Rounded up, so that what still admits somebody is never said to be closed.
    left = -((now - row.closes_at) // timedelta(seconds=1))
    return PermissionFreshness(row.checked_at, row.max_age_seconds, left)


def source_freshness(session: Session, tenant: str, now: datetime) -> list[SourceFreshness]:
    """Every source of a tenant, with its full document count. For operators, never for callers."""
    counted = session.execute(
        select(DocumentRow.source, func.count(), func.count(DocumentRow.pending_since))
        .where(DocumentRow.tenant == tenant, DocumentRow.deleted_at.is_(None))
        .group_by(DocumentRow.source)
    )
    counts = {source: (documents, pending) for source, documents, pending in counted}
    kept = {
        row.name: row
        for row in session.scalars(select(AclSyncRow).where(AclSyncRow.tenant == tenant))
    }
    rows = session.scalars(
        select(SourceRow).where(SourceRow.tenant == tenant).order_by(SourceRow.name)
    )
    found = []
    for row in rows:
        documents, pending = counts.get(row.name, (0, 0))
        permissions = kept.get(row.name)
        found.append(
            describe(row, now, documents=documents, pending=pending, permissions=permissions)
        )
    return found
