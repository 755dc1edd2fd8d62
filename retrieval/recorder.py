"""Writes retrieval records in the background, so that no answer waits for a disk.

Records are figures for analysts; losing the last moments of them in a crash costs a statistic and
nothing else. The queue is bounded: under a flood the oldest are dropped and counted.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from typing import TYPE_CHECKING

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

from retrieval.records import EvidenceRecordRow, RetrievalRow

if TYPE_CHECKING:
    from acl.orm import Database

_LIMIT = 10_000
_PAUSE_SECONDS = 0.5
_LOG = logging.getLogger(__name__)

Record = tuple[dict[str, object], list[dict[str, object]]]


class Recorder:
    """A queue and one thread, started with the first record."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[Record] = deque(maxlen=_LIMIT)
        self._wake = threading.Event()
        self._write_lock = threading.Lock()
        self._closing = False
        self._thread: threading.Thread | None = None
        self.dropped = 0

    def add(self, retrieval: dict[str, object], evidence: list[dict[str, object]]) -> None:
        """Queue one retrieval (column values) and its evidence."""
        if len(self._queue) == _LIMIT:
            self.dropped += 1
        self._queue.append((retrieval, evidence))
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
            self._thread.start()
        self._wake.set()

    def flush(self) -> None:
        """Write everything queued so far, now."""
        with self._write_lock:
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), 500))]
                self._write(batch)

    def close(self) -> None:
        """Write what is left and end the thread."""
        self._closing = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.flush()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait()
            self._wake.clear()
            if not self._closing:
                time.sleep(_PAUSE_SECONDS)  # gather a batch
            try:
                self.flush()
            except SQLAlchemyError:
                _LOG.exception("retrieval records could not be written")

    def _write(self, batch: list[Record]) -> None:
        tenants = {str(retrieval["tenant"]) for retrieval, _ in batch}
        for tenant in sorted(tenants):
            own = [record for record in batch if record[0]["tenant"] == tenant]
            evidence = [row for _, rows in own for row in rows]
            with self._database.write(tenant) as session:
                session.execute(insert(RetrievalRow), [retrieval for retrieval, _ in own])
                if evidence:
                    session.execute(insert(EvidenceRecordRow), evidence)
