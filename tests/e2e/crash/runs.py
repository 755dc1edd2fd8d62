"""Ingest runs as processes that can be killed, forked from one that has already imported it all.

Run as a program it reads ``DATA_DIR<tab>ROOT`` lines and forks a process for each, which tells on
the shared standard output what happens: ``ready``, ``acknowledged`` with what was written,
``finished``; the program itself adds ``started PID`` and ``ended STATUS``.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion import jobs, writer
from ingestion.run import pipeline, removal
from ingestion.sources.folder import FolderSource
from retrieval.runtime import Runtime
from tests.e2e.crash.world import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.context import IngestContext
    from ingestion.writer import Batch, BatchResult

TENANT = "meridian"
SOURCE = "files"


class Forked:
    """One ingest run, being told of.

    Attributes:
        pid: its process.
        acknowledged: external ids of documents, and ids of deleted ones, that it was told are
            written; complete once the run has ended.
        finished: whether it came to its end.
    """

    def __init__(self, lines: Iterator[list[str]]) -> None:
        self._lines = lines
        self.acknowledged: set[str] = set()
        self.finished = False
        word, self.pid = "", 0
        while word != "ready":
            word, *rest = next(lines)
            if word == "started":
                self.pid = int(rest[0])
            assert word != "ended", "the run died before it began: see its standard error"

    def kill(self) -> None:
        """Kill -9; nothing happens if it has ended. Its id is its own until the next run starts."""
        os.kill(self.pid, signal.SIGKILL)

    def end(self) -> int:
        """Wait for the end, collecting what was acknowledged; returns the exit status."""
        for word, *rest in self._lines:
            match word:
                case "acknowledged":
                    self.acknowledged.update(rest)
                case "finished":
                    self.finished = True
                case "ended":
                    return int(rest[0])
                case _:
                    continue
        raise AssertionError("the program that forks runs is gone: see its standard error")


class Runs:
    """The program that forks runs."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        assert program.stdin is not None
        assert program.stdout is not None
        self._stdin = program.stdin
        self._lines = (line.rstrip("\n").split("\t") for line in program.stdout)

    def start(self, data_dir: Path, root: Path) -> Forked:
        """Start one run; returns once it is about to ingest."""
        print(data_dir, root, sep="\t", file=self._stdin, flush=True)
        return Forked(self._lines)

    def complete(self, data_dir: Path, root: Path) -> tuple[Forked, float]:
        """One undisturbed run, and how many seconds it ingested."""
        run = self.start(data_dir, root)
        started = time.monotonic()
        assert run.end() == 0
        assert run.finished
        return run, time.monotonic() - started


@contextmanager
def forking() -> Iterator[Runs]:
    """Start the program; it is gone afterwards, whatever happened."""
    command = [sys.executable, "-m", "tests.e2e.crash.runs"]
    repository = Path(__file__).parents[3]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=repository
    ) as program:
        try:
            yield Runs(program)
        except BaseException:
            program.kill()
            raise
        # Leaving the context closes its input, which is its signal to end, and waits for it.


def _tell(*words: object) -> None:
    print(*words, sep="\t", flush=True)  # noqa: T201 - read by the test


def _ingest(data_dir: Path, root: Path) -> None:
    """One run in small batches, telling of each that was acknowledged."""

    def told(context: IngestContext, batch: Batch) -> BatchResult:
        result = writer.write(context, batch)
        _tell("acknowledged", *(up.item.external_id for up in batch.upserts), *batch.deletions)
        return result

    jobs.BATCH_DOCUMENTS = 4
    for module in (pipeline, removal):
        module.write = told  # type: ignore[attr-defined] # the name by which a run writes
    with Runtime.open(settings(data_dir)) as runtime:
        context = runtime.ingest_context()
        _tell("ready")
        jobs.ingest(
            context,
            FolderSource(root, name=SOURCE),
            tenant=TENANT,
            config=jobs.SourceConfig("folder", {"root": str(root)}),
            confirm_deletions=True,
        )
    _tell("finished")


def _serve() -> None:
    ended = 0
    for line in sys.stdin:
        if ended:
            os.waitpid(ended, 0)
        data_dir, root = (Path(part) for part in line.rstrip("\n").split("\t"))
        child = os.fork()
        if not child:
            _ingest(data_dir, root)
            sys.exit(0)
        _tell("started", child)
        # Left a zombie for now, so that a kill that comes too late hits nobody else.
        result = os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
        assert result is not None  # it blocks
        ended = child
        _tell("ended", result.si_status * (1 if result.si_code == os.CLD_EXITED else -1))


if __name__ == "__main__":
    _serve()
