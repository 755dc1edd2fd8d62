"""How much memory a run takes, by how much its source lists.

``python -m tests.benchmarks.run_memory 10000 100000`` runs each number of tiny documents in a
process of its own: added, then found unchanged, then gone. The index keeps nothing, since it is
another process in earnest; the catalogue is on disk.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.documents import AclEntrySpec, AclSpec, SourceItem
from ingestion.index.memory import MemoryHost
from ingestion.jobs import SourceConfig, ingest
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.benchmarks.figures import RunFigures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingestion.index.port import Point, VectorIndex
    from ingestion.report import RunReport


class Tiny:
    """Lists as many tiny documents as it is told to, and holds none of them."""

    name = "tiny"

    def __init__(self, count: int) -> None:
        self.count = count

    def acls(self) -> Sequence[AclSpec]:
        """One, for all."""
        return [AclSpec("all", None, True, (AclEntrySpec("allow", "everyone"),))]

    def list_items(self) -> Iterator[SourceItem]:
        """Every one, made as it is asked for."""
        for number in range(self.count):
            name = f"folder-{number % 97:02}/document-{number:08}.md"
            yield SourceItem(name, f"memory://{name}", "all", 40, None, "text/markdown")

    def fetch(self, item: SourceItem) -> bytes:
        """Words of its own for each, so that no two are alike."""
        return " ".join(_words(item.external_id)).encode()


class ForgetfulHost(MemoryHost):
    """An index that takes everything and keeps nothing."""

    def open(self, generation: str, *, dimensions: int) -> VectorIndex:
        """Open a generation whose points go nowhere."""
        index = super().open(generation, dimensions=dimensions)
        index.upsert = _forget  # type: ignore[method-assign]
        return index


def _words(name: str) -> Iterator[str]:
    digest = hashlib.sha512(name.encode()).hexdigest()
    return (digest[at : at + 8] for at in range(0, len(digest), 8))


def _forget(_points: Sequence[Point]) -> None:
    pass


class Peak:
    """The most memory of its own this process had since the last reading.

    Of its own: pages of the catalogue that SQLite maps count as resident and are the system's.
    """

    def __init__(self) -> None:
        self._most = 0
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while True:
            self._most = max(self._most, _anonymous_kilobytes())
            time.sleep(0.02)

    def read(self) -> float:
        """Megabytes."""
        most, self._most = self._most, 0
        return round(most / 1024, 1)


def _anonymous_kilobytes() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:"))


def measure(count: int) -> list[RunFigures]:
    """What each run over so many documents took, in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.run_memory", str(count)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return [RunFigures(**json.loads(line)) for line in done.stdout.splitlines()]


def _print(count: int) -> None:
    """Print, as a line of JSON, what each run took and the peak after it."""
    peak = Peak()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(data_dir=Path(home), embedder="hash:32")
        with Runtime.open(settings) as runtime:
            context = replace(runtime.ingest_context(), host=ForgetfulHost())

            def run(listed: int) -> RunReport:
                return ingest(
                    context,
                    Tiny(listed),
                    tenant="bank",
                    config=SourceConfig("memory", {}),
                    confirm_deletions=True,
                )

            for what, listed in (("added", count), ("unchanged", count), ("gone", 0)):
                began = time.perf_counter()
                run(listed)
                seconds = round(time.perf_counter() - began, 1)
                figures = {"documents": count, "run": what, "seconds": seconds}
                print(json.dumps(figures | {"peak_mb": peak.read()}), flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        for each in sys.argv[1:]:
            command = [sys.executable, "-m", "tests.benchmarks.run_memory", each]
            subprocess.run(command, check=True)  # noqa: S603 - our own interpreter and module
    else:
        _print(int(sys.argv[1]))
