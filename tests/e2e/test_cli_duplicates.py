"""``clearance duplicates``: counts, pairs, and what it says when there is nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

BASE = (
    "The travel allowance for trips abroad is {} a day and is paid with the salary of the month "
    "that follows the trip."
)
FILES = {
    "old.txt": BASE.format("55 euros"),
    "copy.txt": BASE.format("55 euros"),
    "loud.txt": BASE.format("55 euros").upper(),
    "new.txt": BASE.format("60 euros"),
    "other.txt": "A loan above the limit needs the signature of a second reader.",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("duplicates")
    (home / "docs").mkdir()
    for name, text in FILES.items():
        (home / "docs" / name).write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:64")
        patch.setenv("COLUMNS", "200")
        done = run(home, "ingest", str(home / "docs"), "-t", "acme", "--allow", "group:staff")
        assert done.exit_code == 0, done.output
        yield home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--data-dir", str(home / "data"), *arguments])


def test_counts_are_shown_by_source(home: Path) -> None:
    done = run(home, "duplicates", "-t", "acme", "--settle")
    assert done.exit_code == 0, done.output
    head, row = done.stdout.splitlines()
    assert head.split()[0] == "source"
    assert row.split() == ["docs", "5", "4", "1", "20.0", "%", "3", "2", "0"]


def test_conflicts_are_listed_with_both_sides(home: Path) -> None:
    done = run(home, "duplicates", "-t", "acme", "--settle", "--conflicts")
    assert "60 euros" in done.stdout
    assert "55 euros" in done.stdout or "55 EUROS" in done.stdout
    assert "new.txt" in done.stdout
    assert "100.0 %" not in done.stdout


def test_json_says_the_same(home: Path) -> None:
    done = run(home, "duplicates", "-t", "acme", "--settle", "--pairs", "--limit", "1", "--json")
    found = json.loads(done.stdout)
    assert found["sources"][0]["exact"] == 1
    (pair,) = found["pairs"]
    assert (pair["similarity"], pair["differences"]) == (1.0, [])
    assert found["settled"]["pending"] == 0


def test_a_source_that_is_not_there_is_named_with_those_that_are(home: Path) -> None:
    done = run(home, "duplicates", "-t", "acme", "--source", "wiki")
    assert done.exit_code == 2
    assert "there are: docs" in done.stderr


def test_there_may_be_no_conflicts(home: Path) -> None:
    other = home.parent / "alone"
    (other / "docs").mkdir(parents=True)
    (other / "docs" / "a.txt").write_text(FILES["other.txt"])
    run(other, "ingest", str(other / "docs"), "-t", "acme", "--allow", "group:staff")
    done = run(other, "duplicates", "-t", "acme", "--settle", "--conflicts")
    assert done.stdout.splitlines()[-1] == "no such pairs"
