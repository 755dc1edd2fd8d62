"""The ingest job: one run over one source, idempotent and resumable.

Each batch is complete when it is written, so a run that dies is resumed by running it again:
documents already done are recognised by the hash of their bytes.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import insert, update

from acl.admin.directory import ensure_tenant
from acl.admin.freshness import confirm, limit_age
from acl.digest import keyed_id
from acl.orm import batches
from ingestion.acl_stamp import drop_unused_acls, stamp, store_acls
from ingestion.documents import RawDocument, SourceFailure, SourceItem
from ingestion.errors import IngestionError
from ingestion.generations import active_generation
from ingestion.held import gone, held_documents
from ingestion.lock import exclusive
from ingestion.models import DocumentRow, RunRow, SourceRow
from ingestion.plan import Upsert, chunk_id, document_id
from ingestion.prepare import prepare, source_sha256
from ingestion.recovery import recover
from ingestion.report import Progress, RunReport, RunStatus
from ingestion.writer import Batch, write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ingestion.chunking import Chunker
    from ingestion.context import IngestContext
    from ingestion.held import Held
    from ingestion.sources.base import Source

    OnProgress = Callable[[Progress], None]

BATCH_DOCUMENTS = 64
BATCH_CHUNKS = 512
OPTIMISE_AFTER = 2_000
CLOSING = frozenset({"acl_missing", "acl_invalid"})
SHRINK_FLOOR = 20
SHRINK_SHARE = 0.5


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


def ingest(
    context: IngestContext,
    source: Source,
    *,
    tenant: str,
    config: SourceConfig,
    full: bool = False,
    dry_run: bool = False,
    confirm_deletions: bool = False,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """Bring the catalogue and the index in line with what ``source`` lists now.

    Args:
        context: the installation.
        source: what to list and fetch.
        tenant: whose documents they are; created when new.
        config: how the source is remembered for ``reindex`` and freshness.
        full: process unchanged documents too.
        dry_run: only count what would change; nothing at all is written.
        confirm_deletions: accept a listing that shrank unusually.
        on_progress: called after each document.

    Raises:
        BusyError: the same source is being ingested by another process.
        SourceError: the source cannot be listed; nothing was deleted.
        CatalogError, IndexUnavailableError, EmbeddingError: what was acknowledged so far stays.
    """
    started = context.clock()
    report = RunReport(str(uuid.uuid4()), tenant, source.name, started, dry_run=dry_run)
    if dry_run:
        return _run(context, source, report, full=full, confirm=confirm_deletions)
    ensure_tenant(context.database, tenant, now=started)
    with exclusive(_run_lock(context, tenant, source.name), timeout=0):
        _begin(context, report, config)
        try:
            _run(
                context,
                source,
                report,
                full=full,
                confirm=confirm_deletions,
                on_progress=on_progress,
            )
        except Exception as error:
            _end(context, report, error=_describe(error))
            raise
        _end(context, report, error=None)
    return report


def _run(
    context: IngestContext,
    source: Source,
    report: RunReport,
    *,
    full: bool,
    confirm: bool,
    on_progress: OnProgress | None = None,
) -> RunReport:
    """List, compare, prepare, write; then tombstone what is closed or no longer listed."""
    tenant = report.tenant
    specs = source.acls()
    acl_ids = {spec.name: keyed_id(context.secret, "acl", tenant, spec.name) for spec in specs}
    if not report.dry_run:
        with exclusive(context.lock_path):
            # Every write recovers too, but a run may find nothing to write.
            recover(context)
            with context.database.write(tenant) as session:
                acl_ids = store_acls(
                    session,
                    tenant,
                    specs,
                    secret=context.secret,
                    source=source.name,
                    now=context.clock(),
                )
    listing = list(source.list_items())
    held = held_documents(context, tenant, source.name)
    work = _Work(context, source, report, acl_ids, held, full=full)
    for done, entry in enumerate(listing, start=1):
        work.take(entry)
        if done == len(listing):
            work.flush()  # what is called done has been written
        if on_progress is not None:
            on_progress(Progress(done, len(listing), report.chunks_added, "indexing"))
    work.close_unlabelled()
    missing = gone(listing, held)
    live = sum(not row.deleted for row in held.values())
    if len(missing) > max(SHRINK_FLOOR, SHRINK_SHARE * live) and not confirm:
        # Far fewer documents than before is more often a broken mount than a great clean-up.
        report.held_deletions = len(missing)
    else:
        work.delete([held[name].document_id for name in missing])
    if not report.dry_run:
        with exclusive(context.lock_path), context.database.write(tenant) as session:
            drop_unused_acls(session, tenant, source.name, acl_ids.values(), now=context.clock())
        _settle(context, report)
    return report.finish(context.clock())


def _settle(context: IngestContext, report: RunReport) -> None:
    """Put a run's changes on the disk, and let the engine merge segments if they were many.

    Writes already survive the death of the process; this is for the power. Merging changes no
    answer, only the speed of a search that sees more than is searched exactly.
    """
    changed = report.chunks_added + report.chunks_removed
    if changed:
        index = context.index(active_generation(context))
        if changed >= OPTIMISE_AFTER:
            index.optimise()
        index.flush()


class _Work:
    """One run's loop state: batches being filled, and the report being counted."""

    def __init__(
        self,
        context: IngestContext,
        source: Source,
        report: RunReport,
        acl_ids: Mapping[str, str],
        held: Mapping[str, Held],
        *,
        full: bool,
    ) -> None:
        self._context = context
        self._source = source
        self._report = report
        self._acl_ids = acl_ids
        self._held = held
        self._full = full
        self._chunker: Chunker = context.chunker()
        if not report.dry_run:
            active_generation(context)  # made or refused now, before anything is parsed
        self._upserts: list[Upsert] = []
        self._chunks = 0
        self._confirmed: list[str] = []
        self._closed: set[str] = set()

    def take(self, entry: SourceItem | SourceFailure) -> None:
        """Handle one listed entry: refuse, confirm, or prepare it for the next batch."""
        if isinstance(entry, SourceFailure):
            self._refuse(entry)
            return
        self._report.listed += 1
        acl_id = stamp(entry, self._acl_ids)
        if isinstance(acl_id, SourceFailure):
            self._refuse(acl_id)
            return
        try:
            self._compare(entry, acl_id)
        except IngestionError as error:
            self._report.failures.append(
                SourceFailure(entry.external_id, str(error.code), error.message)
            )
            held = self._held.get(entry.external_id)
            if held is not None and not held.deleted and held.acl_id != acl_id:
                # Its former ACL holds no longer, and under the new one nothing could be read.
                self._closed.add(held.document_id)
        # Outside: an embedder or index that fails is no fault of the document at hand.
        if len(self._upserts) >= BATCH_DOCUMENTS or self._chunks >= BATCH_CHUNKS:
            self.flush()

    def _refuse(self, failure: SourceFailure) -> None:
        """Report a failure; if it is that no valid ACL covers the document, close it too."""
        self._report.failures.append(failure)
        if failure.code in CLOSING:
            name = failure.external_id
            for known, held in self._held.items():
                beneath = name.endswith("/") and known.startswith(name)
                if not held.deleted and (known == name or beneath):
                    self._closed.add(held.document_id)

    def close_unlabelled(self) -> None:
        """Stop serving what was indexed under an ACL that covers it no longer, or is malformed.

        Keeping it under its former ACL would serve by a permission that nobody states any more.
        """
        self._report.closed = len(self._closed)
        self._tombstone(sorted(self._closed))

    def _compare(self, item: SourceItem, acl_id: str) -> None:
        content = self._source.fetch(item)
        sha = source_sha256(content)
        held = self._held.get(item.external_id)
        same = held is not None and not held.deleted and held.source_sha256 == sha
        if held is not None and same and not self._full and held.stands(acl_id, item.uri):
            self._report.unchanged += 1
            self._confirmed.append(held.document_id)
            return
        prepared = prepare(RawDocument(item, content), self._chunker, self._context.limits)
        if held is None or held.deleted:
            self._report.added += 1
        elif same and held.acl_id != acl_id:
            self._report.moved += 1
        else:
            self._report.changed += 1
        secret, tenant = self._context.secret, self._report.tenant
        ids = tuple(
            chunk_id(secret, tenant, acl_id, chunk.embedded_sha) for chunk in prepared.chunks
        )
        name = document_id(secret, tenant, self._source.name, item.external_id)
        self._upserts.append(Upsert(item, name, acl_id, sha, prepared, ids))
        self._chunks += len(ids)

    def flush(self) -> None:
        """Write the batch and confirm what was found unchanged."""
        upserts, self._upserts, self._chunks = tuple(self._upserts), [], 0
        confirmed, self._confirmed = self._confirmed, []
        if self._report.dry_run:
            return
        if upserts:
            batch = Batch(self._report.tenant, self._source.name, upserts)
            self._report.count(write(self._context, batch))
        self._confirm(confirmed)

    def delete(self, documents: list[str]) -> None:
        """Tombstone documents, in batches."""
        self._report.deleted = len(documents)
        self._tombstone(documents)

    def _tombstone(self, documents: list[str]) -> None:
        if self._report.dry_run:
            return
        for first in range(0, len(documents), BATCH_DOCUMENTS):
            batch = Batch(
                self._report.tenant,
                self._source.name,
                deletions=tuple(documents[first : first + BATCH_DOCUMENTS]),
            )
            self._report.count(write(self._context, batch))

    def _confirm(self, documents: Iterable[str]) -> None:
        ids, tenant = list(documents), self._report.tenant
        if not ids:
            return
        now = self._context.clock()
        with exclusive(self._context.lock_path), self._context.database.write(tenant) as session:
            for some in batches(ids):
                session.execute(
                    update(DocumentRow)
                    .where(DocumentRow.tenant == tenant)
                    .where(DocumentRow.id.in_(some))
                    .values(checked_at=now)
                    .execution_options(synchronize_session=False)
                )


