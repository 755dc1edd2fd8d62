"""The service's end of the queue: it says that runs wait, and carries out none itself."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Final

import structlog
from procrastinate import App, SyncPsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException

from ingestion import runs
from retrieval.queue import tables
from retrieval.telemetry import failure

if TYPE_CHECKING:
    from retrieval.runtime import Runtime

QUEUE: Final = "runs"
TASK: Final = "run"
_log = structlog.get_logger(__name__)


class QueueRunner:
    """Tells workers of the runs that wait. Thread-safe.

    Args:
        runtime: the installation; its catalogue is on PostgreSQL.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._app: App | None = None
        self._closed = False

    def wake(self) -> None:
        """Tell. If that fails, the run waits all the same, and the next look tells."""
        try:
            self.look()
        except Exception as error:  # noqa: BLE001 - whatever it was, the run is in the catalogue
            _log.error("queue_unavailable", **failure(error))

    def look(self) -> None:
        """Put back what dead workers had begun, and tell of all that waits.

        Raises:
            ConnectorException: the queue cannot be reached.
        """
        context = self._runtime.ingest_context()
        runs.settle_all(context)
        waiting = runs.queued(context)
        with self._lock:
            if self._closed or not waiting:
                return
            if self._app is None:
                self._app = self._opened()
            for tenant, run_id in waiting:
                # Somebody has said so already, and nobody has taken it up yet.
                word = self._app.configure_task(TASK, queue=QUEUE, queueing_lock=run_id)
                try:
                    word.defer(tenant=tenant, run_id=run_id)
                except AlreadyEnqueued:
                    continue

    def _opened(self) -> App:
        settings = self._runtime.settings
        tables.make(settings.catalogue_url, settings.connections)
        app = App(
            connector=SyncPsycopgConnector(
                conninfo=tables.address(settings.catalogue_url),
                kwargs=tables.parameters(settings.connections),
                min_size=0,
                max_size=1,
            )
        )
        app.open()
        return app

    def close(self) -> None:
        """Let go of the queue; whoever works on a run goes on."""
        with self._lock:
            self._closed = True
            app, self._app = self._app, None
        if app is not None:
            try:
                app.close()
            except ConnectorException as error:
                _log.warning("queue_unavailable", **failure(error))
