"""One run, step by step: list, close, compare and write, remove, settle.

Only the caller's own thread asks the source, counts and reports; parsing, embedding and writing go
on beside it. What never lives here: how any of the steps is done.
"""

from __future__ import annotations

import time
from collections import deque
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from acl.digest import keyed_id
from ingestion.acl_stamp import drop_unused_acls, store_acls
from ingestion.documents import SourceFailure
from ingestion.errors import IndexUnavailableError, ParseErrorCode
from ingestion.generations import active_generation
from ingestion.held import live_count
from ingestion.lock import exclusive
from ingestion.near.record import settle
from ingestion.recovery import recover
from ingestion.report import Progress
from ingestion.run.compare import Comparison, is_ready
from ingestion.run.listing import walk
from ingestion.run.outcome import Load
from ingestion.run.pipeline import Pipeline
from ingestion.run.reading import Reader
from ingestion.run.record import End
from ingestion.run.removal import close_unlabelled, refuse, remove_gone
from ingestion.run.scratch import Scratch
from ingestion.run.turns import turns
from ingestion.writer import BatchResult

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from ingestion.context import IngestContext
    from ingestion.report import RunReport
    from ingestion.run.outcome import Outcome
    from ingestion.run.scratch import Listed
    from ingestion.sources.base import Source

OPTIMISE_AFTER: Final = 2_000
_WINDOW: Final = 16
"""Entries that may wait for a parser before the source is asked for more."""
_LOAD_OUTCOMES: Final = 1_024
_LOAD_CHARACTERS: Final = 4_000_000
# The same bytes would yield no text again; all else may be over by the next run.
_FINAL: Final = frozenset(ParseErrorCode) - {ParseErrorCode.TIMEOUT}


@dataclass(frozen=True, slots=True)
class Options:
    """What was asked of a run.

    Attributes:
        full: process unchanged documents too, and ignore the cursor.
        since: leave out what was last modified no later than this; then nothing counts as gone.
        confirm_deletions: accept a listing that shrank unusually.
        documents: how many are written together at most.
        chunks: how many are embedded together, about.
        on_progress: called after each document.
        cancelled: asked between batches whether to stop.
    """

    full: bool
    since: datetime | None
    confirm_deletions: bool
    documents: int
    chunks: int
    on_progress: Callable[[Progress], None]
    cancelled: Callable[[], bool]


