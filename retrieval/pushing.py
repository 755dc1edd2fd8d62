"""Pushing over the network: who may push where, and what a pusher is told.

``ingest`` is an office over the tenant's push sources, and no view of what is in them. Whoever
holds it may replace and delete what they cannot see, and learns from the reply what became of a
document only if they could see it before: otherwise the reply is ``accepted``, whether it was
there or not. Only ``late`` is said to everybody, because a source that is not told would take an
outdated document for delivered. It tells that a later word was heard, not that there is a document.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from acl.errors import EscalationError
from ingestion.errors import IngestionError
from ingestion.push import Pushed, PushStatus
from ingestion.push_queue import PushQueue
from ingestion.push_source import push_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acl.caller import Caller
    from acl.scope import AccessScope
    from ingestion.deliveries import Delivery
    from ingestion.push_source import PushSource
    from retrieval.runtime import Runtime


class ToldStatus(StrEnum):
    """What a pusher is told of a delivery that is acknowledged."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    MOVED = "moved"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    LATE = "late"


@dataclass(frozen=True, slots=True)
class Told:
    """An acknowledged delivery, as far as this pusher may know."""

    external_id: str
    document_id: str
    status: ToldStatus


class PushDesk:
    """Where a service takes deliveries; those that come at one time share a batch. Thread-safe."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._queue: PushQueue | None = None

    def open(self, caller: Caller, source: str) -> PushSource:
        """The source this caller may push to.

        Raises:
            EscalationError: the token is delegated or narrowed. What an agent is led to write would
                be read by others as if it came from the source. (Such tokens hold no office to
                begin with; here it would do harm if one did.)
            NotFoundError: there is no such push source.
        """
        if caller.bound:
            raise EscalationError(
                "a delegated or narrowed token pushes nothing: use one of your own"
            )
        with self._runtime.database.read(caller.tenant) as session:
            return push_source(session, caller.tenant, source)

    def push(
        self, caller: Caller, source: PushSource, deliveries: Sequence[Delivery]
    ) -> list[Told | IngestionError]:
        """Carry out deliveries; one result each, in their order.

        When this returns, what is told is durable and every next query sees it.

        Raises:
            ScopeTooLargeError: as of any question of this caller.
            EmbeddingError, IndexUnavailableError, CatalogError, BusyError: none is acknowledged.
        """
        runtime = self._runtime
        # Before anything is written: what they could see then is what they may hear of.
        with runtime.database.read(caller.tenant) as session:
            scope = runtime.resolver.scope(session, caller, now=runtime.clock())
        return [
            result if isinstance(result, IngestionError) else _told(scope, source, result)
            for result in self._shared().push(source, deliveries)
        ]

    def close(self) -> None:
        """Let go of the processes that parse."""
        with self._lock:
            if self._queue is not None:
                self._queue.close()
                self._queue = None

    def _shared(self) -> PushQueue:
        with self._lock:
            if self._queue is None:
                self._queue = PushQueue(self._runtime.ingest_context())
            return self._queue


def _told(scope: AccessScope, source: PushSource, pushed: Pushed) -> Told:
    status = ToldStatus.ACCEPTED
    before = pushed.stood_under
    if pushed.status is PushStatus.LATE:
        status = ToldStatus.LATE
    elif before is not None and scope.permits(source.tenant, before, source.name):
        status = ToldStatus(pushed.status.value)
    return Told(pushed.external_id, pushed.document_id, status)
