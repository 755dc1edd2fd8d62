"""Freshness: how current a source and a document are, by the source's own standard.

A source is ``unknown`` until a run has completed once, ``stale`` past its SLA, ``failing`` if its
last attempt failed while what it gave before is still within the SLA, and ``fresh`` otherwise.
A document is as old as its last confirmation: a run that finds it unchanged confirms it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from sqlalchemy import func, select

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


@dataclass(frozen=True, slots=True)
class SourceFreshness:
    """Freshness of one source.

    Attributes:
        age_seconds: since the last completed run; None if there was none.
        documents: how many live documents it holds, over all ACLs: for operators only.
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


def age_seconds(then: datetime, now: datetime) -> int:
    """Whole seconds since ``then``; a clock that went backwards gives 0, never a negative age."""
    return max(0, int((now - then).total_seconds()))


class Tracked(Protocol):
    """What a source's runs left behind: of a row of the catalogue, or of a copy of some columns."""

    @property
    def last_attempt_at(self) -> datetime | None:
        """When a run last began."""

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
    way, or died, leaves the state as it was.
    """
    age = source_age(source, now)
    if age is None:
        return FreshnessState.UNKNOWN
    if source.max_age_seconds is not None and age > source.max_age_seconds:
        return FreshnessState.STALE
    attempt, success = source.last_attempt_at, source.last_success_at
    failed = source.last_error and attempt and success and attempt > success
    return FreshnessState.FAILING if failed else FreshnessState.FRESH


def describe(row: SourceRow, now: datetime, *, documents: int = 0) -> SourceFreshness:
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
    )


def source_freshness(session: Session, tenant: str, now: datetime) -> list[SourceFreshness]:
    """Every source of a tenant, with its full document count. For operators, never for callers."""
    counted = session.execute(
        select(DocumentRow.source, func.count())
        .where(DocumentRow.tenant == tenant, DocumentRow.deleted_at.is_(None))
        .group_by(DocumentRow.source)
    )
    counts = {source: documents for source, documents in counted}  # noqa: C416 - rows are no pairs
    rows = session.scalars(
        select(SourceRow).where(SourceRow.tenant == tenant).order_by(SourceRow.name)
    )
    return [describe(row, now, documents=counts.get(row.name, 0)) for row in rows]
