"""Parsing in worker processes that can be killed: for files that hang or crash a parser.

A time limit cannot be kept within a process, since C code holds the interpreter while it runs.
Workers are started when first needed, kept warm, and replaced when they die, hang or have grown.
What never lives here: parsing itself, and what a worker does with its limits (``worker``).
"""

import os
import queue
import threading
from types import TracebackType
from typing import Self

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.process import Undelivered, WorkerProcess
from ingestion.parsing.registry import parse
from ingestion.parsing.wire import pack_terms

_LEAST_MEMORY = 500_000_000  # address space of an interpreter with every parser loaded, and some


class GuardedParser:
    """Parses like ``registry.parse``, within a time limit, whatever the file does.

    Safe to use from many threads; as many files are parsed at once as there are workers.
    """

    def __init__(
        self,
        limits: ParseLimits = ParseLimits(),  # noqa: B008 - frozen, so one default serves all
        *,
        timeout_seconds: float = 60.0,
        workers: int | None = None,
        memory_bytes: int | None = 4_000_000_000,
    ) -> None:
        """Describe the guard; no process is started yet.

        Args:
            limits: What one file may cost, passed on to the parser.
            timeout_seconds: How long one file may take once a worker is ready for it; also the
                processor time it may take.
            workers: How many files may be parsed at once; None for as many as there are cores.
            memory_bytes: Address space of a worker; None for no limit.

        Raises:
            ValueError: A number is out of range.
        """
        slots = len(os.sched_getaffinity(0)) if workers is None else workers
        if timeout_seconds <= 0 or slots < 1:
            raise ValueError("timeout_seconds and workers: give positive numbers")
        if memory_bytes is not None and memory_bytes < _LEAST_MEMORY:
            raise ValueError(f"memory_bytes: a worker needs {_LEAST_MEMORY}; give it that or None")
        self._limits = limits
        self._timeout = timeout_seconds
        self._terms = pack_terms(limits, seconds=timeout_seconds, memory=memory_bytes)
        self._closed = False
        self._slots = slots
        # Last in, first out: work that needs one worker keeps one warm.
        self._idle: queue.LifoQueue[WorkerProcess | None] = queue.LifoQueue()
        for _ in range(slots):
            self._idle.put(None)
        self._running: set[WorkerProcess] = set()
        self._lock = threading.Lock()

    def parse(self, content: bytes, *, name: str, media_type: str | None = None) -> ParsedDocument:
        """Extract the text of one file in a worker.

        Raises:
            ParseError: As ``registry.parse``; ``timeout`` if it took too long, ``malformed`` if it
                brought its worker down.
            ParserUnavailableError: No worker can be started; that is not the file's fault.
            RuntimeError: The guard is closed.
        """
        if len(content) > self._limits.max_bytes:
            # Says so itself, without copying the file to another process.
            return parse(content, name=name, media_type=media_type, limits=self._limits)
        worker = self._idle.get()
        try:
            worker, answer = self._ask(worker, content, name, media_type)
        except BaseException:
            worker = None  # it was let go of where it failed
            raise
        finally:
            self._idle.put(worker)
        if isinstance(answer, ParseError):
            raise answer
        return answer

    def worker_pids(self) -> frozenset[int]:
        """Return the process ids of the workers that are running."""
        with self._lock:
            return frozenset(worker.pid for worker in self._running)

    def _ask(
        self, worker: WorkerProcess | None, content: bytes, name: str, media_type: str | None
    ) -> tuple[WorkerProcess | None, ParsedDocument | ParseError]:
        """Return the file's answer and the worker, if it goes on.

        A worker may die while idle, between a look at it and the file's reaching it: then the file
        is not to blame, and a new worker gets it.
        """
        for _ in range(2):
            worker = self._ready(worker)
            try:
                answer = worker.ask(
                    content, name, media_type, self._timeout, self._limits.max_chars
                )
            except Undelivered:
                self._drop(worker)
                worker = None
                continue
            except BaseException:
                self._drop(worker)
                raise
            if worker.has_retired:
                self._drop(worker)
                return None, answer
            return worker, answer
        raise ParseError(
            "content: two workers could not even receive it; save the file again or leave it out",
            code=ParseErrorCode.MALFORMED,
        )

    def _ready(self, worker: WorkerProcess | None) -> WorkerProcess:
        """Return a worker that lives: this one, or a new one in its place."""
        if self._closed:
            raise RuntimeError("the guarded parser is closed; make a new one")
        if worker is not None and worker.is_alive():
            return worker
        if worker is not None:
            self._drop(worker)
        worker = WorkerProcess(self._terms)
        with self._lock:
            self._running.add(worker)
        return worker

    def _drop(self, worker: WorkerProcess) -> None:
        worker.kill()
        with self._lock:
            self._running.discard(worker)

    def close(self) -> None:
        """Stop the workers once what they are doing is done; closing twice does nothing."""
        self._closed = True
        for _ in range(self._slots):
            worker = self._idle.get()
            if worker is not None:
                self._drop(worker)
        for _ in range(self._slots):
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
