"""kill -9 of erasures: what has gone is certified in the end, and nothing else is gone."""

from __future__ import annotations

import base64
import json
import os
import random
import signal
import time
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from ingestion.erasure.begun import unfinished
from ingestion.index.client import EdgeHost
from ingestion.models import DocumentRow
from ingestion.records import ErasureRow
from ingestion.recovery import recover
from retrieval.runtime import Runtime
from tests.e2e.crash import world
from tests.e2e.crash.runs import TENANT, forking
from tests.e2e.crash.switching import STEPS, TERM, switching

if TYPE_CHECKING:
    from pathlib import Path

KILLS = 2
"""At random instants, beside one after each step."""
SECONDS = 0.2
"""About how long an erasure of so little takes."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def documents(data_dir: Path) -> set[str]:
    """Ids of the documents whose rows are there."""
    with Runtime.open(world.settings(data_dir)) as runtime:
        recover(runtime.ingest_context())
        with runtime.database.read(TENANT) as session:
            return set(session.scalars(select(DocumentRow.id)))


def told(data_dir: Path) -> tuple[set[str], list[dict[str, Any]]]:
    """Which documents an erasure without a certificate names, and what the certificates claim."""
    with (
        Runtime.open(world.settings(data_dir)) as runtime,
        runtime.database.read(TENANT) as session,
    ):
        noted = {ident for one in unfinished(session, TENANT) for ident in one.documents}
        kept = session.scalars(select(ErasureRow.certificate).order_by(ErasureRow.at)).all()
    return noted, [claims(one) for one in kept]


def claims(certificate: str) -> dict[str, Any]:
    payload = certificate.split(".")[1]
    said: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return said


def test_killed_erasures_are_finished_and_certified_by_the_next(tmp_path: Path) -> None:
    root, data_dir = tmp_path / "root", tmp_path / "data"
    dice = random.Random(11)  # noqa: S311 - drawn again from its seed
    with ExitStack() as stack:
        world.prepare(data_dir)
        stack.callback(EdgeHost(data_dir).shutdown)
        runs = stack.enter_context(forking())
        start = stack.enter_context(switching())
        world.write_folder(root, dice, documents=9)
        runs.complete(data_dir, root)
        staying = documents(data_dir)
        for action in (*STEPS, *["erase"] * KILLS):
            names = [root / "open" / f"{action}{number}.md" for number in range(3)]
            for name in names:
                name.write_text(f"# Case\n\n{TERM} was granted loan {dice.random()} of {name}.")
            runs.complete(data_dir, root)
            going = documents(data_dir) - staying
            assert len(going) == len(names)
            for name in names:
                name.unlink()
            _, before = told(data_dir)
            pid, ended = start(data_dir, action)
            if action == "erase":
                time.sleep(dice.random() * SECONDS)
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            assert ended() or action == "erase"
            there = documents(data_dir)
            noted, after = told(data_dir)
            if after == before:
                assert staying <= there
                assert going - there <= noted, "documents went that nobody will certify"
                _, ended = start(data_dir, "erase")
                assert ended() == 0
            assert documents(data_dir) == staying
            noted, certified = told(data_dir)
            assert not noted
            assert len(certified) == len(before) + 1
            assert set(certified[-1]["documents"]) == going
            assert {one["found"] for one in certified[-1]["probes"]} == {0}
