"""Who carries out the runs that are asked of a service: a process of its own, or workers elsewhere.

The process is started when it is needed; the workers are told of runs (:mod:`retrieval.queue`).
A service that dies takes nothing with it: the process notices, and puts its run back to wait.
A process that dies leaves its run to be found interrupted (:mod:`ingestion.runs`).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Final, Protocol

from ingestion.runs import queued
from retrieval.queue.kind import QueueKind

if TYPE_CHECKING:
    from retrieval.runtime import Runtime

_GRACE_SECONDS: Final = 8.0
_NOT_NEEDED: Final = frozenset({"token", "issuers"})


class Runner(Protocol):
    """Carries out runs that wait in the catalogue."""

    def wake(self) -> None:
        """Say that a run may be waiting. Returns at once."""

    def look(self) -> None:
        """See to it that what waits is carried out, whatever became of who was to do it."""

    def close(self) -> None:
        """Stop; what is not done waits for the next service."""


def create_runner(runtime: Runtime) -> Runner:
    """The runner that the settings name."""
    if runtime.settings.queue is QueueKind.POSTGRES:
        from retrieval.queue.runner import QueueRunner  # noqa: PLC0415 - an extra

        return QueueRunner(runtime)
    return ChildRunner(runtime)


class ChildRunner:
    """Runs in a child process. Thread-safe.

    Args:
        runtime: the service's; its settings are the child's.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False

    def wake(self) -> None:
        """Tell the child, or start one."""
        with self._lock:
            if self._closed or self._told():
                return
            settings = self._runtime.settings.model_dump(
                mode="json", exclude=set(_NOT_NEEDED), exclude_none=True
            )
            self._child = subprocess.Popen(
                [sys.executable, "-m", "retrieval.run_worker"], stdin=subprocess.PIPE
            )
            self._tell(json.dumps(settings).encode())

    def look(self) -> None:
        """Wake the child if a run waits."""
        if queued(self._runtime.ingest_context()):
            self.wake()

    def _told(self) -> bool:
        return self._child is not None and self._child.poll() is None and self._tell(b"")

    def _tell(self, line: bytes) -> bool:
        assert self._child is not None  # noqa: S101 - for the type checker
        assert self._child.stdin is not None  # noqa: S101
        try:
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()
        except OSError:
            return False  # it ended between the look and the word
        return True

    def close(self) -> None:
        """End the child: it puts its run back to wait after the batch in hand."""
        with self._lock:
            self._closed = True
            child, self._child = self._child, None
        if child is None:
            return
        child.terminate()
        try:
            child.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()  # what it had in hand is found interrupted
            child.wait()
        if child.stdin is not None:
            child.stdin.close()
