"""kill -9 of builds and switches: one generation is served throughout, and its books are right."""

from __future__ import annotations

import os
import random
import signal
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from ingestion.active import all_generations, kept_generations
from ingestion.books import content_of
from ingestion.generations.coverage import recount
from ingestion.index.client import EdgeHost
from ingestion.models import ChunkRow, ChunkState, GenerationState
from ingestion.recovery import recover
from retrieval.runtime import Runtime
from tests.e2e.crash import world
from tests.e2e.crash.runs import TENANT, forking
from tests.e2e.crash.switching import switching

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 6
"""Of each action."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def assert_whole(data_dir: Path) -> dict[str, str]:
    """Exactly one generation is active; the books of each that is kept are what its places say."""
    with Runtime.open(world.settings(data_dir)) as runtime:
        recover(runtime.ingest_context())
        rows = kept_generations(runtime.database)
        active = [row.id for row in rows if row.state == GenerationState.ACTIVE]
        assert len(active) == 1
        for row in rows:
            with runtime.database.read(TENANT) as session:
                told = content_of(session, TENANT, row.id, active=row.id in active)
                assert told == recount(session, TENANT, row.id, secret=runtime.secret), row.id
                chunks = session.execute(
                    select(ChunkRow.id, ChunkRow.state).where(ChunkRow.generation == row.id)
                ).all()
            assert all(state == ChunkState.LIVE for _, state in chunks)
            assert set(runtime.index(row.id).ids()) == {ident for ident, _ in chunks}, row.id
        return {row.id: row.state for row in all_generations(runtime.database)}


def test_killed_builds_and_switches_leave_one_generation_whole(tmp_path: Path) -> None:
    root, data_dir = tmp_path / "root", tmp_path / "data"
    dice = random.Random(7)  # noqa: S311 - drawn again from its seed
    with ExitStack() as stack:
        world.prepare(data_dir)
        stack.callback(EdgeHost(data_dir).shutdown)
        runs = stack.enter_context(forking())
        start = stack.enter_context(switching())
        world.write_folder(root, dice, documents=12)
        runs.complete(data_dir, root)
        for action, seconds in (("build", 0.4), ("switch", 0.02)):
            for _ in range(KILLS):
                pid, ended = start(data_dir, action)
                time.sleep(dice.random() * seconds)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
                ended()
                assert_whole(data_dir)
            _, ended = start(data_dir, action)
            assert ended() == 0
            states = assert_whole(data_dir)
            if action == "build":
                assert "ready" in states.values()
                world.change_folder(root, dice)
                runs.complete(data_dir, root)
                assert_whole(data_dir)
        _, ended = start(data_dir, "retire")
        assert ended() == 0
        assert "retired" in assert_whole(data_dir).values()
