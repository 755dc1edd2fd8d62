"""A run's own record: that it began, where it stands, how it ended, and how its source stands.

A run holds the lock of its source, so a run that is said to go on although the lock was free has
died; whoever begins the next one says so.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select, update

from acl.admin.freshness import confirm, limit_age
from ingestion.errors import IngestionError, RunBusyError
from ingestion.lock import exclusive
from ingestion.models import DocumentRow, RunRow, SourceRow
from ingestion.report import RunStatus
from ingestion.run.notes import mark_pending

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.report import Progress, RunReport

INTERRUPTED: Final = "interrupted: its process ended before it did; run it again"
_TELL_EVERY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class SourceConfig:
    """How a source is kept: its kind, what a rerun needs, and its SLAs (None keeps what is set).

    ``acl_max_age_seconds`` is for ACLs that mirror rights kept elsewhere: past it, they close.
    """

    kind: str
    config: Mapping[str, object]
    max_age_seconds: int | None = None
    on_stale: str | None = None
    acl_max_age_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How far a run came.

    Attributes:
        complete: whether everything the source has was looked at, so that it counts as in order.
        cursor: how far a source that tells changes was read; None leaves what is kept.
        confirmed: whether what the source did not mention is thereby said to be unchanged.
        pending: documents known to be outdated that the run did not come to write.
    """

    complete: bool = False
    cursor: str | None = None
    confirmed: bool = False
    pending: Sequence[str] = ()


def begin(
    context: IngestContext, report: RunReport, config: SourceConfig, options: Mapping[str, object]
) -> str | None:
    """Record the attempt before anything else. Returns the source's cursor.

    How the last run ended stays as it was until this one ends: a run going on is no failure.

    Raises:
        RunBusyError: it is an announced run that no longer waits.
    """
    tenant, now = report.tenant, report.started_at
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        row = session.get(SourceRow, (tenant, report.source))
        if row is None:
            row = SourceRow(tenant=tenant, name=report.source, created_at=now)
            session.add(row)
        row.kind = config.kind
        row.config = json.dumps(config.config, sort_keys=True)
        row.max_age_seconds = config.max_age_seconds or row.max_age_seconds
        row.on_stale = config.on_stale or row.on_stale or "flag"
        row.last_attempt_at = now
        session.flush()
        if config.acl_max_age_seconds is not None:
            limit_age(
                session,
                tenant,
                report.source,
                max_age_seconds=config.acl_max_age_seconds,
                now=now,
            )
        _bury(session, report, now=now)
        run = session.get(RunRow, (tenant, report.run_id))
        if run is None:
            run = RunRow(tenant=tenant, id=report.run_id, source=report.source)
            session.add(run)
            run.options = json.dumps(options, sort_keys=True)  # else as they were asked for
        elif run.status != RunStatus.QUEUED.value:
            # Somebody was told of it twice: it is done, or was cancelled just now.
            raise RunBusyError(f"run {run.id} is {run.status} already")
        run.started_at, run.status, run.report = now, RunStatus.RUNNING.value, "{}"
        run.progress = "{}"
        return row.cursor


def _bury(session: Session, report: RunReport, *, now: datetime) -> None:
    """Say of runs that died that they did."""
    dead = session.scalars(
        select(RunRow).where(
            RunRow.tenant == report.tenant,
            RunRow.source == report.source,
            RunRow.status == RunStatus.RUNNING.value,
            RunRow.id != report.run_id,
        )
    )
    for run in dead:
        bury(run, now=now)


def bury(run: RunRow, *, now: datetime) -> None:
    """Say of a run whose process ended before it did that it was interrupted.

    One that may be begun again waits again, unless somebody has asked it to stop.
    """
    options = json.loads(run.options)
    left = options.get("attempts", 1) - 1
    run.options = json.dumps(options | {"attempts": max(left, 1)}, sort_keys=True)
    if left > 0 and run.cancelled_at is None:
        run.status, run.progress = RunStatus.QUEUED.value, "{}"
        return
    run.status, run.finished_at = RunStatus.FAILED.value, now
    run.report = json.dumps({"status": RunStatus.FAILED.value, "error": INTERRUPTED})


def end(context: IngestContext, report: RunReport, how: End) -> None:
    """Record how the run ended, in the source and in its own row, in one transaction."""
    now, tenant = context.clock(), report.tenant
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        source = session.get_one(SourceRow, (tenant, report.source))
        source.backlog = report.backlog
        if report.status is RunStatus.FAILED:
            source.last_error = report.error
        elif how.complete:
            source.last_error = None
            source.last_success_at = now
            # Only now does every document stand under the ACL that the source stated, and what it
            # stated is as old as the beginning of the run.
            confirm(session, tenant, report.source, now=report.started_at)
        if how.cursor is not None:
            source.cursor = how.cursor
        if how.confirmed:
            _confirm_the_rest(session, report)
        mark_pending(session, tenant, how.pending, now=now)
        run = session.get_one(RunRow, (tenant, report.run_id))
        run.finished_at = now
        run.status = report.status.value
        run.report = json.dumps(report.to_dict())


def _confirm_the_rest(session: Session, report: RunReport) -> None:
    """A source that told every change has said of all else that it is as it was."""
    session.execute(
        update(DocumentRow)
        .where(
            DocumentRow.tenant == report.tenant,
            DocumentRow.source == report.source,
            DocumentRow.deleted_at.is_(None),
            DocumentRow.pending_since.is_(None),
            DocumentRow.checked_at < report.started_at,
        )
        .values(checked_at=report.started_at)
        .execution_options(synchronize_session=False)
    )


class Teller:
    """Keeps a run's progress in its row, at most once a second."""

    def __init__(self, context: IngestContext, report: RunReport) -> None:
        self._context = context
        self._report = report
        self._last = time.monotonic()

    def tell(self, progress: Progress) -> None:
        """Note where the run stands, unless that was noted just now."""
        if time.monotonic() - self._last < _TELL_EVERY_SECONDS:
            return
        self._last = time.monotonic()
        tenant = self._report.tenant
        with exclusive(self._context.lock_path), self._context.database.write(tenant) as session:
            run = session.get_one(RunRow, (tenant, self._report.run_id))
            run.progress = json.dumps(progress.to_dict())


def asked_to_stop(context: IngestContext, report: RunReport) -> bool:
    """Whether somebody asked this run to stop, by its row."""
    with context.database.read(report.tenant) as session:
        return (
            session.scalar(
                select(RunRow.cancelled_at).where(
                    RunRow.tenant == report.tenant, RunRow.id == report.run_id
                )
            )
            is not None
        )


def described(error: BaseException) -> str:
    """What may be stored of a failure: our own messages, and only the type of a foreign one."""
    if isinstance(error, IngestionError):
        return f"{error.code}: {error.message}"
    return f"unexpected {type(error).__name__}"
