"""Writes records of answers and checks in the background, so that no answer waits for a disk.

Records are figures for analysts; losing the last moments of them in a crash costs a statistic and
nothing else. The queue is bounded: under a flood the oldest are dropped and counted.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import insert
from sqlalchemy.exc import SQLAlchemyError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from acl.orm import Database, TenantScoped

    Rows: TypeAlias = Sequence[tuple[type[TenantScoped], Sequence[Mapping[str, object]]]]

_LIMIT = 10_000
_PAUSE_SECONDS = 0.5
_LOG = logging.getLogger(__name__)


class Recorder:
    """A queue and one thread, started with the first record."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._queue: deque[tuple[str, Rows]] = deque(maxlen=_LIMIT)
        self._wake = threading.Event()
        self._write_lock = threading.Lock()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        self.dropped = 0

    @property
    def waiting(self) -> int:
        """How many records are not written yet."""
        return len(self._queue)

    def add(self, tenant: str, rows: Rows) -> None:
        """Queue one record of a tenant: the rows of each of its tables, as column values."""
        if len(self._queue) == _LIMIT:
            self.dropped += 1
        self._queue.append((tenant, rows))
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
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self.flush()

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wake.wait()
            self._wake.clear()
            self._closing.wait(_PAUSE_SECONDS)  # gather a batch; a command that ends need not wait
            try:
                self.flush()
            except SQLAlchemyError:
                _LOG.exception("records could not be written")

    def _write(self, batch: list[tuple[str, Rows]]) -> None:
        for tenant in sorted({tenant for tenant, _ in batch}):
            tables: dict[type[TenantScoped], list[Mapping[str, object]]] = {}
            for table, rows in (
                part for owner, parts in batch if owner == tenant for part in parts
            ):
                tables.setdefault(table, []).extend(rows)
            with self._database.write(tenant) as session:
                for table, gathered in tables.items():
                    if gathered:
                        session.execute(insert(table), gathered)