def _begin(context: IngestContext, report: RunReport, config: SourceConfig) -> None:
    """Record the attempt before anything else.

    How the last run ended stays as it was until this one ends: a run going on is no failure.
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
        session.execute(
            insert(RunRow),
            [
                {
                    "tenant": tenant,
                    "id": report.run_id,
                    "source": report.source,
                    "started_at": now,
                    "status": RunStatus.RUNNING.value,
                    "report": "{}",
                }
            ],
        )


def _end(context: IngestContext, report: RunReport, *, error: str | None) -> None:
    """Record how the run ended, in the source and in its own row."""
    now = context.clock()
    if error is not None:
        report.finished_at, report.status = now, RunStatus.FAILED
    with exclusive(context.lock_path), context.database.write(report.tenant) as session:
        source = session.get_one(SourceRow, (report.tenant, report.source))
        source.last_error = error
        if error is None:
            source.last_success_at = now
            # Only now does every document stand under the ACL that the source stated, and what it
            # stated is as old as the beginning of the run.
            confirm(session, report.tenant, report.source, now=report.started_at)
        run = session.get_one(RunRow, (report.tenant, report.run_id))
        run.finished_at = now
        run.status = report.status.value
        run.report = json.dumps(report.to_dict())


def _describe(error: Exception) -> str:
    """What may be stored of a failure: our own messages, and only the type of a foreign one."""
    if isinstance(error, IngestionError):
        return f"{error.code}: {error.message}"
    return f"unexpected {type(error).__name__}"


def _run_lock(context: IngestContext, tenant: str, source: str) -> Path:
    name = keyed_id(context.secret, "run lock", tenant, source)
    return context.lock_path.with_name(f"run-{name}.lock")
