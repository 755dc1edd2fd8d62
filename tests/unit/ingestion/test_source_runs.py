"""Sources of every kind, run through the ingest job: what is served afterwards, and to whom."""

from __future__ import annotations

import json
import sqlite3
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from fsspec.implementations.memory import MemoryFileSystem

from ingestion.sources import objects
from ingestion.sources.registry import open_source
from tests.support.installation import caller
from tests.unit.ingestion.shelves import counts

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.sources.base import Source
    from tests.support.embedding import CountingEmbedder
    from tests.support.installation import Installation

ANN, BOB = {"allow": ["user:ann"]}, {"allow": ["user:bob"]}


def rows(path: Path, *documents: tuple[str, str, Any]) -> Source:
    lines = (json.dumps({"external_id": i, "text": t, "acl": a}) for i, t, a in documents)
    path.write_text("".join(f"{line}\n" for line in lines))
    return open_source("wiki", "jsonl", {"path": path})


def test_a_torn_manifest_deletes_nothing_and_the_whole_one_does(
    world: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "wiki.jsonl"
    source = rows(path, ("a", "first text", ANN), ("b", "second text", ANN), ("c", "third", ANN))
    assert counts(world.ingest(source)) == {"listed": 3, "added": 3}
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.index(b'"second')])
    torn = world.ingest(source)
    assert counts(torn) == {"listed": 1, "unchanged": 1, "failed": 1}
    assert sorted(world.texts(caller())) == ["first text", "second text", "third"]
    assert counts(world.ingest(rows(path, ("a", "first text", ANN))))["deleted"] == 2
    assert world.texts(caller()) == ["first text"]


def test_a_row_that_moves_to_other_permissions_is_not_embedded_again(
    world: Installation, embedder: CountingEmbedder, tmp_path: Path
) -> None:
    path = tmp_path / "wiki.jsonl"
    world.ingest(rows(path, ("a", "first text", ANN)))
    before = len(embedder.embedded)
    assert counts(world.ingest(rows(path, ("a", "first text", BOB)))) == {"listed": 1, "moved": 1}
    assert len(embedder.embedded) == before
    assert world.texts(caller("user:ann")) == []
    assert world.texts(caller("user:bob")) == ["first text"]


@pytest.mark.parametrize("acl", [None, "no-such-acl", {"allow": ["ann"]}])
def test_a_row_that_loses_its_permissions_is_closed(
    world: Installation, tmp_path: Path, acl: Any
) -> None:
    path = tmp_path / "wiki.jsonl"
    world.ingest(rows(path, ("a", "first text", ANN), ("b", "second text", ANN)))
    report = world.ingest(rows(path, ("a", "first text", acl), ("b", "second text", ANN)))
    assert report.closed == 1
    assert world.texts(caller()) == ["second text"]


def test_rows_that_quarrel_over_permissions_close_the_document(
    world: Installation, tmp_path: Path
) -> None:
    path = tmp_path / "wiki.jsonl"
    world.ingest(rows(path, ("a", "first text", ANN)))
    world.ingest(rows(path, ("a", "first text", ANN), ("a", "first text", BOB)))
    assert world.texts(caller("user:ann")) == world.texts(caller("user:bob")) == []


def test_a_query_that_tells_changes_is_read_on_from_where_it_was(
    world: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIKI_URL", f"sqlite:///{tmp_path / 'wiki.db'}")
    db = sqlite3.connect(tmp_path / "wiki.db")
    db.execute("CREATE TABLE page (id INTEGER, body TEXT, readers TEXT, changed TEXT, gone INT)")
    db.executemany(
        "INSERT INTO page VALUES (?, ?, 'user:ann', ?, 0)",
        [(n, f"text number {n}", f"2026-01-0{n}") for n in (1, 2, 3)],
    )
    db.commit()
    columns = {"external_id": "id", "text": "body", "allow": "readers", "modified_at": "changed"}
    config = {
        "url_env": "WIKI_URL",
        "query": "SELECT * FROM page",
        "columns": columns | {"deleted": "gone"},
        "incremental": True,
    }
    assert counts(world.ingest(open_source("wiki", "sql", config)))["added"] == 3
    db.execute("UPDATE page SET body = 'new text', changed = '2026-01-04' WHERE id = 1")
    db.execute("UPDATE page SET gone = 1, changed = '2026-01-05' WHERE id = 2")
    db.execute("DELETE FROM page WHERE id = 3")
    db.commit()
    report = world.ingest(open_source("wiki", "sql", config))
    assert (report.changed, report.deleted) == (1, 1)
    assert sorted(world.texts(caller())) == ["new text", "text number 3"]
    full = world.ingest(open_source("wiki", "sql", config), full=True)
    assert full.deleted == 1
    assert world.texts(caller()) == ["new text"]
    db.close()


def test_storage_whose_revisions_stand_is_not_fetched_again(
    world: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, root = MemoryFileSystem(), f"/{uuid.uuid4().hex}"
    files.pipe({f"{root}/{name}": f"text of {name}".encode() for name in ("a", "b", "c")})
    fetched: list[str] = []
    read = objects.read_object

    def counted(system: Any, path: str, *, name: str, limit: int) -> bytes:
        fetched.append(name)
        return read(system, path, name=name, limit=limit)

    monkeypatch.setattr(objects, "read_object", counted)
    source = open_source("store", "fsspec", {"url": f"memory:/{root}", "allow": ["user:ann"]})
    try:
        world.ingest(source)
        assert fetched == ["a", "b", "c"]
        files.pipe({f"{root}/b": b"new text of b"})
        assert counts(world.ingest(source)) == {"listed": 3, "changed": 1, "unchanged": 2}
        assert fetched == ["a", "b", "c", "b"]
    finally:
        files.rm(root, recursive=True)
