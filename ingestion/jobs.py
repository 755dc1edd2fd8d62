"""Ingest jobs as plain functions: one source, or every configured source again.

A run is idempotent. What it has acknowledged is complete, so a run that dies is resumed by running
it again: documents already done are recognised by their revision or the hash of their bytes.
"""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.admin.directory import ensure_tenant
from acl.digest import keyed_id
from ingestion.errors import BusyError, CatalogError, IngestionError
from ingestion.lock import exclusive
from ingestion.models import SourceRow
from ingestion.report import BrokenRun, Progress, Reindexed, RunReport
from ingestion.run import record
from ingestion.run.configured import configured
from ingestion.run.faults import translated
from ingestion.run.record import SourceConfig
from ingestion.run.steps import Options, Run
from ingestion.sources.registry import open_source
from ingestion.writable import require_writable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from ingestion.context import IngestContext
    from ingestion.lock import Lock
    from ingestion.run.configured import Configured
    from ingestion.sources.base import Source

    OnProgress = Callable[[Progress], None]
    OnSource = Callable[[str, str, Progress], None]
    Cancelled = Callable[[], bool]

__all__ = ["SourceConfig", "ingest", "never", "reindex", "run_lock"]

BATCH_DOCUMENTS = 64
BATCH_CHUNKS = 512


def never() -> bool:
    """For ``cancelled``: nobody asks to stop."""
    return False


def ingest(  # noqa: PLR0913 - each is a choice of the caller's, and each has a name
    context: IngestContext,
    source: Source,
    *,
    tenant: str,
    config: SourceConfig,
    full: bool = False,
    dry_run: bool = False,
    since: datetime | None = None,
    confirm_deletions: bool = False,
    on_progress: OnProgress | None = None,
    cancelled: Cancelled = never,
    run_id: str | None = None,
) -> RunReport:
    """Bring the catalogue and the index in line with what ``source`` lists now.

    Args:
        context: the installation.
        source: what to list and fetch; only ever asked from the calling thread.
        tenant: whose documents they are; created when new.
        config: how the source is remembered for ``reindex`` and freshness.
        full: process unchanged documents too, and ignore the source's cursor.
        dry_run: only say what would change; nothing at all is written.
        since: leave out what was last modified no later than this, and delete nothing. The source
            does not count as in order by such a run, since part of it was not looked at.
        confirm_deletions: accept a listing that shrank unusually.
        on_progress: called after each document, in the calling thread.
        cancelled: asked between batches, in the calling thread, whether to stop. A run is also
            stopped through its row (``run.cancelled_at``).
        run_id: the id of a run that was announced; None for a new one.

    Raises:
        BusyError: the same source is being ingested by another process.
        ReadOnlyError: operators have stopped writes to the tenant; asked between batches too.
        SourceError: the source cannot be listed; nothing was deleted.
        CatalogError, IndexUnavailableError, EmbeddingError: what was acknowledged so far stays.
    """
    started = context.clock()
    report = RunReport(run_id or str(uuid.uuid4()), tenant, source.name, started, dry_run=dry_run)
    told = record.Teller(context, report)

    def tell(progress: Progress) -> None:
        if on_progress is not None:
            on_progress(progress)
        if not dry_run:
            told.tell(progress)

    def asked() -> bool:
        if not dry_run:
            require_writable(context.database, tenant)
        return cancelled() or (not dry_run and record.asked_to_stop(context, report))

    options = Options(
        full=full,
        since=since,
        confirm_deletions=confirm_deletions,
        documents=BATCH_DOCUMENTS,
        chunks=BATCH_CHUNKS,
        on_progress=tell,
        cancelled=asked,
    )
    run = Run(context, source, report, options)
    with translated():
        if dry_run:
            run.go(_cursor(context, tenant, source.name))
            return report
        ensure_tenant(context.database, tenant, now=started)
        require_writable(context.database, tenant)
        with exclusive(run_lock(context, tenant, source.name), timeout=0):
            cursor = record.begin(
                context,
                report,
                config,
                {
                    "confirm_deletions": confirm_deletions,
                    "full": full,
                    "since": None if since is None else since.isoformat(),
                },
            )
            _carry_out(context, run, report, cursor)
    return report


def reindex(
    context: IngestContext,
    *,
    tenant: str | None = None,
    source: str | None = None,
    full: bool = False,
    dry_run: bool = False,
    since: datetime | None = None,
    confirm_deletions: bool = False,
    on_progress: OnSource | None = None,
    cancelled: Cancelled = never,
) -> Reindexed:
    """Run every configured source again. One that fails keeps no other back.

    Sources whose documents are pushed have nothing to be read, and are left out.

    Args:
        context: the installation.
        tenant: only this tenant's sources.
        source: only the sources of this name.
        full: as of :func:`ingest`, like all that follow.
        dry_run: only say what would change.
        since: leave out what was last modified no later than this.
        confirm_deletions: accept a listing that shrank unusually.
        on_progress: called with tenant, source and progress after each document.
        cancelled: asked between batches, and between sources, whether to stop.

    Raises:
        CatalogError: the sources cannot be looked up.
    """
    reports: list[RunReport] = []
    broken: list[BrokenRun] = []
    with translated():
        chosen = configured(context, tenant=tenant, source=source)
    for one in chosen:
        if cancelled():
            break
        try:
            report = ingest(
                context,
                open_source(one.name, one.config.kind, one.config.config),
                tenant=one.tenant,
                config=one.config,
                full=full,
                dry_run=dry_run,
                since=since,
                confirm_deletions=confirm_deletions,
                on_progress=_of(one, on_progress),
                cancelled=cancelled,
            )
        except IngestionError as error:
            broken.append(BrokenRun(one.tenant, one.name, str(error.code), error.message))
        else:
            reports.append(report)
    return Reindexed(tuple(reports), tuple(broken))


def _of(source: Configured, on_progress: OnSource | None) -> OnProgress | None:
    if on_progress is None:
        return None
    return lambda progress: on_progress(source.tenant, source.name, progress)


def _carry_out(context: IngestContext, run: Run, report: RunReport, cursor: str | None) -> None:
    """Run, and record how it ended, however it does."""
    try:
        with translated():
            how = run.go(cursor)
    except Exception as error:
        how = run.broke_off()
        report.fall(context.clock(), record.described(error))
        # What ended the run may keep its end from being recorded; the next one sees that it died.
        with suppress(CatalogError, BusyError), translated():
            record.end(context, report, how)
        raise
    except KeyboardInterrupt:
        how = run.broke_off()
        report.finish(context.clock(), cancelled=True)
        record.end(context, report, how)
        raise
    record.end(context, report, how)


def _cursor(context: IngestContext, tenant: str, source: str) -> str | None:
    with context.database.read(tenant) as session:
        return session.scalar(
            select(SourceRow.cursor).where(SourceRow.tenant == tenant, SourceRow.name == source)
        )


def run_lock(context: IngestContext, tenant: str, source: str) -> Lock:
    """The lock that a run over this source holds from its beginning to its end."""
    name = keyed_id(context.secret, "run lock", tenant, source)
    return context.lock_path.with_name(f"run-{name}.lock")
