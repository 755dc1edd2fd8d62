"""Workers on Ray: started, asked, replaced when they die.

Ray restarts a worker that dies and asks it again; what it was asked changes nothing anywhere, so
once more does no harm. A document that brings every worker down is given up after a few times.
"""

from __future__ import annotations

import os
import socket
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager
from itertools import cycle
from typing import TYPE_CHECKING, Any, Final

from ingestion.errors import IngestionError, WorkersLostError
from ingestion.spread.stages import Stages

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingestion.spread.stages import Plan

TRIES_AGAIN: Final = 3
STORE_BYTES: Final = 256 * 1024 * 1024
"""What passes between processes of this machine at once; a file of any size goes to disk beyond."""

CONNECT_SECONDS: Final = 10
START_SECONDS: Final = 300
"""A cluster that is full, or lacks the processors asked for, would let us wait for ever."""

_ADDRESS: Final = "RAY_ADDRESS"
_MANY_MACHINES: Final = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""Whatever its name says: without it, Ray listens on this machine's loopback alone."""


class Pool:
    """Workers, each in a process of its own, maybe elsewhere. Thread-safe."""

    def __init__(self, workers: Sequence[Any]) -> None:
        self._workers = workers
        self._next = cycle(range(len(workers)))

    @classmethod
    @contextmanager
    def start(cls, plan: Plan, *, workers: int) -> Iterator[Pool]:
        """Start workers on the cluster that ``RAY_ADDRESS`` names, or on this machine.

        Raises:
            WorkersLostError: they cannot be started.
            EmbeddingError: they would make other chunks or vectors than this process.
        """
        _require_reachable(os.environ.get(_ADDRESS, ""))
        # Nothing is told to anybody unless an operator wants it.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        if _ADDRESS not in os.environ:
            os.environ.setdefault(_MANY_MACHINES, "0")
        import ray  # noqa: PLC0415 - an extra, and seconds to import
        from ray.exceptions import RayError  # noqa: PLC0415

        with ExitStack() as stack:
            try:
                if not ray.is_initialized():
                    ray.init(**_terms(workers))
                    stack.callback(ray.shutdown)
                # Restarted as often as need be: how often each question is asked again is bounded.
                actor: Any = ray.remote(num_cpus=1, max_restarts=-1, max_task_retries=TRIES_AGAIN)
                started = [actor(Stages).remote(plan) for _ in range(workers)]
                stack.callback(lambda: [ray.kill(one) for one in started])
                said = ray.get([one.check.remote() for one in started], timeout=START_SECONDS)
            except (RayError, OSError, RuntimeError) as error:
                why = str(error).partition("\n")[0]
                raise WorkersLostError(f"engine: Ray cannot start its workers: {why}") from error
            for refusal in said:
                if refusal is not None:
                    raise refusal
            yield cls(started)

    def read(self, *arguments: object) -> Future[Any]:
        """Ask the next worker to read a document."""
        return _answer(self._workers[next(self._next)].read.remote(*arguments))

    def embed(self, *arguments: object) -> Future[Any]:
        """Ask the next worker to embed texts."""
        return _answer(self._workers[next(self._next)].embed.remote(*arguments))

    def pids(self) -> list[int]:
        """The processes; for those who want to see one die."""
        import ray  # noqa: PLC0415 - loaded long ago

        return list(ray.get([one.pid.remote() for one in self._workers]))


def _require_reachable(address: str) -> None:
    """Find out at once that nobody listens; Ray itself would go on asking for minutes.

    Raises:
        WorkersLostError: nobody does.
    """
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdecimal():  # else it is a word, such as auto
        try:
            socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()
        except OSError as error:
            raise WorkersLostError(
                f"RAY_ADDRESS: nobody answers at {address}: {error.strerror or error}"
            ) from error


def _terms(workers: int) -> dict[str, Any]:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    if _ADDRESS in os.environ:
        return quiet
    return quiet | {
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": STORE_BYTES,
    }


def _answer(asked: Any) -> Future[Any]:
    """The result of a call; an error that was its result is raised by whoever asks for it."""
    answer: Future[Any] = Future()

    def done(came: Future[Any]) -> None:
        error = came.exception()
        result = None if error is not None else came.result()
        if error is not None:
            answer.set_exception(_cause(error))
        elif isinstance(result, IngestionError):
            answer.set_exception(result)
        else:
            answer.set_result(result)

    asked.future().add_done_callback(done)
    return answer


def _cause(error: BaseException) -> BaseException:
    """What went wrong, in our own words; the text of a foreign error may quote a document."""
    cause = getattr(error, "cause", None)
    if isinstance(cause, IngestionError):
        return cause
    told = type(error if cause is None else cause).__name__
    return WorkersLostError(
        f"engine: a worker failed with {told}, {TRIES_AGAIN + 1} times; look into the logs of Ray"
    )
