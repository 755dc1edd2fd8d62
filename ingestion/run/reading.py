"""Parsing, in this process or in one that can be killed.

A PDF, an office file or a web page goes to a worker process: their parsers are large, work in C or
unpack archives, and one file made to hang them must cost itself and nothing else. Plain text and
Markdown of moderate size stay here: what their parsers take grows with the length of the text and
with nothing else (a megabyte of Markdown takes about a second), while the first worker takes half
a second to start and each file twice its own bytes of copying. So a run over a handful of notes
starts no process at all.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, Protocol

from ingestion.parsing.guarded import GuardedParser
from ingestion.parsing.media import MEDIA_TYPES, sniff
from ingestion.prepare import Prepared, cut, prepare

if TYPE_CHECKING:
    from ingestion.chunking import Chunker
    from ingestion.documents import RawDocument
    from ingestion.parsing.limits import ParseLimits

LIGHT_BYTES: Final = 1_000_000
_LIGHT: Final = frozenset({"text/plain", "text/markdown", "text/x-rst"})


def is_light(raw: RawDocument) -> bool:
    """Whether a document may be parsed in this process."""
    if len(raw.content) > LIGHT_BYTES or sniff(raw.content) is not None:
        return False
    stated = (raw.item.media_type or "").partition(";")[0].strip().lower()
    suffix = PurePosixPath(raw.item.external_id).suffix.lower()
    return (stated or MEDIA_TYPES.get(suffix)) in _LIGHT


class Measures(Protocol):
    """What reading takes from an installation; an ``IngestContext`` is one."""

    @property
    def limits(self) -> ParseLimits:
        """What a single document may cost."""

    @property
    def parse_seconds(self) -> float:
        """How long a process may take over one file before it is killed."""

    @property
    def parse_workers(self) -> int:
        """How many files may be parsed at once in processes of their own."""

    def chunker(self) -> Chunker:
        """What cuts."""


class DocumentReader(Protocol):
    """Prepares documents, here or elsewhere. Close it."""

    def read(self, raw: RawDocument) -> Future[Prepared]:
        """Prepare a document; what is wrong with it is raised by the result."""

    def close(self) -> None:
        """Let go; what has not begun is not begun any more."""


class Reader:
    """Prepares documents for a run or a service. Starts processes when needed; close it."""

    def __init__(self, context: Measures) -> None:
        self._chunker = context.chunker()
        self._limits = context.limits
        self._guard = GuardedParser(
            context.limits, timeout_seconds=context.parse_seconds, workers=context.parse_workers
        )
        # A thread for each process: it waits for the process, then cuts what came back.
        self._threads = ThreadPoolExecutor(context.parse_workers, thread_name_prefix="parse")

    def read(self, raw: RawDocument) -> Future[Prepared]:
        """Prepare a document; what is light is done when this returns, and fails in its result."""
        if not is_light(raw):
            return self._threads.submit(self._guarded, raw)
        done: Future[Prepared] = Future()
        try:
            done.set_result(prepare(raw, self._chunker, self._limits))
        except Exception as error:  # noqa: BLE001 - kept for whoever asks for the result
            done.set_exception(error)
        return done

    def _guarded(self, raw: RawDocument) -> Prepared:
        parsed = self._guard.parse(
            raw.content, name=raw.item.external_id, media_type=raw.item.media_type
        )
        return cut(parsed, self._chunker)

    def close(self) -> None:
        """Let go of the processes; what has not begun is not begun any more."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._guard.close()
