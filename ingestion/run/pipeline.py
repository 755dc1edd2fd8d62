"""The third step of a run: loads are embedded and written beside one another, each in its turn.

While one load is being written the next is being embedded and the one after that is being read, so
that disk, arithmetic and sources wait for one another as little as may be. There is one thread for
each of the two stages, hence loads are written in the order of the listing, and what a run leaves
behind does not depend on timing. What never lives here: sources, which only the caller's own thread
asks, and the counting.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from ingestion.active import kept_generations
from ingestion.errors import EmbeddingError
from ingestion.models import GenerationState
from ingestion.run.notes import confirm, note_words
from ingestion.targets import aim
from ingestion.writer import Batch, BatchResult, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.context import IngestContext
    from ingestion.run.outcome import Load

    Written = tuple[Load, BatchResult]

DEPTH: Final = 3
"""Loads between the reader and the catalogue: one in each stage, and one that waits."""


class Pipeline:
    """Embeds and writes loads. Close it; what was not begun is then never begun."""

    def __init__(self, context: IngestContext, tenant: str, source: str) -> None:
        self._context = context
        self._tenant = tenant
        self._source = source
        self._embedder = ThreadPoolExecutor(1, thread_name_prefix="embed")
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="write")
        self._under_way: deque[tuple[Load, Future[BatchResult]]] = deque()
        self._broken = False

    def put(self, load: Load) -> Iterator[Written]:
        """Hand a load over, waiting for room; yields those that have been written meanwhile.

        Raises:
            BaseException: what ended a stage. Nothing is written after that.
        """
        embedded = self._embedder.submit(self._embed, load)
        self._under_way.append((load, self._writer.submit(self._write, load, embedded)))
        while self._under_way and (len(self._under_way) > DEPTH or self._under_way[0][1].done()):
            yield self._take()

    def finish(self) -> Iterator[Written]:
        """Wait for every load; raises as :meth:`put` does."""
        while self._under_way:
            yield self._take()

    def unwritten(self) -> list[Load]:
        """Loads that were handed over and not written; to be asked once it is closed."""
        return [
            load
            for load, written in self._under_way
            if written.cancelled() or written.exception() is not None
        ]

    def _take(self) -> Written:
        # Taken off only once it is written: if it fails, it counts as unwritten.
        load, written = self._under_way[0]
        result = written.result()
        self._under_way.popleft()
        return load, result

    def _embed(self, load: Load) -> None:
        """Make the vectors and keep them: the writer finds them where every vector is kept.

        For each generation it will write to; which those are, it looks up again itself.
        """
        if self._broken or not load.upserts:
            return
        for row in kept_generations(self._context.database):
            # What another generation lacks is the writer's to judge: it keeps nobody back.
            harmless = () if row.state == GenerationState.ACTIVE else (EmbeddingError,)
            with suppress(*harmless):
                aim(self._context, self._tenant, row, load.upserts)

    def _write(self, load: Load, embedded: Future[None]) -> BatchResult:
        if self._broken:
            # The one before was not written. Whoever waits for this one hears of that first.
            raise RuntimeError("the run was broken off before this load")
        try:
            embedded.result()
            return self._apply(load)
        except BaseException:
            self._broken = True
            raise

    def _apply(self, load: Load) -> BatchResult:
        """Write one load. The source's word comes first, so that nothing older can overtake it."""
        context, tenant = self._context, self._tenant
        note_words(context, tenant, load.words)
        result = BatchResult()
        if load.upserts or load.removed:
            result = write(context, Batch(tenant, self._source, load.upserts, load.removed))
        confirm(context, tenant, load.confirmed, pending=load.pending)
        return result

    def close(self) -> None:
        """Let the stages end what they are at, and nothing more."""
        self._broken = True
        self._embedder.shutdown(wait=True, cancel_futures=True)
        self._writer.shutdown(wait=True, cancel_futures=True)
