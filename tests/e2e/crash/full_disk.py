"""Ingest runs on a disk of their own that has less room each time than they need.

Run as a program, in a mount namespace of its own, it mounts a small tmpfs, lives through the runs
and ends with what it found on standard output, one line for each disk that was full: what the
run said, and how many documents were acknowledged before that. Any broken promise is an exception.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingestion import jobs, writer
from ingestion.errors import IngestionError
from ingestion.index.client import EdgeHost
from ingestion.run import pipeline, removal
from ingestion.run.faults import translated
from ingestion.sources.folder import FolderSource
from retrieval.runtime import Runtime
from tests.e2e.crash import world
from tests.e2e.crash.runs import SOURCE, TENANT
from tests.e2e.crash.test_kill import assert_nothing_lost
from tests.e2e.crash.world import State, settings

if TYPE_CHECKING:
    from ingestion.context import IngestContext
    from ingestion.writer import Batch, BatchResult

_PAGE: Final = 4096
DISK_BYTES: Final = 96 << 20
ROUNDS: Final = 3
_SPARE: Final = (0, 64 << 10, 300 << 10, 700 << 10, 1_500 << 10, 3 << 20)
"""What is left on the disk when a run begins."""


def ingest(data_dir: Path, root: Path) -> tuple[str | None, set[str]]:
    """One run in small batches: what stopped it, and what it was told is written."""
    acknowledged: set[str] = set()

    def told(context: IngestContext, batch: Batch) -> BatchResult:
        result = writer.write(context, batch)
        acknowledged.update(up.item.external_id for up in batch.upserts)
        acknowledged.update(batch.deletions)
        return result

    for module in (pipeline, removal):
        module.write = told  # type: ignore[attr-defined] # the name by which a run writes
    try:
        with translated(), Runtime.open(settings(data_dir)) as runtime:
            jobs.ingest(
                runtime.ingest_context(),
                FolderSource(root, name=SOURCE),
                tenant=TENANT,
                config=jobs.SourceConfig("folder", {"root": str(root)}),
                confirm_deletions=True,
            )
    except IngestionError as error:
        return str(error), acknowledged
    return None, acknowledged


def live(disk: Path, root: Path, calm: Path) -> None:
    """Let a folder change, and the disk be full whenever that is to be ingested."""
    dice = random.Random(5)  # noqa: S311 - drawn again from its seed
    wild, filler = disk / "data", disk / "filler"
    jobs.BATCH_DOCUMENTS = 4
    with ExitStack() as stack:
        for data_dir in (calm, wild):
            world.prepare(data_dir)
            stack.callback(EdgeHost(data_dir).shutdown)
        world.write_folder(root, dice, documents=30)
        for _ in range(ROUNDS):
            before = State.of(wild)
            assert ingest(calm, root)[0] is None
            after = State.of(calm)
            everything: set[str] = set()
            for spare in _SPARE:
                fill(disk, filler, spare)
                refusal, acknowledged = ingest(wild, root)
                everything |= acknowledged
                filler.unlink()
                print(refusal, len(acknowledged), sep="\t", flush=True)  # noqa: T201 - read by the test
                assert_nothing_lost(
                    State.of(wild), before=before, after=after, acknowledged=everything, root=root
                )
                if refusal is None:
                    break
            assert ingest(wild, root)[0] is None
            assert State.of(wild) == after
            world.change_folder(root, dice)


def fill(disk: Path, filler: Path, spare: int) -> None:
    """Leave so many bytes free."""
    free = shutil.disk_usage(disk).free
    with filler.open("wb") as file:
        for _ in range(max(free - spare, 0) // _PAGE):
            file.write(bytes(_PAGE))


def main(directory: Path) -> None:
    """Mount, and live."""
    disk = directory / "disk"
    disk.mkdir()
    subprocess.run(  # noqa: S603
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "none", disk],  # noqa: S607
        check=True,
    )
    live(disk, directory / "root", directory / "calm")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
