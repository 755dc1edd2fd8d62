"""The ledger: events of the access stream, made durable before anything is served.

Callers hand in an event and wait. One thread writes, and whatever has gathered while it wrote goes
into the next commit together, so the cost of a commit is shared by all who wait for it. A caller
comes back only when its event is committed (on SQLite with ``synchronous=FULL``: on the disk).

An error means "not known to be durable", never "not written": a caller that gave up waiting may
find its event in the chain. It has served nothing, so the audit errs on the side of too much.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Final

from sqlalchemy.exc import InterfaceError, OperationalError

from acl.audit.events import Sealed, append_all, insert_or_keep
from acl.audit.models import Stream
from acl.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.audit.events import Event
    from acl.orm import Database, TenantScoped

    Rows = Sequence[tuple[type[TenantScoped], list[dict[str, object]]]]
    OnAppended = Callable[[Session, str, int, int], None]

WAITING_LIMIT: Final = 4096
"""Events waiting at once. Far above the number of worker threads; a caller beyond it waits."""
BATCH_LIMIT: Final = 256
"""Events in one commit: bounds how long the first of them waits for the last."""
PATIENCE_SECONDS: Final = 30.0

UNAVAILABLE: Final = "the audit cannot be written, so nothing is served"
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    """One event on its way; ordered by tenant, so that chains are always locked in one order."""

    tenant: str
    event: Sealed = field(compare=False)
    rows: Rows = field(compare=False)
    done: Future[None] = field(default_factory=Future, compare=False)


class Ledger:
    """A bounded queue and one writing thread, started with the first event. Thread-safe.

    Args:
        database: where the access stream lives.
        clock: aware UTC; read under the lock of the chain, so that time follows order.
        on_appended: called in the transaction with (session, tenant, first, last) after events
            were appended to a tenant's chain; what it raises fails the commit.
        patience: seconds after which a caller stops waiting, and gets an error.
    """

    def __init__(
        self,
        database: Database,
        *,
        clock: Callable[[], datetime],
        on_appended: OnAppended | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._on_appended = on_appended
        self._patience = patience
        self._waiting: deque[_Entry] = deque()
        self._lock = threading.Lock()
        self._not_empty = threading.Condition(self._lock)
        self._not_full = threading.Condition(self._lock)
        self._closing = False
        self._thread: threading.Thread | None = None

    def record(self, tenant: str, event: Event, rows: Rows = ()) -> None:
        """Append ``event`` to the tenant's access stream; return when it is durable.

        Args:
            tenant: whose chain.
            event: what happened.
            rows: further rows (mapped class, column values) for the same transaction; each must
                name ``tenant`` as its own. One that is there already stays as it is: its key must
                follow from what it says.

        Raises:
            AuditError: it could not be made durable; then nothing may be served.
        """
        entry = _Entry(tenant, _sealed(tenant, event, rows), rows)
        deadline = time.monotonic() + self._patience
        self._enqueue(entry, deadline)
        try:
            entry.done.result(timeout=max(0.0, deadline - time.monotonic()))
        except FutureTimeoutError:
            raise AuditError(UNAVAILABLE) from None

    def close(self) -> None:
        """Write what is waiting and end the thread; later events are refused."""
        with self._lock:
            self._closing = True
            self._not_empty.notify_all()
            self._not_full.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _enqueue(self, entry: _Entry, deadline: float) -> None:
        with self._lock:
            while len(self._waiting) >= WAITING_LIMIT and not self._closing:
                if not self._not_full.wait(timeout=deadline - time.monotonic()):
                    raise AuditError(UNAVAILABLE)
            if self._closing:
                raise AuditError("the audit is closed, so nothing is served")
            self._waiting.append(entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
                self._thread.start()
            self._not_empty.notify()

    def _run(self) -> None:
        while batch := self._next_batch():
            self._write(batch)

    def _next_batch(self) -> list[_Entry]:
        """Everything waiting, up to the limit; empty when closed and drained."""
        with self._lock:
            while not self._waiting and not self._closing:
                self._not_empty.wait()
            count = min(len(self._waiting), BATCH_LIMIT)
            batch = [self._waiting.popleft() for _ in range(count)]
            self._not_full.notify_all()
        return batch

    def _write(self, batch: list[_Entry]) -> None:
        """Commit the batch and tell every caller; nobody is left waiting, whatever happens."""
        try:
            self._commit(batch)
        except (OperationalError, InterfaceError) as error:
            # The database, not an event: trying each alone would only make all wait longer.
            _refuse(batch, error)
        except Exception as error:  # noqa: BLE001 - each caller gets its own, none may be forgotten
            if len(batch) == 1:
                _refuse(batch, error)
            else:
                for entry in batch:
                    self._write([entry])
        else:
            for entry in batch:
                entry.done.set_result(None)

    def _commit(self, batch: list[_Entry]) -> None:
        with self._database.unguarded(
            "one commit is shared by the events of every tenant; each names its own", writable=True
        ) as session:
            for tenant, entries in groupby(sorted(batch), key=lambda entry: entry.tenant):
                self._append(session, tenant, list(entries))

    def _append(self, session: Session, tenant: str, entries: list[_Entry]) -> None:
        events = [entry.event for entry in entries]
        last = append_all(session, tenant, Stream.ACCESS, events, clock=self._clock)
        for entry in entries:
            for table, rows in entry.rows:
                if rows:
                    session.execute(insert_or_keep(session, table), rows)
        if self._on_appended is not None:
            self._on_appended(session, tenant, last - len(events) + 1, last)


def _sealed(tenant: str, event: Event, rows: Rows) -> Sealed:
    """The event in its final form; what is wrong with it fails its own caller and nobody else."""
    if any(row.get("tenant") != tenant for _, group in rows for row in group):
        raise AuditError("a row of another tenant was about to be written with an event")
    try:
        return Sealed.of(event)
    except ValueError as error:
        raise AuditError(f"this event has no place in the audit: {error}") from error


def _refuse(batch: list[_Entry], error: Exception) -> None:
    # The type alone: a database error quotes what was being written.
    _LOG.error("audit unavailable for %d events: %s", len(batch), type(error).__qualname__)
    for entry in batch:
        refused = AuditError(UNAVAILABLE)
        refused.__cause__ = error
        entry.done.set_exception(refused)
