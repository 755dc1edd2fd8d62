"""Backups: whole while others write, and nothing restored of one that was changed."""

from __future__ import annotations

import io
import json
import sqlite3
import stat
import tarfile
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ingestion.backup import MANIFEST, Manifest, make_backup, read_manifest, restore
from ingestion.errors import BackupError
from tests.support.clock import NOON

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ROWS = 200


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database in WAL mode with two tables that always agree."""
    path = tmp_path / "data" / "catalogue.sqlite"
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.executescript("CREATE TABLE a (n INTEGER); CREATE TABLE b (n INTEGER);")
    return path


def insert(database: Path, number: int) -> None:
    with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.execute("INSERT INTO a VALUES (?)", (number,))
        connection.execute("INSERT INTO b VALUES (?)", (number,))


def numbers(database: Path, table: str) -> list[int]:
    with closing(sqlite3.connect(database)) as connection:
        query = {"a": "SELECT n FROM a ORDER BY n", "b": "SELECT n FROM b ORDER BY n"}[table]
        return [row[0] for row in connection.execute(query)]


def backed_up(tmp_path: Path, database: Path, *, keys: Path | None = None) -> Path:
    target = tmp_path / "backup.tar"
    make_backup(
        target,
        databases={"catalogue.sqlite": database},
        keys=keys,
        software="1",
        schema="0003",
        now=NOON,
    )
    return target


def test_what_was_acknowledged_before_is_in_it(tmp_path: Path, database: Path) -> None:
    insert(database, 1)
    manifest = restore(backed_up(tmp_path, database), tmp_path / "new")
    assert numbers(tmp_path / "new" / "catalogue.sqlite", "a") == [1]
    assert manifest.created_at == NOON.isoformat()


def test_a_backup_while_others_write_is_one_moment_of_it(tmp_path: Path, database: Path) -> None:
    insert(database, 0)
    done = threading.Event()

    def write() -> None:
        for number in range(1, ROWS):
            insert(database, number)
            if done.is_set():
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        target = backed_up(tmp_path, database)
    finally:
        done.set()
        writer.join()
    restore(target, tmp_path / "new")
    copy = tmp_path / "new" / "catalogue.sqlite"
    held = numbers(copy, "a")
    assert held == numbers(copy, "b") == list(range(len(held)))
    assert held


def test_only_the_owner_can_read_it(tmp_path: Path, database: Path) -> None:
    target = backed_up(tmp_path, database)
    restore(target, tmp_path / "new")
    modes = [
        stat.S_IMODE(path.stat().st_mode)
        for path in (target, tmp_path / "new", tmp_path / "new" / "catalogue.sqlite")
    ]
    assert modes == [0o600, 0o700, 0o600]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["backup.tar", "data", "new"]


def test_keys_are_in_it_only_if_asked_for(tmp_path: Path, database: Path) -> None:
    keys = tmp_path / "elsewhere"
    keys.mkdir()
    (keys / "signing-key.pem").write_text("private")
    target = backed_up(tmp_path, database, keys=keys)
    assert read_manifest(target).keys
    restore(target, tmp_path / "new")
    assert (tmp_path / "new" / "signing" / "signing-key.pem").read_text() == "private"
    target.unlink()
    assert set(read_manifest(backed_up(tmp_path, database)).files) == {"catalogue.sqlite"}


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path, database: Path) -> None:
    backed_up(tmp_path, database)
    with pytest.raises(BackupError, match="already"):
        backed_up(tmp_path, database)


def test_a_database_that_is_not_there_or_damaged_is_not_backed_up(
    tmp_path: Path, database: Path
) -> None:
    with pytest.raises(BackupError, match="not there"):
        backed_up(tmp_path, tmp_path / "none.sqlite")
    database.write_bytes(b"no database" * 1000)
    with pytest.raises(BackupError, match="cannot be copied"):
        backed_up(tmp_path, database)
    assert not (tmp_path / "backup.tar").exists()


def test_a_directory_that_holds_something_is_not_restored_into(
    tmp_path: Path, database: Path
) -> None:
    target = backed_up(tmp_path, database)
    (tmp_path / "new").mkdir()
    restore(target, tmp_path / "new")
    with pytest.raises(BackupError, match="not empty"):
        restore(target, tmp_path / "new")


# Backups that were changed


def changed(target: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    """Rewrite an archive with its files changed."""
    with tarfile.open(target) as archive:
        files = {}
        for member in archive:
            content = archive.extractfile(member)
            assert content is not None
            files[member.name] = content.read()
    change(files)
    with tarfile.open(target, "w") as archive:
        for name, content_ in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content_)
            archive.addfile(member, io.BytesIO(content_))


def flip(files: dict[str, bytes]) -> None:
    content = bytearray(files["catalogue.sqlite"])
    content[len(content) // 2] ^= 1
    files["catalogue.sqlite"] = bytes(content)


def drop(files: dict[str, bytes]) -> None:
    del files["catalogue.sqlite"]


def add(files: dict[str, bytes]) -> None:
    files["more.sqlite"] = b"more"


def without_manifest(files: dict[str, bytes]) -> None:
    del files[MANIFEST]


def of_tomorrow(files: dict[str, bytes]) -> None:
    files[MANIFEST] = json.dumps(json.loads(files[MANIFEST]) | {"format": 2}).encode()


def escape(files: dict[str, bytes]) -> None:
    content = files.pop("catalogue.sqlite")
    files["../catalogue.sqlite"] = content
    manifest = json.loads(files[MANIFEST])
    manifest["files"]["../catalogue.sqlite"] = manifest["files"].pop("catalogue.sqlite")
    files[MANIFEST] = json.dumps(manifest).encode()


@pytest.mark.parametrize("change", [flip, drop, add, without_manifest, of_tomorrow, escape])
def test_of_a_backup_that_was_changed_nothing_is_restored(
    tmp_path: Path, database: Path, change: Callable[[dict[str, bytes]], None]
) -> None:
    target = backed_up(tmp_path, database)
    changed(target, change)
    with pytest.raises(BackupError):
        restore(target, tmp_path / "new")
    assert not (tmp_path / "new").exists() or not any((tmp_path / "new").iterdir())
    assert not (tmp_path / "catalogue.sqlite").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.5])
def test_a_backup_that_was_cut_off_is_not_restored(
    tmp_path: Path, database: Path, share: float
) -> None:
    target = backed_up(tmp_path, database)
    content = target.read_bytes()
    target.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BackupError):
        restore(target, tmp_path / "new")


def test_a_manifest_says_what_it_was_made_from(tmp_path: Path, database: Path) -> None:
    manifest = read_manifest(backed_up(tmp_path, database))
    assert isinstance(manifest, Manifest)
    assert (manifest.software, manifest.schema, manifest.keys) == ("1", "0003", False)