class Run:
    """One run over one source. Its counts are in its report, whatever it comes to."""

    def __init__(
        self, context: IngestContext, source: Source, report: RunReport, options: Options
    ) -> None:
        self._context = context
        self._source = source
        self._report = report
        self._options = options
        self._load = Load()
        self._waiting: deque[Callable[[], Outcome]] = deque()
        self._pipeline: Pipeline | None = None
        self._total = self._done = 0
        self._again = False
        self._stopped = False
        self._began = time.monotonic()

    def go(self, cursor: str | None) -> End:
        """Bring catalogue and index in line with what the source lists now.

        Args:
            cursor: how far the source has been read, if it tells changes.

        Raises:
            SourceError: the source cannot be listed; nothing was deleted.
            EmbeddingError, IndexUnavailableError: what was acknowledged so far stays.
        """
        context, report, options = self._context, self._report, self._options
        acl_ids = self._acls()
        if not report.dry_run:
            active_generation(context)  # made or refused now, before anything is parsed
        with closing(Scratch()) as scratch:
            listing = walk(
                self._source,
                scratch,
                acl_ids,
                cursor=None if options.full else cursor,
                cancelled=self._asked,
            )
            report.listed, self._total = listing.items, scratch.count()
            live = live_count(context, report.tenant, report.source)
            if not listing.stream:
                for page in scratch.pages("failure"):
                    self._refuse(page, scratch)
            # First of all, since it needs neither parser nor embedder.
            close_unlabelled(context, report, scratch)
            if not self._asked():
                self._process(scratch, stream=listing.stream)
            close_unlabelled(context, report, scratch)
            report.backlog = self._total - self._done
            whole = not self._stopped and options.since is None
            if whole and not listing.stream and not listing.concealed:
                remove_gone(
                    context, report, scratch, live=live, confirmed=options.confirm_deletions
                )
        if not report.dry_run:
            self._tidy(acl_ids)
        settled = whole and not self._again and not report.held_deletions
        report.finish(context.clock(), cancelled=self._stopped)
        return End(
            complete=whole,
            cursor=listing.cursor if settled else None,
            confirmed=settled and listing.stream,
        )

    def broke_off(self) -> End:
        """How far a run came that was ended by an error."""
        self._report.backlog = self._total - self._done
        unwritten = [self._load, *(self._pipeline.unwritten() if self._pipeline else ())]
        return End(pending=[up.document_id for load in unwritten for up in load.upserts])

    def _acls(self) -> Mapping[str, str]:
        """Store the source's ACLs; from here on they admit whom the source says."""
        context, tenant = self._context, self._report.tenant
        specs = self._source.acls()
        if self._report.dry_run:
            return {s.name: keyed_id(context.secret, "acl", tenant, s.name) for s in specs}
        with exclusive(context.lock_path):
            # Every write recovers too, but a run may find nothing to write.
            recover(context)
            with context.database.write(tenant) as session:
                return store_acls(
                    session,
                    tenant,
                    specs,
                    secret=context.secret,
                    source=self._source.name,
                    now=context.clock(),
                )

    def _refuse(self, page: Sequence[Listed], scratch: Scratch) -> None:
        failures = [one.entry for one in page if isinstance(one.entry, SourceFailure)]
        if failures:
            self._again = True
            refuse(self._context, self._report, scratch, failures)
            self._advance(len(failures))

    def _process(self, scratch: Scratch, *, stream: bool) -> None:
        """Compare what is listed, and write what differs, until it is done or to be stopped."""
        context, report, options = self._context, self._report, self._options
        with ExitStack() as stack:
            reader = stack.enter_context(closing((context.reader or Reader)(context)))
            if not report.dry_run:
                self._pipeline = stack.enter_context(
                    closing(Pipeline(context, report.tenant, report.source))
                )
            comparison = Comparison(
                context,
                self._source,
                report.tenant,
                scratch,
                reader,
                stream=stream,
                full=options.full,
                since=options.since,
            )
            kinds = ("item", "removal", "failure") if stream else ("item", "removal")
            for page in scratch.pages(*kinds):
                for turn in turns(page) if stream else [page]:
                    self._take_all(comparison.page(turn), scratch)
                    if stream:
                        self._settle(scratch)
                        self._refuse(turn, scratch)
                        close_unlabelled(context, report, scratch)
                    if self._stopped:
                        break
                if self._stopped:
                    break
            self._settle(scratch)

    def _take_all(self, outcomes: Iterable[Callable[[], Outcome]], scratch: Scratch) -> None:
        """Take outcomes in order as they come to be known, some of them waiting for parsers."""
        for outcome in outcomes:
            waiting = self._waiting
            waiting.append(outcome)
            while waiting and (is_ready(waiting[0]) or len(waiting) > _WINDOW):
                self._take(waiting.popleft()(), scratch)
            if self._stopped:
                return

    def _settle(self, scratch: Scratch) -> None:
        """Wait until all that was compared is written."""
        while self._waiting and not self._stopped:
            self._take(self._waiting.popleft()(), scratch)
        self._flush(scratch)
        for load, result in self._pipeline.finish() if self._pipeline else ():
            self._acknowledge(load, result, scratch)

    def _take(self, outcome: Outcome, scratch: Scratch) -> None:
        load = self._load
        load.add(outcome)
        if (
            load.documents >= self._options.documents
            or load.chunks >= self._options.chunks
            or load.characters >= _LOAD_CHARACTERS
            or len(load.outcomes) >= _LOAD_OUTCOMES
        ):
            self._flush(scratch)
            self._asked()

    def _flush(self, scratch: Scratch) -> None:
        if not self._load.outcomes:
            return
        if self._pipeline is None:
            self._acknowledge(self._load, BatchResult(), scratch)
            self._load = Load()
            return
        load, self._load = self._load, Load()
        for written, result in self._pipeline.put(load):
            self._acknowledge(written, result, scratch)

    def _acknowledge(self, load: Load, result: BatchResult, scratch: Scratch) -> None:
        """Count a load that has been written: only now is what it holds called done."""
        self._report.count(result)
        for outcome in load.outcomes:
            failure = outcome.failure
            self._report.take(outcome.name, outcome.change, failure)
            if failure is not None and failure.code not in _FINAL:
                self._again = True
            if outcome.upsert is not None and outcome.removed is not None:
                self._report.deleted += 1
        scratch.close_documents(o.closed for o in load.outcomes if o.closed is not None)
        self._advance(len(load.outcomes))

    def _advance(self, documents: int) -> None:
        for _ in range(documents):
            self._done += 1
            seconds = time.monotonic() - self._began
            rate = self._done / seconds if seconds > 0 else None
            left = (self._total - self._done) / rate if rate else None
            self._options.on_progress(
                Progress(self._done, self._total, self._report.chunks_added, "indexing", rate, left)
            )

    def _asked(self) -> bool:
        """Whether the run is to stop; once it was, it is."""
        self._stopped = self._stopped or self._options.cancelled()
        return self._stopped

    def _tidy(self, acl_ids: Mapping[str, str]) -> None:
        """Drop ACLs nobody states, put the run's changes on the disk, compare what is new.

        Writes already survive the death of the process; the disk is for the power. Merging segments
        changes no answer, only the speed of a search that sees more than is searched exactly.
        """
        context, report = self._context, self._report
        if not self._stopped:
            with (
                exclusive(context.lock_path),
                context.database.write(report.tenant) as session,
            ):
                drop_unused_acls(
                    session, report.tenant, report.source, acl_ids.values(), now=context.clock()
                )
        changed = report.chunks_added + report.chunks_removed
        if changed:
            index = context.index(active_generation(context))
            if changed >= OPTIMISE_AFTER:
                try:
                    index.optimise()
                except IndexUnavailableError as error:
                    # Too little room for a copy, or its process was killed: all is stored already.
                    report.not_optimised = error.message
            index.flush()
            report.near = dict(settle(context, report.tenant).to_dict())
