"""A PostgreSQL catalogue that fails in the middle of a request, or is upgraded while in use."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from acl.orm import Database
from acl.postgres import Connections
from ingestion.errors import CatalogError
from retrieval import schema
from retrieval.api.problems import refuse
from tests.support.index import WatchedHost, faithful
from tests.support.installation import Installation, caller
from tests.unit.ingestion.telling import TellingSource, Told
from tests.unit.retrieval.test_migrations import migrate_to

if TYPE_CHECKING:
    from pathlib import Path

    from acl.scope import AccessScope
    from ingestion.index.port import SearchRequest, SearchResult
    from tests.support.catalogue import PostgresBlank
    from tests.support.postgres import Server

RULE = "The travel allowance abroad is 55 euros."
_END_OTHERS = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def test_a_question_outlives_the_end_of_every_connection(
    postgres_catalogue: PostgresBlank, tmp_path: Path
) -> None:
    host = WatchedHost()
    with Installation.open(postgres_catalogue, tmp_path / "data", host=host) as world:
        world.ingest(TellingSource([Told("a.md", RULE)]))
        others = Database(world.runtime.database.url)

        def fail_over(
            scope: AccessScope, asked: SearchRequest, result: SearchResult
        ) -> SearchResult:
            del scope, asked
            host.on_search = faithful
            with others.writer.connect() as connection:
                connection.execute(_END_OTHERS)
            return result

        host.on_search = fail_over
        assert world.texts(caller()) == [RULE]
        assert host.on_search is faithful
        others.close()


def test_a_request_in_the_middle_of_a_statement_is_made_once_more(
    postgres_catalogue: PostgresBlank, tmp_path: Path
) -> None:
    with Installation.open(postgres_catalogue, tmp_path / "data") as world:
        others, calls = Database(world.runtime.database.url), []

        def work() -> int:
            calls.append(len(calls))
            with world.runtime.database.reader.connect() as connection:
                connection.execute(text("SELECT 1"))
                if len(calls) == 1:
                    with others.writer.connect() as other:
                        other.execute(_END_OTHERS)
                return connection.execute(text("SELECT 2")).scalar_one()

        assert world.runtime.guards.catalogue.call(work) == 2
        assert calls == [0, 1]
        others.close()


def test_no_free_connection_is_a_problem_of_its_own_that_says_when_to_come_back() -> None:
    refusal = refuse(PoolTimeoutError("QueuePool limit, for whom and what"), request_id="r")
    assert (refusal.problem.status, refusal.problem.code) == (503, "catalog_busy")
    assert refusal.headers["Retry-After"]
    assert "QueuePool" not in refusal.problem.model_dump_json()


def test_an_upgrade_waits_for_readers_briefly_and_holds_none_up(
    postgres_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "_PAUSES", ())
    with postgres_server.database() as url:
        database = Database(url, connections=Connections(statement_seconds=30))
        migrate_to(database, "0001")
        with database.reader.connect() as reading:
            reading.execute(text("SELECT count(*) FROM document")).all()
            with pytest.raises(CatalogError, match="in use") as raised:
                schema.upgrade(database)
        assert raised.value.code == "catalog_locked"
        assert schema.revision(database) == "0001"
        assert schema.upgrade(database)
        database.close()
