"""Writers on several hosts, each with a data directory of its own, over one catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from acl.orm import Database
from ingestion import jobs
from ingestion.errors import BusyError
from ingestion.lock import SharedLock, exclusive, lock_for
from tests.support.content import assert_consistent
from tests.support.installation import TENANT, Installation, caller
from tests.support.interrupted import InterruptedHost
from tests.unit.ingestion.telling import TellingSource, Told

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import PostgresBlank

RULE = "The travel allowance abroad is 55 euros."
_END_LOCKS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
    " AND datname = current_database() AND pid IN"
    " (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"
)


@pytest.fixture
def host() -> InterruptedHost:
    return InterruptedHost()


@pytest.fixture
def world(
    postgres_catalogue: PostgresBlank, tmp_path: Path, host: InterruptedHost
) -> Iterator[Installation]:
    with Installation.open(postgres_catalogue, tmp_path / "here", host=host) as world:
        yield world


def elsewhere(world: Installation, lock: object, tmp_path: Path) -> SharedLock:
    """The same lock as another host sees it."""
    assert isinstance(lock, SharedLock)
    found = lock_for(Database(world.runtime.database.url), tmp_path / "there" / lock.name)
    assert isinstance(found, SharedLock)
    return found


def test_a_run_on_one_host_keeps_runs_of_its_source_from_all_others(
    world: Installation, tmp_path: Path
) -> None:
    lock = jobs.run_lock(world.runtime.ingest_context(), TENANT, "wiki")
    there = elsewhere(world, lock, tmp_path)
    with exclusive(there), pytest.raises(BusyError, match=r"run-[\w-]+\.lock"):
        world.ingest(TellingSource([Told("a.md", RULE)], "wiki"))
    there.database.close()
    assert world.ingest(TellingSource([Told("a.md", RULE)], "wiki")).added == 1


@pytest.mark.parametrize("moment", ["before upsert", "after upsert"])
def test_a_run_whose_lock_is_lost_writes_nothing_more_and_is_made_good_by_the_next(
    world: Installation, host: InterruptedHost, moment: str
) -> None:
    def lose(now: str) -> None:
        if now == moment:
            host.on_write = lambda _: None
            with world.runtime.database.writer.connect() as connection:
                connection.execute(_END_LOCKS)

    host.on_write = lose
    with pytest.raises(BusyError, match="lost"):
        world.ingest(TellingSource([Told("a.md", RULE)], "wiki"))
    assert world.texts(caller()) == []
    assert world.ingest(TellingSource([Told("a.md", RULE)], "wiki")).added == 1
    assert world.texts(caller()) == [RULE]
    assert_consistent(world, host.memory)
