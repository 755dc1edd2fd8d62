"""``clearance runs`` and ``clearance sources push``: what an operator does without REST."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with one source that was run once."""
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:32")
    data, wiki = tmp_path / "data", tmp_path / "wiki"
    wiki.mkdir()
    (wiki / "a.md").write_text("The travel allowance abroad is 55 euros.")
    assert run(data, "ingest", str(wiki), "-t", "bank", "--allow", "group:staff").exit_code == 0
    return data


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data-dir", str(data), *words])


def test_runs_are_listed_shown_and_cancelled(data: Path) -> None:
    (listed,) = json.loads(run(data, "runs", "list", "-t", "bank", "--json").stdout)
    assert (listed["source"], listed["status"]) == ("wiki", "ok")
    assert listed["id"][:8] in run(data, "runs", "list", "-t", "bank").stdout
    shown = json.loads(run(data, "runs", "show", listed["id"], "-t", "bank").stdout)
    assert shown["report"]["added"] == 1
    cancelled = run(data, "runs", "cancel", listed["id"], "-t", "bank")
    assert (cancelled.exit_code, cancelled.stdout.strip()) == (0, "ok")


def test_a_run_that_is_not_there_is_an_error(data: Path) -> None:
    for command in ("show", "cancel"):
        missing = run(data, "runs", command, "unheard", "-t", "bank")
        assert missing.exit_code == 2
        assert "clearance runs list" in missing.output


def test_a_push_source_is_made_and_told_which_acls_it_may_use(data: Path) -> None:
    words = ("sources", "push", "feed", "-t", "bank", "--acl", "board", "--json")
    first, second = (json.loads(run(data, *words).stdout) for _ in range(2))
    assert (first["new"], second["new"]) == (True, False)
    assert first["acls"] == ["board"]
    assert run(data, "sources", "push", "wiki", "-t", "bank").exit_code == 2
