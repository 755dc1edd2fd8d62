"""Manifests as files: torn lines, endless lines, row groups, and what is no manifest at all."""

from __future__ import annotations

import json
import os
import tracemalloc
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from ingestion.documents import SourceFailure, SourceItem
from ingestion.errors import SourceError
from ingestion.sources import jsonl
from ingestion.sources.registry import open_source

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.sources.base import Source


def row(external_id: str, text: str | None = None) -> dict[str, Any]:
    said = f"text of {external_id}" if text is None else text
    return {"external_id": external_id, "text": said, "acl": {"allow": ["group:staff"]}}


def items(source: Source) -> list[SourceItem]:
    return [entry for entry in source.list_items() if isinstance(entry, SourceItem)]


def failures(source: Source) -> list[tuple[str, str]]:
    found = [entry for entry in source.list_items() if isinstance(entry, SourceFailure)]
    return [(entry.external_id, entry.code) for entry in found]


def test_lines_that_cannot_be_read_are_one_failure_each_and_may_hide_anything(
    tmp_path: Path,
) -> None:
    path = tmp_path / "docs.jsonl"
    good = json.dumps(row("a")).encode()
    bad = [b"{", b"\xff\xfe", b"[1]", b'{"a": NaN}', b'{"a": 1, "a": 2}', b"[" * 100_000]
    path.write_bytes(b"\xef\xbb\xbf" + good + b"\r\n\n" + b"\n".join(bad) + b"\n" + good[:-9])
    source = open_source("docs", "jsonl", {"path": path})
    assert [item.external_id for item in items(source)] == ["a"]
    found = [entry for entry in source.list_items() if isinstance(entry, SourceFailure)]
    assert [entry.external_id for entry in found] == [f"docs.jsonl:{n}" for n in range(3, 10)]
    assert all(entry.conceals and entry.code == "row_invalid" for entry in found)
    assert "its end is missing" in found[-1].message
    assert source.fetch(items(source)[0]) == b"text of a"


def test_a_line_without_end_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE", 1_000)
    path = tmp_path / "docs.jsonl"
    after = json.dumps(row("b"))
    path.write_text(json.dumps(row("a", "x" * 5_000_000)) + "\n" + after + "\n")
    source = open_source("docs", "jsonl", {"path": path})
    tracemalloc.start()
    try:
        (item,) = items(source)
        assert failures(source) == [("docs.jsonl:1", "row_invalid")]
        assert tracemalloc.get_traced_memory()[1] < 4_500_000
    finally:
        tracemalloc.stop()
    assert source.fetch(item) == b"text of b"


def test_a_parquet_file_is_listed_without_its_content_and_fetched_in_any_order(
    tmp_path: Path,
) -> None:
    path = tmp_path / "docs.parquet"
    rows = [row(f"d{n:03}") for n in range(600)]
    parquet.write_table(pa.Table.from_pylist(rows), path, row_group_size=7)
    source = open_source("docs", "parquet", {"path": path})
    listed = items(source)
    for item in [listed[5], listed[599], listed[4], listed[5]]:
        assert source.fetch(item) == f"text of {item.external_id}".encode()


def test_parquet_columns_may_be_typed(tmp_path: Path) -> None:
    path = tmp_path / "docs.parquet"
    stamp = datetime(2026, 1, 1, tzinfo=UTC)
    table = pa.table(
        {
            "external_id": ["a", "b"],
            "content": pa.array([b"\0a", b"\0b"], pa.binary()),
            "acl": [
                {"allow": ["group:a"], "deny": None},
                {"allow": ["user:b"], "deny": ["user:c"]},
            ],
            "modified_at": pa.array([stamp, None], pa.timestamp("us", "UTC")),
            "sequence": pa.array([1, None], pa.int64()),
        }
    )
    parquet.write_table(table, path)
    source = open_source("docs", "parquet", {"path": path})
    a, b = items(source)
    assert (a.modified_at, a.sequence, source.fetch(b)) == (stamp, 1, b"\0b")
    assert [len(spec.entries) for spec in source.acls()] == [1, 2]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("content", [None, b"", b"PAR1 but torn"])
def test_a_manifest_that_is_absent_or_torn_is_said_to_be(
    tmp_path: Path, kind: str, content: bytes | None
) -> None:
    path = tmp_path / "docs"
    if content is not None:
        path.write_bytes(content)
    source = open_source("docs", kind, {"path": path})
    if kind == "jsonl" and content is not None:
        assert items(source) == []
        return
    with pytest.raises(SourceError, match="docs"):
        source.acls()
    with pytest.raises(SourceError, match="docs"):
        list(source.list_items())


def test_a_pipe_in_the_place_of_a_manifest_blocks_nobody(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert items(open_source("docs", "jsonl", {"path": tmp_path / "pipe"})) == []
    with pytest.raises(SourceError):
        items(open_source("docs", "parquet", {"path": tmp_path / "pipe"}))
