"""What was acknowledged is in the audit, however its writers end, and the chain is whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from acl.audit.kinds import Stream
from acl.audit.models import AuditRow
from acl.audit.verify import verify
from acl.orm import Database
from retrieval.schema import upgrade
from tests.e2e.crash.audit_writer import THREADS

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
FOREVER = 10**9


@pytest.fixture
def audit(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'audit.sqlite'}")
    upgrade(database)
    yield database
    database.close()


def writer(audit: Database, name: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.e2e.crash.audit_writer", audit.url, name, str(count)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours


def recorded(audit: Database) -> list[str]:
    """What stands in the chain, which must be intact."""
    nobody: dict[str, Any] = {"keys": []}
    with audit.read("bank") as session:
        found = verify(session, "bank", Stream.ACCESS, jwks=nobody)
        assert found.intact, found.detail
        bodies = list(session.scalars(select(AuditRow.body).order_by(AuditRow.seq)))
    assert found.rows == len(bodies)
    return [json.loads(body)["said"] for body in bodies]


@pytest.mark.parametrize("after", [1, 10, 60])
def test_what_was_acknowledged_before_a_kill_is_there(audit: Database, after: int) -> None:
    with writer(audit, "one", FOREVER) as process:
        assert process.stdout is not None
        acknowledged = [process.stdout.readline() for _ in range(after)]
        process.kill()
        acknowledged += process.stdout.readlines()
    complete = {line.strip() for line in acknowledged if line.endswith("\n")}
    assert len(complete) >= after
    there = recorded(audit)
    assert complete <= set(there)
    # At most one event of each thread was under way.
    assert len(there) <= len(complete) + THREADS
    assert len(set(there)) == len(there)


def test_processes_write_one_chain_together(audit: Database) -> None:
    names, count = ("one", "two"), 25
    processes = [writer(audit, name, count) for name in names]
    for process in processes:
        process.communicate(timeout=120)
        assert process.returncode == 0
    there = recorded(audit)
    assert len(there) == len(names) * THREADS * count
    for name in names:
        for thread in range(THREADS):
            prefix = f"{name}/{thread}/"
            own = [int(said.removeprefix(prefix)) for said in there if said.startswith(prefix)]
            assert own == list(range(count))


def test_a_writer_that_is_killed_does_not_hold_up_another(audit: Database) -> None:
    with writer(audit, "killed", FOREVER) as killed:
        assert killed.stdout is not None
        killed.stdout.readline()
        with writer(audit, "lives", 10) as lives:
            killed.kill()
            lives.communicate(timeout=120)
            assert lives.returncode == 0
    there = recorded(audit)
    assert sum(said.startswith("lives/") for said in there) == 10 * THREADS
