"""Pushes that share a batch: what gathers while one is written goes into the next together.

Whoever comes first writes for all who wait for the same source, and each comes back only when its
own delivery is acknowledged. So many small deliveries cost as many commits as there were batches,
and no thread stands by for them. Parsing is done before, by each caller for itself.
"""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ingestion.errors import IngestionError
from ingestion.push import Ready, Result, carry_out, ready
from ingestion.run.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.context import IngestContext
    from ingestion.deliveries import Delivery
    from ingestion.push_source import PushSource

BATCH_DELIVERIES: Final = 64
BATCH_CHUNKS: Final = 512
"""At most so much is written at once: bounds how long the first of a batch waits for the last."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    source: PushSource
    ready: Ready
    done: Future[Result] = field(default_factory=Future)

    @property
    def chunks(self) -> int:
        prepared = self.ready.prepared
        return 0 if prepared is None else len(prepared.chunks)


class PushQueue:
    """Deliveries on their way, in the order in which they came. Thread-safe; close it."""

    def __init__(self, context: IngestContext) -> None:
        self._context = context
        self._reader = Reader(context)
        self._waiting: deque[_Waiting] = deque()
        self._lock = threading.Lock()
        self._turn = threading.Lock()

    def push(self, source: PushSource, deliveries: Sequence[Delivery]) -> list[Result]:
        """As :func:`ingestion.push.deliver`, in company.

        Raises:
            EmbeddingError, IndexUnavailableError, CatalogError, BusyError: no fault of a delivery;
                those without a result are not acknowledged.
        """
        results: list[Result | Future[Result]] = []
        for delivery in deliveries:
            one = ready(self._context, source, delivery, self._reader)
            if isinstance(one, IngestionError):
                results.append(one)
                continue
            entry = _Waiting(source, one)
            with self._lock:
                self._waiting.append(entry)
            results.append(entry.done)
        self._await([result for result in results if isinstance(result, Future)])
        return [r.result() if isinstance(r, Future) else r for r in results]

    def close(self) -> None:
        """Let go of the processes that parse. Nothing may be pushed any more."""
        self._reader.close()

    def _await(self, mine: Sequence[Future[Result]]) -> None:
        """Wait until all of ``mine`` are done, writing whenever it is this caller's turn."""
        while not all(future.done() for future in mine):
            with self._turn:
                # Another's turn may have settled them meanwhile.
                if not all(future.done() for future in mine):
                    self._write(self._next_batch())

    def _next_batch(self) -> list[_Waiting]:
        """The longest waiting, and what waits with it for the same source, in order."""
        with self._lock:
            source, chunks = self._waiting[0].source, 0
            batch: list[_Waiting] = []
            left: deque[_Waiting] = deque()
            for entry in self._waiting:
                full = len(batch) == BATCH_DELIVERIES or (batch and chunks >= BATCH_CHUNKS)
                if full or entry.source != source:
                    left.append(entry)
                else:
                    batch.append(entry)
                    chunks += entry.chunks
            self._waiting = left
        return batch

    def _write(self, batch: list[_Waiting]) -> None:
        """Carry a batch out and tell everybody in it; nobody is forgotten, whatever happens."""
        try:
            results = carry_out(
                self._context, batch[0].source, [entry.ready for entry in batch], self._reader
            )
        except IngestionError as error:
            # No fault of a delivery: trying each alone would only make all wait longer.
            _refuse(batch, error)
        except Exception as error:  # noqa: BLE001 - each caller gets its own, none may be forgotten
            if len(batch) == 1:
                _refuse(batch, error)
            else:
                for entry in batch:
                    self._write([entry])
        else:
            for entry, result in zip(batch, results, strict=True):
                entry.done.set_result(result)


def _refuse(batch: list[_Waiting], error: Exception) -> None:
    for entry in batch:
        entry.done.set_exception(error)
