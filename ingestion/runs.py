"""Runs on request: announced in a row, carried out by whoever comes to it, told and stopped there.

A run holds the lock of its source from its beginning to its end (:func:`ingestion.jobs.run_lock`).
So one that is said to go on although the lock is free has died, and is said to be interrupted as
soon as anybody looks. What never lives here: processes, and who may ask for a run.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from acl.errors import NotFoundError
from acl.switches import read_only_tenants
from ingestion.errors import BusyError, IngestionError, RunBusyError, SourceError
from ingestion.jobs import ingest, never, run_lock
from ingestion.lock import exclusive
from ingestion.models import RunRow, SourceRow
from ingestion.push_source import PUSH_KIND
from ingestion.report import RunStatus
from ingestion.run.configured import configured
from ingestion.run.record import bury
from ingestion.sources.registry import open_source

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.report import RunReport

GOING: Final = frozenset({RunStatus.QUEUED, RunStatus.RUNNING})
"""A run in one of these has not ended."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a source is to be run: as of :func:`ingestion.jobs.ingest`.

    ``attempts`` is how often it may be begun: a process that dies at it uses one up.
    """

    full: bool = False
    dry_run: bool = False
    since: datetime | None = None
    confirm_deletions: bool = False
    attempts: int = 1

    def to_json(self) -> str:
        """As it is stored."""
        since = None if self.since is None else self.since.isoformat()
        return json.dumps(asdict(self) | {"since": since}, sort_keys=True)

    @classmethod
    def of(cls, stored: str) -> RunOptions:
        """What :meth:`to_json` stored; of a run that was not asked for, what is known."""
        given: dict[str, Any] = json.loads(stored)
        since = given.get("since")
        return cls(
            full=given.get("full", False),
            dry_run=given.get("dry_run", False),
            since=None if since is None else datetime.fromisoformat(since),
            confirm_deletions=given.get("confirm_deletions", False),
            attempts=given.get("attempts", 1),
        )


@dataclass(frozen=True, slots=True)
class RunState:
    """A run as it stands. ``progress`` and ``report`` are as their own classes spell them."""

    id: str
    source: str
    status: RunStatus
    started_at: datetime
    finished_at: datetime | None
    requested_by: str | None
    cancelled_at: datetime | None
    options: RunOptions
    progress: dict[str, Any]
    report: dict[str, Any]

    @classmethod
    def of(cls, row: RunRow) -> RunState:
        """From its row."""
        return cls(
            id=row.id,
            source=row.source,
            status=RunStatus(row.status),
            started_at=row.started_at,
            finished_at=row.finished_at,
            requested_by=row.requested_by,
            cancelled_at=row.cancelled_at,
            options=RunOptions.of(row.options),
            progress=json.loads(row.progress),
            report=json.loads(row.report),
        )


def submit(
    context: IngestContext,
    session: Session,
    tenant: str,
    source: str,
    options: RunOptions,
    *,
    by: str,
) -> str:
    """Announce a run of a source in the transaction of ``session``. Returns its id.

    Raises:
        NotFoundError: there is no such source, or its documents are pushed.
        RunBusyError: a run of it waits or goes on; the message names it.
    """
    row = session.get(SourceRow, (tenant, source))
    if row is None or row.kind == PUSH_KIND:
        raise NotFoundError(f"source {source!r} does not exist, or its documents are pushed")
    for run in _going(session, tenant, source):
        if _died(context, run):
            bury(run, now=context.clock())
        if RunStatus(run.status) in GOING:
            raise RunBusyError(f"source: run {run.id} of it is {run.status}; wait, or cancel that")
    run_id = str(uuid.uuid4())
    session.add(
        RunRow(
            tenant=tenant,
            id=run_id,
            source=source,
            started_at=context.clock(),
            status=RunStatus.QUEUED.value,
            report="{}",
            requested_by=by,
            options=options.to_json(),
        )
    )
    session.flush()
    return run_id


def run_state(context: IngestContext, tenant: str, run_id: str) -> RunState:
    """One run.

    Raises:
        NotFoundError: there is none of that id.
    """
    settle_dead(context, tenant)
    with context.database.read(tenant) as session:
        row = session.get(RunRow, (tenant, run_id))
        if row is None:
            raise NotFoundError(f"run {run_id!r} does not exist")
        return RunState.of(row)


def run_states(
    context: IngestContext, tenant: str, *, source: str | None = None, limit: int = 100
) -> list[RunState]:
    """The latest runs, newest first."""
    settle_dead(context, tenant)
    wanted = select(RunRow).where(RunRow.tenant == tenant)
    if source is not None:
        wanted = wanted.where(RunRow.source == source)
    with context.database.read(tenant) as session:
        rows = session.scalars(wanted.order_by(RunRow.started_at.desc(), RunRow.id).limit(limit))
        return [RunState.of(row) for row in rows]


def cancel(context: IngestContext, tenant: str, run_id: str) -> RunState:
    """Ask a run to stop after the batch in hand; one that waits ends at once. Twice is as once.

    Raises:
        NotFoundError: there is none of that id.
    """
    settle_dead(context, tenant)
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        row = session.get(RunRow, (tenant, run_id))
        if row is None:
            raise NotFoundError(f"run {run_id!r} does not exist")
        if RunStatus(row.status) in GOING and row.cancelled_at is None:
            row.cancelled_at = context.clock()
            if row.status == RunStatus.QUEUED.value:
                row.status, row.finished_at = RunStatus.CANCELLED.value, row.cancelled_at
        return RunState.of(row)


def settle_dead(context: IngestContext, tenant: str) -> None:
    """Say of runs whose process ended before they did that they were interrupted."""
    with context.database.read(tenant) as session:
        dead = [run.id for run in _going(session, tenant) if _died(context, run)]
    if not dead:
        return
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        for run_id in dead:
            run = session.get_one(RunRow, (tenant, run_id))
            # Read again: it may have ended properly just before its lock was found free.
            if run.status == RunStatus.RUNNING.value:
                bury(run, now=context.clock())


def settle_all(context: IngestContext) -> None:
    """The same of every tenant's runs; one that may be begun again waits again."""
    with context.database.unguarded("a worker serves every tenant") as session:
        going = select(RunRow.tenant).where(RunRow.status == RunStatus.RUNNING.value).distinct()
        tenants = sorted(session.scalars(going))
    for tenant in tenants:
        settle_dead(context, tenant)


