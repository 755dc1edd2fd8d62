"""A worker: a process that carries out runs, one at a time, until it is told to stop.

Killed at any instant, it leaves its run to be found: the lock of the source is free, so the next
look, of a service or of another worker, has the run wait again, and whoever takes it up goes on
where it stood. Told to stop (SIGTERM), it puts its run back after the batch in hand.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Final

import structlog
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status

from ingestion import runs
from retrieval.queue import tables
from retrieval.queue.runner import QUEUE, TASK, QueueRunner
from retrieval.telemetry import failure

if TYPE_CHECKING:
    from retrieval.runtime import Runtime

LOOK_SECONDS: Final = 15.0
_log = structlog.get_logger(__name__)


def work(runtime: Runtime) -> None:
    """Carry out runs until SIGTERM or SIGINT.

    Raises:
        procrastinate.exceptions.ConnectorException: the queue cannot be reached.
    """
    # It writes arguments of jobs, and with a traceback whatever an exception says.
    logging.getLogger("procrastinate").setLevel(logging.CRITICAL)
    settings = runtime.settings
    tables.make(settings.catalogue_url, settings.connections)
    asyncio.run(_Worker(runtime).until_told_to_stop())


class _Worker:
    def __init__(self, runtime: Runtime) -> None:
        settings = runtime.settings
        self._runtime = runtime
        self._stopping = threading.Event()
        self._app = App(
            connector=PsycopgConnector(
                conninfo=tables.address(settings.catalogue_url),
                kwargs=tables.parameters(settings.connections),
                min_size=1,
                max_size=3,
            )
        )
        self._app.task(name=TASK, queue=QUEUE)(self._perform)

    async def until_told_to_stop(self) -> None:
        """Listen, look now and then, and end with what is in hand."""
        async with self._app.open_async():
            listening = asyncio.create_task(
                self._app.run_worker_async(
                    queues=[QUEUE],
                    concurrency=1,
                    # What became of a run stands in its row.
                    delete_jobs="always",
                    install_signal_handlers=False,
                )
            )
            looking = asyncio.create_task(self._look_now_and_then())

            def stop() -> None:
                self._stopping.set()
                listening.cancel()

            loop = asyncio.get_running_loop()
            for told in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(told, stop)
            _log.info("worker_started")
            try:
                with suppress(asyncio.CancelledError):
                    await listening
            finally:
                looking.cancel()
                with suppress(asyncio.CancelledError):
                    await looking
            _log.info("worker_stopped")

    async def _look_now_and_then(self) -> None:
        runner = QueueRunner(self._runtime)
        try:
            while True:
                try:
                    await asyncio.to_thread(runner.look)
                    await self._sweep()
                except Exception as error:  # noqa: BLE001 - the next look may find things in order
                    _log.error("looking_after_runs_failed", **failure(error))
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            runner.close()

    async def _sweep(self) -> None:
        """Drop words that died with their workers: their runs are told of anew."""
        manager = self._app.job_manager
        for job in await manager.get_stalled_jobs(queue=QUEUE):
            if job.id is not None:
                await manager.finish_job_by_id_async(job.id, Status.FAILED, delete_job=True)

    def _perform(self, tenant: str, run_id: str) -> None:
        """Carry out a run, unless that is done or being done. Its row says how it fared."""
        if self._stopping.is_set():
            return
        context = self._runtime.ingest_context()
        try:
            status = runs.perform(context, tenant, run_id, stopping=self._stopping.is_set)
        except Exception as error:  # noqa: BLE001 - what is known of it stands in the row
            _log.error("run_failed", run_id=run_id, **failure(error))
        else:
            _log.info("run_ended", run_id=run_id, status=status.value)
