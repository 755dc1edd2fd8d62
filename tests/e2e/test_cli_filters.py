"""Narrowing a question at the command line, and bringing an index up to what filters need."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from acl.orm import Database
from retrieval.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

ASK = ("query", "per diem abroad", "-t", "acme", "--as", "user:ann", "--json")


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:64")
        patch.setenv("COLUMNS", "200")
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with one Markdown document, which everyone may read."""
    home = tmp_path_factory.mktemp("home")
    (home / "docs").mkdir()
    (home / "docs" / "travel.md").write_text(
        "---\ntags: [Travel]\nlang: en-GB\n---\n# Travel\n\nThe per diem abroad is 55 euros.\n"
    )
    done = run(home, "ingest", str(home / "docs"), "-t", "acme", "--allow", "everyone")
    assert done.exit_code == 0, done.output
    run(home, "acl", "add-member", "group:staff", "user:ann", "-t", "acme")
    return home


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--data-dir", str(home / "data"), *arguments])


def evidence(home: Path, *options: str) -> list[dict[str, Any]]:
    done = run(home, *ASK, *options)
    assert done.exit_code == 0, done.output
    return list(json.loads(done.stdout)["evidence"])


def test_every_option_narrows(home: Path) -> None:
    (piece,) = evidence(home)
    mine = ("--document", piece["citation"]["document_id"])
    for options in (
        mine,
        ("--media-type", "text/markdown"),
        ("--media-type", "application/pdf", "--media-type", "TEXT/markdown", *mine),
        ("--tag", "travel", "--tag", "unheard", "--language", "EN"),
        ("--modified-since", "1d"),
        ("--modified-since", "2020-01-01"),
    ):
        (found,) = evidence(home, *options)
        assert found["chunk_id"] == piece["chunk_id"], options
    for options in (
        ("--document", "unheard"),
        ("--tag", "unheard"),
        ("--tag", "travel", "--language", "de"),
        ("--media-type", "application/pdf"),
        ("--modified-before", "2020-01-01"),
        (*mine, "--modified-before", "1d"),
    ):
        assert evidence(home, *options) == [], options


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--media-type", "pdf"), "such as text/markdown"),
        (("--language", "German"), "two or three letters"),
        (("--modified-since", "soon"), "soon"),
        (("--modified-since", "2020-02-01", "--modified-before", "2020-01-01"), "since must lie"),
    ],
)
def test_a_malformed_option_is_refused_with_the_remedy(
    home: Path, options: tuple[str, ...], said: str
) -> None:
    done = run(home, *ASK, *options)
    assert done.exit_code == 2
    assert said in done.output


def test_an_index_of_an_older_version_says_what_it_needs_and_a_rebuild_is_enough(
    home: Path,
) -> None:
    database = Database(f"sqlite:///{home / 'data' / 'catalogue.sqlite'}")
    with database.writer.begin() as connection:
        connection.execute(text("UPDATE generation SET layout = 1"))
    database.close()
    refused = run(home, *ASK, "--media-type", "text/markdown")
    assert refused.exit_code != 0
    assert "clearance reindex --full" in refused.output
    assert len(evidence(home, "--source", "docs")) == 1
    checks = {one["name"]: one for one in json.loads(run(home, "doctor", "--json").stdout)}
    assert not checks["index"]["passed"]
    assert "sources alone" in checks["index"]["detail"]
    assert "reindex --full" in checks["index"]["remedy"]
    assert "reindex --full" in run(home, "status").output
    assert json.loads(run(home, "status", "--json").stdout)["generation"]["filters"] == "source"
    assert run(home, "reindex", "--full").exit_code == 0
    assert len(evidence(home, "--media-type", "text/markdown")) == 1
    assert json.loads(run(home, "status", "--json").stdout)["generation"]["filters"] == "all"
