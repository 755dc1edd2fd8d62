"""Migrations on both engines: with data in the catalogue, and by two processes at once."""

from __future__ import annotations

import random
import subprocess
import sys
from importlib.resources import files
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, insert, select

from acl.models import AclContentRow
from acl.orm import Base, Database
from ingestion.errors import CatalogError
from retrieval.schema import HEAD, revision, upgrade
from tests.security.worlds import draw_world, tell
from tests.support.installation import Installation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank

_PROCESSES = 3
_UPGRADE = """
import sys
from alembic import command
from acl.orm import Database
from retrieval.schema import upgrade
print("ready", flush=True)
sys.stdin.readline()
upgrade(Database(sys.argv[1]))
"""


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database with nothing in it, not even a schema."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.sqlite'}"
    else:
        with request.getfixturevalue("postgres_server").database() as made:
            yield made


@pytest.fixture
def empty(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def migrate_to(database: Database, target: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(files("retrieval") / "migrations"))
    with database.writer.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, target)


def copy_rows(source: Database, target: Database) -> int:
    """Copy what the older schema has room for. What it demands and nobody has any more is 32 NULs.

    Returns how many rows.
    """
    old, new, copied = MetaData(), MetaData(), 0
    old.reflect(target.reader)
    new.reflect(source.reader)
    with source.reader.connect() as reading, target.writer.begin() as writing:
        for table in old.sorted_tables:
            if table.name == "alembic_version":
                continue
            shared = [c for c in new.tables[table.name].columns if c.name in table.columns]
            rows = [dict(row) for row in reading.execute(select(*shared)).mappings()]
            if table.name == "acl":  # parents first, as the foreign key wants them
                rows.sort(key=lambda row: row["parent_id"] is not None)
                rows = [{**row, "content_hash": bytes(32)} for row in rows]
            if rows:
                writing.execute(insert(table), rows)
            copied += len(rows)
    return copied


def contents(database: Database) -> set[tuple[object, ...]]:
    with database.unguarded("comparing catalogues") as session:
        columns = (
            AclContentRow.tenant,
            AclContentRow.acl_id,
            AclContentRow.source,
            AclContentRow.occurrences,
            AclContentRow.content_hash,
        )
        return {tuple(row) for row in session.execute(select(*columns))}


def test_every_revision_can_be_made_from_nothing(empty: Database) -> None:
    assert revision(empty) is None
    assert upgrade(empty)
    assert revision(empty) == HEAD
    assert not upgrade(empty)
    with empty.reader.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_what_is_looked_up_by_its_key_is_kept_by_it_on_sqlite(tmp_path: Path) -> None:
    migrated = Database(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    made = Database(f"sqlite:///{tmp_path / 'made.sqlite'}")
    upgrade(migrated)
    with made.writer.begin() as connection:
        Base.metadata.create_all(connection)
    for database in (migrated, made):
        with database.reader.connect() as connection:
            asked = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND wr"
            assert connection.exec_driver_sql(asked).scalars().all() == ["acl_content"]
        database.close()


def test_a_catalogue_of_a_newer_version_is_left_alone(empty: Database) -> None:
    upgrade(empty)
    with empty.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(CatalogError, match="newer"):
        upgrade(empty)


def test_what_each_acl_guards_is_counted_by_source_as_ingestion_keeps_it(
    empty: Database, sqlite_catalogue: Blank, tmp_path: Path
) -> None:
    """Or every view digest would change its meaning with the upgrade."""
    migrate_to(empty, "0001")
    with Installation.open(sqlite_catalogue, tmp_path / "filled") as installation:
        tell(draw_world(random.Random(5)), installation)  # noqa: S311 - a seed, not a secret
        filled = installation.runtime.database
        expected = contents(filled)
        assert len({source for _, _, source, *_ in expected}) > 1
        assert copy_rows(filled, empty) > 50
    assert upgrade(empty)
    assert contents(empty) == expected


def test_an_upgrade_that_fails_leaves_the_catalogue_as_it_was(empty: Database) -> None:
    migrate_to(empty, "0001")
    with empty.writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE receipt (in_the_way INTEGER)")
    with pytest.raises(Exception, match="receipt"):
        upgrade(empty)
    assert revision(empty) == "0001"
    with empty.writer.begin() as connection:
        connection.exec_driver_sql("DROP TABLE receipt")
    assert upgrade(empty)


@pytest.mark.parametrize("first", [None, "0001"])
def test_processes_that_upgrade_at_once_wait_for_each_other(
    url: str, empty: Database, first: str | None
) -> None:
    if first:
        migrate_to(empty, first)
    running = [
        subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
            [sys.executable, "-c", _UPGRADE, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(_PROCESSES)
    ]
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin
        process.stdin.write("go\n")
        process.stdin.flush()
    said = [process.communicate()[1] for process in running]
    assert [process.returncode for process in running] == [0] * _PROCESSES, said
    assert revision(empty) == HEAD
