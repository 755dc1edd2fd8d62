"""A query as a source, on SQLite and on PostgreSQL: rows, permissions, and what changed since."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from ingestion.documents import Removal, SourceFailure, SourceItem
from ingestion.errors import SourceError
from ingestion.sources.base import TellsChanges
from ingestion.sources.contract import check_source
from ingestion.sources.registry import open_source, settled_config
from ingestion.sources.sql_query import Query

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ingestion.sources.base import Source
    from tests.support.postgres import Server

COLUMNS = {
    "external_id": "id",
    "text": "body",
    "allow": "readers",
    "deny": "barred",
    "modified_at": "changed",
    "deleted": "gone",
}
QUERY = "SELECT id, body, readers, barred, changed, gone FROM page WHERE body <> '12:30' ;"


class Wiki:
    """A table of pages in one of the databases."""

    def __init__(self, url: str) -> None:
        self._engine = create_engine(url, poolclass=NullPool)
        kind = "TIMESTAMPTZ" if self._engine.dialect.name == "postgresql" else "TEXT"
        self.run(
            "CREATE TABLE page (id INTEGER, body TEXT, readers TEXT, barred TEXT, "
            f"changed {kind}, gone BOOLEAN DEFAULT FALSE)"
        )

    def run(self, statement: str, **values: Any) -> None:
        with self._engine.begin() as connection:
            connection.execute(text(statement), values)

    def put(self, ident: int | None, body: str | None, readers: str | None, **more: Any) -> None:
        row = {"id": ident, "body": body, "readers": readers, "barred": None, "gone": False}
        row |= {"changed": "2026-01-01T00:00:00+00:00"} | more
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        self.run(f"INSERT INTO page ({names}) VALUES ({marks})", **row)  # noqa: S608 - ours


@pytest.fixture(
    params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)],
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'wiki.db'}"
    else:
        server: Server = request.getfixturevalue("postgres_server")
        with server.database() as made:
            yield made


@pytest.fixture
def wiki(url: str, monkeypatch: pytest.MonkeyPatch) -> Wiki:
    monkeypatch.setenv("WIKI_URL", url)
    return Wiki(url)


@pytest.fixture
def opened(wiki: Wiki) -> Callable[..., Source]:
    del wiki

    def opened(**config: Any) -> Source:
        given = {"url_env": "WIKI_URL", "query": QUERY, "columns": COLUMNS} | config
        return open_source("wiki", "sql", given)

    return opened


def items(source: Source) -> list[SourceItem]:
    return [entry for entry in source.list_items() if isinstance(entry, SourceItem)]


def failures(source: Source) -> list[tuple[str, str]]:
    found = [entry for entry in source.list_items() if isinstance(entry, SourceFailure)]
    return [(entry.external_id, entry.code) for entry in found]


def test_rows_are_listed_with_their_permissions_and_fetched(
    wiki: Wiki, opened: Callable[..., Source]
) -> None:
    wiki.put(2, "two", "group:staff user:ann", barred='["user:eve"]')
    wiki.put(10, "ten", "user:ann group:staff", barred="user:eve")
    wiki.put(1, "one", "everyone")
    wiki.put(3, "gone", "everyone", gone=True)
    source = opened()
    one, two, ten = items(source)
    assert [item.external_id for item in (one, two, ten)] == ["1", "2", "10"]
    assert two.acl == ten.acl != one.acl
    assert {spec.name: len(spec.entries) for spec in source.acls()} == {one.acl: 1, two.acl: 3}
    assert [source.fetch(item) for item in (ten, one, two)] == [b"ten", b"one", b"two"]
    assert one.modified_at is not None


def test_a_query_keeps_the_contract(wiki: Wiki, opened: Callable[..., Source]) -> None:
    for ident in range(5):
        wiki.put(ident, f"text {ident}", "group:staff" if ident % 2 else "everyone")
    wiki.put(9, "no readers", None)
    check_source(opened)
    check_source(lambda: opened(incremental=True))


def test_permissions_may_be_named_or_stated_as_json(
    wiki: Wiki, opened: Callable[..., Source]
) -> None:
    wiki.put(1, "x", "team")
    wiki.put(2, "x", json.dumps({"allow": ["user:a"], "deny": ["user:b"]}))
    wiki.put(3, "x", "no-such-name")
    columns = {"external_id": "id", "text": "body", "acl": "readers"}
    source = opened(columns=columns, acls={"team": {"allow": ["group:team"]}})
    assert next(item.acl for item in items(source)) == "rows:wiki:team"
    assert len(items(source)) == 2
    assert failures(source) == [("3", "acl_invalid")]


def test_rows_that_open_nothing_are_refused_one_by_one(
    wiki: Wiki, opened: Callable[..., Source]
) -> None:
    wiki.put(1, "x", None)
    wiki.put(2, "x", "staff")
    wiki.put(3, "x", "user:a,user:b group:c*")
    wiki.put(4, "x", "[not json")
    wiki.put(5, "x", "everyone")
    wiki.put(6, "x", "everyone")
    wiki.put(6, "y", "user:a")
    wiki.put(None, "x", "everyone")
    source = opened()
    assert [item.external_id for item in items(source)] == ["5"]
    nameless = [(name, code) for name, code in failures(source) if name.startswith("row ")]
    assert [code for _, code in nameless] == ["row_invalid"]
    assert [found for found in failures(source) if found not in nameless] == [
        ("1", "acl_missing"),
        ("2", "acl_invalid"),
        ("3", "acl_invalid"),
        ("4", "acl_invalid"),
        ("6", "acl_invalid"),
        ("6", "acl_invalid"),
    ]


def test_only_what_was_modified_since_is_told(wiki: Wiki, opened: Callable[..., Source]) -> None:
    wiki.put(1, "one", "everyone", changed="2026-01-01T10:00:00+00:00")
    wiki.put(2, "two", "everyone", changed="2026-01-01T11:00:00+00:00")
    source = opened(incremental=True, overlap_seconds=0)
    assert isinstance(source, TellsChanges)
    first = source.changes(None)
    assert first.complete
    assert len(list(first.items)) == 2
    # Committed late, with the very time of what was seen last; and never stamped at all.
    wiki.put(3, "three", "everyone", changed="2026-01-01T11:00:00+00:00")
    wiki.put(4, "four", "everyone", changed=None)
    wiki.put(5, "five", "everyone", changed="2026-01-01T12:00:00+00:00", gone=True)
    source.acls()
    second = source.changes(first.cursor)
    assert not second.complete
    told = list(second.items)
    assert {entry.external_id for entry in told} == {"2", "3", "4", "5"}
    assert [entry for entry in told if isinstance(entry, Removal)] == [Removal("5")]
    third = source.changes(second.cursor)
    assert {entry.external_id for entry in third.items} == {"4", "5"}
    other = opened(incremental=True, query=QUERY.replace("12:30", "never"))
    assert isinstance(other, TellsChanges)
    assert other.changes(first.cursor).complete


def test_a_row_whose_permissions_changed_meanwhile_is_not_fetched(
    wiki: Wiki, opened: Callable[..., Source]
) -> None:
    wiki.put(1, "open", "everyone")
    source = opened()
    (item,) = items(source)
    wiki.run("UPDATE page SET body = 'kept', readers = 'group:hr'")
    with pytest.raises(SourceError, match="changed"):
        source.fetch(item)
    assert failures(source) == [("1", "source_unreadable")]
    wiki.run("DELETE FROM page")
    with pytest.raises(SourceError, match="gone"):
        source.fetch(item)


def test_a_query_cannot_write(wiki: Wiki, opened: Callable[..., Source]) -> None:
    wiki.put(1, "one", "everyone")
    for query in (
        "DELETE FROM page RETURNING id, body, readers, barred, changed, gone",
        QUERY + " DROP TABLE page",
        "SELECT 1) AS q; DROP TABLE page --",
    ):
        with pytest.raises(SourceError):
            opened(query=query).acls()
    assert len(items(opened())) == 1


def test_what_is_wrong_with_a_query_is_said_and_nothing_of_what_it_found(
    wiki: Wiki, opened: Callable[..., Source], monkeypatch: pytest.MonkeyPatch
) -> None:
    wiki.put(1, "HUSH", "everyone")
    with pytest.raises(SourceError, match="nosuch"):
        opened(query="SELECT nosuch FROM page").acls()
    monkeypatch.setenv("WIKI_URL", "postgresql+nosuch://user:HUSH@host/db")
    with pytest.raises(SourceError, match="WIKI_URL") as caught:
        opened().acls()
    assert "HUSH" not in str(caught.value)
    monkeypatch.delenv("WIKI_URL")
    with pytest.raises(SourceError, match="url_env: the environment variable WIKI_URL is not set"):
        opened().acls()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"columns": {"external_id": "id"}}, "give text or content"),
        ({"columns": COLUMNS | {"acl": "x"}}, "give acl, or allow and deny"),
        (
            {"incremental": True, "columns": {"external_id": "id", "text": "body"}},
            "columns.modified_at: is missing",
        ),
        ({"url": "sqlite://"}, "config.url: is unknown"),
        ({"url_env": "sqlite:///x"}, "config.url_env"),
    ],
)
def test_a_configuration_is_refused_by_field(config: dict[str, Any], words: str) -> None:
    given = {"url_env": "WIKI_URL", "query": QUERY, "columns": COLUMNS} | config
    with pytest.raises(SourceError) as caught:
        settled_config("sql", given)
    assert words in str(caught.value)


def test_a_session_only_reads_whatever_it_is_asked(
    wiki: Wiki, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIKI_URL", url)
    query = Query("WIKI_URL", QUERY, key="id", modified=None)
    wiki.put(1, "one", "everyone")
    with query._engine.connect() as connection, pytest.raises(DBAPIError):
        connection.execute(text("DELETE FROM page"))
