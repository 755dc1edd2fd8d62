"""A second process for a settling that has much to do, so that two cores share the work.

It signs texts while others are read, and compares candidates while signatures are written. It is a
convenience: where it does not start, or dies, the same is done here, so nothing depends on it but
the time. One request is with it at a time, so its memory is that of one page of texts.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar

import ingestion
from ingestion.near.batch import Marks, marks
from ingestion.near.confirm import NearPair, compared, confirm, slices
from ingestion.near.wire import (
    Task,
    pack_candidates,
    pack_texts,
    unpack_marks,
    unpack_pairs,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ingestion.near.confirm import Pair, Texts

_T = TypeVar("_T")

_GONE: Final = (EOFError, OSError)
# Nothing else of the surroundings is its business; keys and passwords stand there.
_INHERITED: Final = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


class Companion:
    """Does things here until it is started, and then beside. Leave it in any case."""

    def __init__(self) -> None:
        """Prepare; no process is started yet."""
        self._beside: _Beside | None = None

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *error: object) -> None:
        """End the process, whatever it is at."""
        if self._beside is not None:
            self._beside.end()

    @property
    def pid(self) -> int | None:
        """The process, once it was started."""
        return None if self._beside is None else self._beside.process.pid

    def start(self) -> None:
        """Start the process, unless that was done; it takes part when it is ready."""
        if self._beside is None:
            with suppress(OSError):  # no memory or no process left: alone, then
                self._beside = _Beside()

    def mark(self, texts: Sequence[str]) -> Future[Marks]:
        """Sign some texts: beside if nobody is waiting there, and here otherwise."""
        if self._beside is None or not self._beside.is_free():
            return _done(marks(texts))
        return self._beside.submit(partial(self._beside.mark, texts))

    def confirm(self, candidates: Sequence[Pair], texts: Texts) -> Confirmation:
        """Begin to say which candidates nearly agree (:mod:`ingestion.near.confirm`).

        Args:
            candidates: hashes of two texts.
            texts: may be called from another thread.
        """
        return Confirmation(
            [(some, self._begun(some, texts)) for some in slices(candidates)], texts
        )

    def _begun(self, some: Sequence[Pair], texts: Texts) -> Future[list[NearPair]] | None:
        if self._beside is None:
            return None
        return self._beside.submit(partial(confirm, some, texts, compare=self._beside.compare))


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Candidates that are compared beside, slice by slice.

    Attributes:
        begun: slices, and what comes of those that are done beside.
        texts: asked for the texts of the others.
    """

    begun: list[tuple[Sequence[Pair], Future[list[NearPair]] | None]]
    texts: Texts

    def result(self) -> list[NearPair]:
        """Those that nearly agree. What nobody has begun yet is compared here, from the end on."""
        here = {
            place: confirm(some, self.texts)
            for place, (some, coming) in reversed([*enumerate(self.begun)])
            if coming is None or coming.cancel()
        }
        found: list[NearPair] = []
        for place, (_, coming) in enumerate(self.begun):
            found += here[place] if coming is None or place in here else coming.result()
        return found


class _Beside:
    """The process, the pipe to it, and the thread that waits for it."""

    def __init__(self) -> None:
        """Start it.

        Raises:
            OSError: there is no process left, or no memory.
        """
        self._ended = False
        self._pipe, theirs = Pipe()
        with theirs:  # or the end of the process would not show
            try:
                self.process = _started(theirs.fileno())
            except OSError:
                self._pipe.close()
                raise
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="near")
        self._last: Future[Any] = self._thread.submit(self._wait)

    def is_free(self) -> bool:
        """Whether all that was submitted is done."""
        return self._last.done()

    def submit(self, work: Callable[[], _T]) -> Future[_T]:
        """Have the thread do something after all it was given before."""
        future = self._thread.submit(work)
        self._last = future
        return future

    def end(self) -> None:
        """End the process, and the thread with what it does."""
        self._ended = True
        self.process.kill()
        self.process.wait()
        self._thread.shutdown(cancel_futures=True)
        self._pipe.close()

    def mark(self, texts: Sequence[str]) -> Marks:
        """Sign some texts."""
        answer = self._answer(Task.MARK, pack_texts(texts), messages=3)
        return marks(texts) if answer is None else unpack_marks(*answer)

    def compare(self, texts: Mapping[str, str], pairs: Sequence[Pair]) -> list[NearPair]:
        """Say which of some pairs nearly agree."""
        answer = self._answer(Task.COMPARE, pack_candidates(texts, pairs), messages=1)
        return compared(texts, pairs) if answer is None else unpack_pairs(*answer)

    def _wait(self) -> None:
        """Wait until the process is ready, or gone."""
        with suppress(*_GONE):
            self._pipe.recv_bytes()

    def _answer(self, task: Task, content: bytes, *, messages: int) -> list[bytes] | None:
        """What the process says, None where it is gone."""
        try:
            self._pipe.send_bytes(task.encode())
            self._pipe.send_bytes(content)
            return [self._pipe.recv_bytes() for _ in range(messages)]
        except _GONE:
            if self._ended:
                raise  # nobody waits for it
            return None


def _started(descriptor: int) -> subprocess.Popen[bytes]:
    # The same packages as the starter's, installed or not. -P keeps the working directory, which
    # may be anybody's, off the module path.
    root = str(Path(ingestion.__file__).resolve().parents[1])
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return subprocess.Popen(  # noqa: S603 - our own interpreter, our own module, no shell
        [sys.executable, "-P", "-m", "ingestion.near.worker", str(descriptor)],
        env={**kept, "PYTHONPATH": root},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,  # it would quote what it reads
        pass_fds=(descriptor,),
    )


def _done(result: _T) -> Future[_T]:
    future: Future[_T] = Future()
    future.set_result(result)
    return future