def _going(session: Session, tenant: str, source: str | None = None) -> list[RunRow]:
    wanted = select(RunRow).where(
        RunRow.tenant == tenant, RunRow.status.in_(sorted(status.value for status in GOING))
    )
    if source is not None:
        wanted = wanted.where(RunRow.source == source)
    return list(session.scalars(wanted.order_by(RunRow.started_at, RunRow.id)))


def _died(context: IngestContext, run: RunRow) -> bool:
    """True if a run is said to go on, and nobody holds the lock of its source."""
    if run.status != RunStatus.RUNNING.value:
        return False
    try:
        with exclusive(run_lock(context, run.tenant, run.source), timeout=0):
            return True
    except BusyError:
        return False


def queued(context: IngestContext) -> list[tuple[str, str]]:
    """Tenant and id of every run that waits, the longest waiting first.

    In a tenant that is read-only, runs go on waiting, and are found when it no longer is.
    """
    with context.database.unguarded("a worker serves every tenant") as session:
        rows = session.execute(
            select(RunRow.tenant, RunRow.id)
            .where(
                RunRow.status == RunStatus.QUEUED.value, RunRow.tenant.not_in(read_only_tenants())
            )
            .order_by(RunRow.started_at, RunRow.id)
        )
        return [(tenant, run_id) for tenant, run_id in rows]


def perform(
    context: IngestContext, tenant: str, run_id: str, *, stopping: Callable[[], bool] = never
) -> RunStatus:
    """Carry out a run that waits. However it fares, its row says so in the end.

    Asking for the same run twice, also at once, does no harm: one carries it out. A run whose
    source somebody else is at goes on waiting.

    Args:
        context: the installation.
        tenant: whose run.
        run_id: which.
        stopping: whether this process is to end. Then the run waits again, for whoever comes next:
            what it has done is kept, and costs a comparison.
    """
    asked = run_state(context, tenant, run_id)
    if asked.status is not RunStatus.QUEUED:
        return asked.status
    report: RunReport | None = None
    try:
        report = _ingest(context, tenant, asked, stopping)
    except BusyError:
        return run_state(context, tenant, run_id).status
    except IngestionError as error:
        failure = f"{error.code}: {error.message}"
    except Exception as error:
        _close(context, tenant, run_id, error=f"unexpected {type(error).__name__}")
        raise
    else:
        failure = ""
    if report is not None and report.status is RunStatus.CANCELLED and stopping():
        return _close(context, tenant, run_id, again=True)
    return _close(context, tenant, run_id, report=report, error=failure)


def _ingest(
    context: IngestContext, tenant: str, asked: RunState, stopping: Callable[[], bool]
) -> RunReport:
    found = configured(context, tenant=tenant, source=asked.source)
    if not found:
        raise SourceError(f"source {asked.source!r} is gone; make it again")
    (one,) = found
    options = asked.options
    return ingest(
        context,
        open_source(one.name, one.config.kind, one.config.config),
        tenant=tenant,
        config=one.config,
        full=options.full,
        dry_run=options.dry_run,
        since=options.since,
        confirm_deletions=options.confirm_deletions,
        cancelled=stopping,
        run_id=asked.id,
    )


def _close(
    context: IngestContext,
    tenant: str,
    run_id: str,
    *,
    report: RunReport | None = None,
    error: str = "",
    again: bool = False,
) -> RunStatus:
    """Write down how a run ended, where it has not done so itself; or that it waits again."""
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        row = session.get_one(RunRow, (tenant, run_id))
        if again and row.cancelled_at is None:
            row.status, row.finished_at = RunStatus.QUEUED.value, None
        elif RunStatus(row.status) in GOING:
            # A dry run writes nothing, and a source that cannot be opened begins nothing.
            row.finished_at = context.clock()
            row.status = (RunStatus.FAILED if report is None else report.status).value
            row.report = json.dumps(
                {"status": row.status, "error": error} if report is None else report.to_dict()
            )
        return RunStatus(row.status)
