"""A run over a folder in which nothing changed: what a schedule pays each time.

Small files and the hash embedder, since neither parsing nor embedding happens in such a run. What
never lives here: a run with work to do, which ``ingest_race`` measures.

Runs by itself as ``python -m tests.benchmarks.unchanged``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console

from ingestion.jobs import SourceConfig, ingest
from ingestion.sources.folder import FolderSource
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.benchmarks.processes import stop_index
from tests.benchmarks.texts import Prose
from tests.benchmarks.world import TENANT

_FILES_PER_FOLDER = 500


def measure(directory: Path, *, files: int, seed: int) -> tuple[float, float]:
    """Seconds of the first run, and of the next over the same files.

    Args:
        directory: an empty directory to work in.
        files: how many.
        seed: of the texts.

    Raises:
        RuntimeError: the second run found something to do.
    """
    folder = directory / "folder"
    for number in range(files):
        place = folder / f"{number // _FILES_PER_FOLDER:03}"
        place.mkdir(parents=True, exist_ok=True)
        text = Prose.seeded(seed, "unchanged", number).section()
        (place / f"{number:06}.txt").write_text(f"{number}: {text}", encoding="utf-8")
    settings = Settings(data_dir=directory / "data", embedder="hash:32")
    taken = []
    with Runtime.open(settings) as runtime:
        for _ in range(2):
            started = time.perf_counter()
            report = ingest(
                runtime.ingest_context(),
                FolderSource(folder, name="folder", allow=["group:staff"]),
                tenant=TENANT,
                config=SourceConfig("folder", {"root": str(folder)}),
            )
            taken.append(time.perf_counter() - started)
    stop_index(settings.data_dir)
    if report.chunks_added or report.failures:
        raise RuntimeError("the second run found something to do; the figure would mean nothing")
    return taken[0], taken[1]


def main(arguments: list[str] | None = None) -> int:
    """Measure and say. Returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks.unchanged", description=__doc__
    )
    parser.add_argument("--files", type=int, default=10_000, help="in the folder")
    parser.add_argument("--seed", type=int, default=7, help="of the texts")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="unchanged-") as directory:
        first, again = measure(Path(directory), files=options.files, seed=options.seed)
    Console().print(
        f"{options.files:,} files: {first:.1f} s the first time, {again:.2f} s unchanged, "
        f"{options.files / again:,.0f} files a second"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
