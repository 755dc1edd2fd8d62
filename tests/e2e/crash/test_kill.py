"""kill -9 at random instants: nothing acknowledged is lost, and a re-run ends where it should.

Two installations follow the same folder through its changes. One is left in peace; the runs of the
other are killed, or its index process is, or both at once.
"""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from ingestion.index.client import EdgeHost
from ingestion.index.rendezvous import Rendezvous
from tests.e2e.crash import world
from tests.e2e.crash.runs import forking
from tests.e2e.crash.world import State

KILLS = 12
"""Of ingest runs, by seed."""

VICTIMS = ("run", "run", "run and index", "index", "run")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def kill_index_process(data_dir: Path) -> bool:
    """Kill -9 the index process of a data directory, if there is one."""
    try:
        pid = int(Rendezvous.of(data_dir).process_lock.read_text())
        # The file outlives the process, and its id may be somebody else's by now.
        if str(data_dir) not in Path(f"/proc/{pid}/cmdline").read_text():
            return False
        os.kill(pid, signal.SIGKILL)
    except (OSError, ValueError):
        return False
    return True


def assert_nothing_lost(
    found: State, *, before: State, after: State, acknowledged: set[str], root: Path
) -> None:
    """What a killed run leaves: each document as before or as after, what was told is there."""
    assert found.acls == found.recounted
    assert found.live() <= found.points, "a chunk that can be served is missing from the index"
    occurring = {chunk for _, _, _, chunk, _, _ in found.occurrences}
    assert occurring == found.live(), "what can be served stands somewhere, and nothing else does"
    for name, document in found.documents.items():
        assert document in {before.documents.get(name), after.documents.get(name)}, name
    deleted = {document[0] for document in found.documents.values() if not document[-1]}
    for name in acknowledged:
        if name in found.documents:
            assert found.documents[name] == after.documents[name]
            assert found.documents[name][-2] == world.digest_of(root / name)
        else:
            assert name in deleted, f"{name} was acknowledged and is gone"


@pytest.mark.parametrize("seed", [20, 26])
def test_killed_runs_lose_nothing_and_a_rerun_ends_as_if_undisturbed(
    tmp_path: Path, seed: int
) -> None:
    root, calm, wild = tmp_path / "root", tmp_path / "calm", tmp_path / "wild"
    dice = random.Random(seed)  # noqa: S311 - drawn again from its seed
    with ExitStack() as stack:
        for data_dir in (calm, wild):
            world.prepare(data_dir)
            stack.callback(EdgeHost(data_dir).shutdown)
        runs = stack.enter_context(forking())
        world.write_folder(root, dice, documents=30)
        killed = killed_indexes = 0
        while killed < KILLS:
            before = State.of(wild)
            undisturbed, seconds = runs.complete(calm, root)
            after = State.of(calm)
            acknowledged: set[str] = set()
            finished = False
            while not finished and killed < KILLS:
                victim = VICTIMS[(killed + killed_indexes) % len(VICTIMS)]
                # Spread over what is left to do, so that a folder's late steps get their share.
                left = 1 - len(acknowledged) / max(len(undisturbed.acknowledged), 1)
                run = runs.start(wild, root)
                time.sleep(dice.random() * seconds * max(left, 0.2))
                if "index" in victim:
                    killed_indexes += kill_index_process(wild)
                if "run" in victim:
                    run.kill()
                status = run.end()
                assert status in {0, -signal.SIGKILL}
                killed += status == -signal.SIGKILL
                finished = run.finished
                acknowledged |= run.acknowledged
                assert_nothing_lost(
                    State.of(wild),
                    before=before,
                    after=after,
                    acknowledged=acknowledged,
                    root=root,
                )
            if not finished:
                runs.complete(wild, root)
            assert State.of(wild) == after
            world.change_folder(root, dice)
        assert killed_indexes
