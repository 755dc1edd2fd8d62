"""Parsing in worker processes that can be killed: for files that hang or crash a parser.

A time limit cannot be kept within a process, since C code holds the interpreter while it runs. The
boundary is against accidents and exhaustion, not against a parser taken over by its input: results
come back as pickles, which a hostile worker could abuse. What never lives here: parsing itself.
"""

import contextlib
import multiprocessing
import queue
import signal
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Self

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.registry import parse

_Reply = ParsedDocument | tuple[str, str]
# Spawned, never forked: the parent has threads, and a fork would copy their locks held.
_CONTEXT = multiprocessing.get_context("spawn")


class GuardedParser:
    """Parses like ``registry.parse``, within a time limit, whatever the file does.

    Safe to use from many threads; as many files are parsed at once as there are workers. A worker
    is started when first needed and replaced when it had to be killed.
    """

    def __init__(
        self,
        limits: ParseLimits = ParseLimits(),  # noqa: B008 - frozen, so one default serves all
        *,
        timeout_seconds: float = 60.0,
        workers: int = 1,
        memory_bytes: int | None = 4_000_000_000,
    ) -> None:
        """Describe the guard; no process is started yet.

        Args:
            limits: What one file may cost, passed on to the parser.
            timeout_seconds: How long one file may take once a worker is ready for it.
            workers: How many files may be parsed at once.
            memory_bytes: Address space of a worker, where the system can limit it; None for no
                limit.

        Raises:
            ValueError: A number is out of range.
        """
        if timeout_seconds <= 0 or workers < 1:
            raise ValueError("timeout_seconds and workers: give positive numbers")
        self._limits = limits
        self._timeout = timeout_seconds
        self._memory = memory_bytes
        self._closed = False
        self._idle: queue.LifoQueue[_Worker | None] = queue.LifoQueue()
        self._slots = workers
        for _ in range(workers):
            self._idle.put(None)

    def parse(self, content: bytes, *, name: str, media_type: str | None = None) -> ParsedDocument:
        """Extract the text of one file in a worker.

        Raises:
            ParseError: As ``registry.parse``; ``timeout`` if it took too long, ``malformed`` if it
                brought its worker down.
            RuntimeError: The guard is closed.
        """
        if len(content) > self._limits.max_bytes:
            # Says so itself, without copying the file to another process.
            return parse(content, name=name, media_type=media_type, limits=self._limits)
        worker = self._idle.get()
        try:
            worker = self._ready(worker)
            reply = worker.ask((content, name, media_type), self._timeout)
        except BaseException:
            if worker is not None:
                worker.kill()
                worker = None
            raise
        finally:
            self._idle.put(worker)
        if isinstance(reply, ParsedDocument):
            return reply
        code, message = reply
        raise ParseError(message, code=code)

    def _ready(self, worker: "_Worker | None") -> "_Worker":
        """Return a worker that lives: this one, or a new one in its place."""
        if self._closed:
            raise RuntimeError("the guarded parser is closed; make a new one")
        if worker is not None and worker.is_alive():
            return worker
        if worker is not None:
            worker.kill()
        return _Worker(self._limits, self._memory)

    def close(self) -> None:
        """Stop the workers once what they are doing is done; closing twice does nothing."""
        self._closed = True
        for _ in range(self._slots):
            worker = self._idle.get()
            if worker is not None:
                worker.kill()
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


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, limits: ParseLimits, memory: int | None) -> None:
        self._pipe, theirs = _CONTEXT.Pipe()
        self._process = _CONTEXT.Process(target=_serve, args=(theirs, limits, memory), daemon=True)
        self._process.start()
        theirs.close()
        try:
            self._pipe.recv()  # starting is not the file's fault, so it does not count
        except EOFError:
            self.kill()
            raise RuntimeError("the parser's worker process does not start") from None

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def ask(self, question: tuple[bytes, str, str | None], timeout: float) -> _Reply:
        """Send a file and wait for its text.

        Raises:
            ParseError: ``timeout``, or ``malformed`` if the process died of it.
        """
        try:
            self._pipe.send(question)
            if not self._pipe.poll(timeout):
                raise ParseError(
                    f"content: not parsed within {timeout:g} seconds; split the file or raise the"
                    " limit",
                    code=ParseErrorCode.TIMEOUT,
                )
            reply: _Reply = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise ParseError(
                "content: the parser crashed on it; save the file again or leave it out",
                code=ParseErrorCode.MALFORMED,
            ) from error
        return reply

    def kill(self) -> None:
        """Stop the process and let go of it; a second time does nothing."""
        with contextlib.suppress(ValueError):  # what a process says that was let go of before
            self._process.kill()
            self._process.join()
            self._process.close()
        self._pipe.close()


def _serve(pipe: Connection, limits: ParseLimits, memory: int | None) -> None:
    """Answer files until the pipe closes."""
    # Ctrl-C is the parent's to handle; it kills this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory(memory)
    pipe.send(None)
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            content, name, media_type = pipe.recv()
            reply: _Reply
            try:
                reply = parse(content, name=name, media_type=media_type, limits=limits)
            except ParseError as error:
                reply = (error.code, error.message)
            pipe.send(reply)


def _limit_memory(memory: int | None) -> None:
    try:
        import resource  # noqa: PLC0415 - absent on systems that cannot limit memory
    except ImportError:
        return
    if memory is not None:
        with contextlib.suppress(ValueError, OSError):  # a lower limit already stands
            resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
