"""The process that carries out runs for a service, whose interpreter parsing would hold.

Started by :class:`retrieval.runner.ChildRunner`. The first line of standard input is the settings,
each further line says that a run may be waiting, and its end says that the service is gone: then
the run in hand stops after its batch and waits for the next service. The same on SIGTERM.
"""

from __future__ import annotations

import json
import select
import signal
from io import FileIO
from typing import Final

import structlog

from ingestion import runs
from retrieval import telemetry
from retrieval.runtime import Runtime
from retrieval.settings import Settings

IDLE_SECONDS: Final = 60.0
_log = structlog.get_logger(__name__)


class Service:
    """The service this process works for, as its standard input tells.

    Args:
        told: read from; what the service writes and, by its end, that it is gone.
    """

    def __init__(self, told: FileIO) -> None:
        self._told = told
        self._gone = False

    def leave(self, *_: object) -> None:
        """Count the service as gone (a signal handler)."""
        self._gone = True

    def settings(self) -> Settings:
        """The first line."""
        return Settings(**json.loads(self._told.readline()))

    def gone(self) -> bool:
        """Whether to stop."""
        self.wakes(within=0.0)
        return self._gone

    def wakes(self, *, within: float) -> bool:
        """True if the service says, within so many seconds, that a run may be waiting."""
        if self._gone or not select.select([self._told], [], [], within)[0]:
            return False
        self._gone = not self._told.read(4096) or self._gone
        return not self._gone


def main() -> None:
    """Carry out what waits until nothing has come for a while, or the service is gone."""
    telemetry.configure()
    service = Service(FileIO(0, closefd=False))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the service's to handle
    signal.signal(signal.SIGTERM, service.leave)
    with Runtime.open(service.settings()) as runtime:
        carry_out_what_waits(runtime, service)
        while service.wakes(within=IDLE_SECONDS):
            carry_out_what_waits(runtime, service)


def carry_out_what_waits(runtime: Runtime, service: Service) -> None:
    """One run after the other, the longest waiting first, each of them once."""
    context, tried = runtime.ingest_context(), set[tuple[str, str]]()
    # One whose source somebody else is at goes on waiting, and is tried again at the next word.
    while not service.gone() and (waiting := [r for r in runs.queued(context) if r not in tried]):
        tenant, run_id = waiting[0]
        tried.add(waiting[0])
        status = runs.perform(context, tenant, run_id, stopping=service.gone)
        _log.info("run_ended", run_id=run_id, status=status.value)


if __name__ == "__main__":
    main()
