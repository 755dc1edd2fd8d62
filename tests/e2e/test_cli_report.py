"""``clearance report quality``: one page, whole in itself, of a service or of an installation."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

from sqlalchemy import update
from typer.testing import CliRunner

from retrieval.cli.app import app
from retrieval.quality.synthetic import Plan
from retrieval.quality.synthetic_store import write
from retrieval.records import EvidenceRecordRow
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

FETCHED = re.compile(r"<(?:script|link|iframe|object|embed)\b|(?:src|href)\s*=\s*[\"']?(?!#|data:)")


class Tags(HTMLParser):
    """Every element of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        del attrs
        self.seen.append(tag)


def test_a_made_up_report_is_one_page_that_fetches_nothing_and_names_the_causes(
    tmp_path: Path,
) -> None:
    out = tmp_path / "report.html"
    done = CliRunner().invoke(
        app, ["report", "quality", "--made-up", "--since", "2w", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    page = out.read_text("utf-8")
    tags = Tags()
    tags.feed(page)
    assert tags.seen.count("svg") >= 8
    assert "script" not in tags.seen
    assert not FETCHED.search(page)
    assert "source policies" in page
    assert "generation g2" in page


def test_names_out_of_records_are_text_and_an_empty_installation_is_a_page_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARANCE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:32")
    out = tmp_path / "report.html"
    words = ["report", "quality", "--since", "2020-01-01", "--out", str(out)]
    assert CliRunner().invoke(app, words).exit_code == 0
    assert "No queries were recorded" in out.read_text("utf-8")
    with Runtime.open(Settings()) as runtime:
        write(runtime.database, Plan(tenants=("bank",), weeks=1, queries=40))
        with runtime.database.write("bank") as session:
            session.execute(update(EvidenceRecordRow).values(source="<script>alert(1)</script>"))
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "<script" not in out.read_text("utf-8")


def test_an_installation_without_citations_has_no_weeks_and_an_unknown_tenant_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARANCE_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:32")
    words = ["report", "citations", "--tenant", "bank", "--json"]
    unknown = CliRunner().invoke(app, words)
    assert unknown.exit_code == 2
    assert "does not exist" in unknown.output
    with Runtime.open(Settings()) as runtime:
        write(runtime.database, Plan(tenants=("bank",), weeks=1, queries=5))
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, done.stdout.strip()) == (0, "[]"), done.output
