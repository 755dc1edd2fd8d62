"""Manifests, in JSON Lines and in Parquet: what they offer, to whom, and what they refuse."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from ingestion.documents import SourceFailure, SourceItem
from ingestion.errors import SourceError
from ingestion.sources.contract import check_source
from ingestion.sources.registry import open_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ingestion.sources.base import Source

STAFF = {"allow": ["group:staff"]}


def as_jsonl(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def as_parquet(path: Path, rows: list[dict[str, Any]]) -> None:
    names = sorted({name for row in rows for name in row})
    columns = {name: [row.get(name) for row in rows] for name in names}
    if "acl" in columns:
        columns["acl"] = [
            each if each is None or isinstance(each, str) else json.dumps(each)
            for each in columns["acl"]
        ]
    parquet.write_table(pa.table(columns), path, row_group_size=2)


FORMATS = {"jsonl": as_jsonl, "parquet": as_parquet}


@pytest.fixture(params=FORMATS)
def manifest(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Source]:
    """Write rows in one of the formats and open them."""
    path = tmp_path / "m" / f"docs.{request.param}"
    path.parent.mkdir()

    def opened(rows: list[dict[str, Any]], **config: Any) -> Source:
        FORMATS[request.param](path, rows)
        return open_source("docs", request.param, {"path": str(path), **config})

    return opened


def row(external_id: str, **more: Any) -> dict[str, Any]:
    return {"external_id": external_id, "text": f"text of {external_id}", "acl": STAFF, **more}


def items(source: Source) -> list[SourceItem]:
    return [entry for entry in source.list_items() if isinstance(entry, SourceItem)]


def failures(source: Source) -> list[tuple[str, str]]:
    found = [entry for entry in source.list_items() if isinstance(entry, SourceFailure)]
    assert all(entry.message for entry in found)
    return [(entry.external_id, entry.code) for entry in found]


def test_rows_become_items_with_all_they_say(manifest: Callable[..., Source]) -> None:
    source = manifest(
        [
            row(
                "a",
                title="A",
                media_type="text/markdown",
                modified_at="2026-01-02T03:04:05+01:00",
                revision="r1",
                formerly="old",
                sequence=7,
                uri="https://wiki.example/a",
            )
        ]
    )
    (item,) = items(source)
    assert (item.external_id, item.title, item.media_type) == ("a", "A", "text/markdown")
    assert item.modified_at == datetime(2026, 1, 2, 2, 4, 5, tzinfo=UTC)
    assert (item.revision, item.formerly, item.sequence) == ("r1", "old", 7)
    assert item.uri == "https://wiki.example/a"
    assert source.fetch(item) == b"text of a"


def test_both_formats_keep_the_contract(manifest: Callable[..., Source], tmp_path: Path) -> None:
    (tmp_path / "m" / "sub").mkdir()
    (tmp_path / "m" / "sub" / "c.txt").write_bytes(b"three")
    rows = [
        row("a"),
        row("b", text=None, content_base64=base64.b64encode(b"\0two").decode()),
        {"external_id": "c", "uri": "sub/c.txt", "acl": "team"},
        row("cafe\u0301"),
        row("none", acl=None),
        row("a"),
    ]
    manifest(rows, acls={"team": {"allow": ["group:team"]}})
    check_source(lambda: manifest(rows, acls={"team": {"allow": ["group:team"]}}))


def test_equal_permissions_are_one_acl_whatever_their_order(
    manifest: Callable[..., Source],
) -> None:
    source = manifest(
        [
            row("a", acl={"allow": ["group:a", "group:b"]}),
            row("b", acl=[{"allow": "group:b"}, {"allow": "group:a"}, {"allow": "group:a"}]),
            row("c", acl={"allow": ["group:a"], "deny": ["group:b"]}),
        ]
    )
    a, b, c = items(source)
    assert a.acl == b.acl != c.acl
    assert {spec.name for spec in source.acls()} == {a.acl, c.acl}


def test_a_row_without_permissions_is_refused_by_itself(manifest: Callable[..., Source]) -> None:
    rows = [row("a"), row("b", acl=None), row("c", acl=""), row("d", acl=[]), row("e", acl={})]
    source = manifest(rows)
    assert [item.external_id for item in items(source)] == ["a"]
    assert failures(source) == [(name, "acl_missing") for name in "bcde"]
    stated = manifest(rows, allow=["group:all"], deny=["user:eve"])
    assert [item.external_id for item in items(stated)] == list("abcde")
    (always, _) = stated.acls()
    assert [(e.effect, e.principal) for e in always.entries] == [
        ("allow", "group:all"),
        ("deny", "user:eve"),
    ]


@pytest.mark.parametrize(
    "acl",
    [
        "nobody-gave-this",
        {"alow": ["group:staff"]},
        {"allow": "group:staff"},
        {"allow": ["staff"]},
        {"allow": [{"principal": "user:a", "expires_at": "2027-01-01"}]},
        {"allow": [None]},
        [{"allow": "group:staff", "deny": "user:eve"}],
        [{"allow": "group:staff", "until": "x"}],
        ["group:staff"],
        "[not json",
        '{"allow": ["group:a"], "allow": ["everyone"]}',
    ],
)
def test_permissions_that_are_not_understood_open_nothing(
    manifest: Callable[..., Source], acl: Any
) -> None:
    source = manifest([row("a", acl=acl), row("b")], allow=["everyone"])
    assert [item.external_id for item in items(source)] == ["b"]
    assert failures(source) == [("a", "acl_invalid")]


def test_a_grant_that_ends_is_another_acl_and_says_when(manifest: Callable[..., Source]) -> None:
    entry = {"principal": "user:a", "expires_at": "2027-01-01T00:00:00+01:00"}
    source = manifest([row("a", acl={"allow": [entry]}), row("b", acl={"allow": ["user:a"]})])
    ends, stays = source.acls()
    assert ends.entries[0].expires_at == datetime(2026, 12, 31, 23, tzinfo=UTC)
    assert stays.entries[0].expires_at is None
    assert ends.name != stays.name


def test_the_first_row_of_an_id_counts_and_every_later_one_is_reported(
    manifest: Callable[..., Source],
) -> None:
    source = manifest([row("a", text="first"), row("b"), row("a", text="second"), row("a")])
    first, _ = items(source)
    assert source.fetch(first) == b"first"
    assert failures(source) == [("a", "duplicate_id")] * 2


def test_rows_of_one_id_with_different_permissions_are_all_closed(
    manifest: Callable[..., Source],
) -> None:
    for other in ({"allow": ["everyone"]}, None, "nobody-gave-this"):
        source = manifest([row("a"), row("b"), row("a", acl=other)])
        assert [item.external_id for item in items(source)] == ["b"]
        assert {code for _, code in failures(source)} <= {"acl_invalid", "acl_missing"}
        assert len(failures(source)) == 2


def test_a_malformed_field_is_named_and_its_value_is_not(manifest: Callable[..., Source]) -> None:
    source = manifest([row("a", titel="SECRET"), row("b", sequence=-1), row("c/"), row("d")])
    found = [entry for entry in source.list_items() if isinstance(entry, SourceFailure)]
    assert [entry.code for entry in found] == ["row_invalid"] * 3
    assert "titel" in found[0].message
    assert "SECRET" not in found[0].message
    assert [entry.conceals for entry in found] == [False, False, True]
    assert len(items(manifest([row("a", titel="x")], ignore=["titel"]))) == 1


@pytest.mark.parametrize(
    "uri",
    [
        "../secret.txt",
        "/etc/hostname",
        "sub/../../secret.txt",
        "link.txt",
        "linked/secret.txt",
        ".",
    ],
)
def test_a_path_leads_nowhere_but_below_the_manifest(
    manifest: Callable[..., Source], tmp_path: Path, uri: str
) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "m" / "sub").mkdir()
    (tmp_path / "m" / "link.txt").symlink_to("../secret.txt")
    (tmp_path / "m" / "linked").symlink_to("..")
    source = manifest([{"external_id": "a", "uri": uri, "acl": STAFF}])
    assert items(source) or failures(source) == [("a", "row_invalid")]
    for item in items(source):
        with pytest.raises(SourceError):
            source.fetch(item)


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/hostname",
        "memory://other/secret",
        "memory://docs/../other/secret",
        "memory://docs/%2e%2e/other/secret",
        "memory://docs",
        "memory://docs-too/a",
        "simplecache::memory://docs/a",
        "memory://user:pw@docs/a",
    ],
)
def test_a_url_is_fetched_only_from_where_the_configuration_says(
    manifest: Callable[..., Source], uri: str
) -> None:
    from fsspec.implementations.memory import MemoryFileSystem  # noqa: PLC0415

    files = MemoryFileSystem()
    files.pipe({"/docs/a": b"fine", "/other/secret": b"secret", "/docs-too/a": b"secret"})
    try:
        rows = [
            {"external_id": "good", "uri": "memory://docs/a", "acl": STAFF},
            {"external_id": "bad", "uri": uri, "acl": STAFF},
        ]
        source = manifest(rows, fetch_from=["memory://docs/"])
        good, *bad = items(source)
        assert source.fetch(good) == b"fine"
        for item in bad:
            with pytest.raises(SourceError):
                source.fetch(item)
        closed = manifest(rows)
        good, *_ = items(closed)
        with pytest.raises(SourceError, match="fetch_from"):
            closed.fetch(good)
    finally:
        files.rm("/", recursive=True)


def test_what_changed_between_listing_and_fetching_is_not_fetched(
    manifest: Callable[..., Source],
) -> None:
    source = manifest([row("a", acl={"allow": ["everyone"]}, text="open")])
    (item,) = items(source)
    manifest([row("a", acl={"allow": ["group:hr"]}, text="kept")])
    with pytest.raises(SourceError, match="changed"):
        source.fetch(item)


def test_permissions_that_appear_after_the_acls_were_stated_wait_for_the_next_run(
    manifest: Callable[..., Source],
) -> None:
    source = manifest([row("a")])
    source.acls()
    manifest([row("a", acl={"allow": ["user:new"]})])
    assert items(source) == []
    assert failures(source) == [("a", "source_unreadable")]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({}, "config.path: is missing"),
        ({"path": "x", "acl": {}}, "config.acl: is unknown; the fields are"),
        ({"path": "x", "fetch_from": ["s3://bucket"]}, "config.fetch_from: must end with a slash"),
        ({"path": "x", "fetch_from": ["file:///etc/"]}, "files of this machine"),
        ({"path": "x", "options": {"secret": "hush"}}, "config.options: 'secret' looks like"),
        ({"path": "x", "options": {"client_kwargs": {"api_key": "hush"}}}, "looks like a secret"),
        ({"path": "x", "options_env": {"secret": "a b"}}, "config.options_env.secret"),
        ({"path": "x", "acls": {"a": {"allow": ["staff"]}}}, "config.acls.a.allow"),
        ({"path": "x", "allow": ["staff"]}, "config.allow.0"),
    ],
)
def test_a_configuration_is_refused_by_field_and_never_quoted(
    config: dict[str, Any], field: str
) -> None:
    with pytest.raises(SourceError) as caught:
        open_source("docs", "jsonl", config)
    assert field in str(caught.value)
    assert "hush" not in str(caught.value)
