"""``clearance ingest`` and ``clearance sources add`` for sources of every kind."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line over a data directory of its own."""
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:64")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("CLEARANCE_TOKEN", raising=False)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--data-dir", str(tmp_path / "data"), *arguments])

    return run


def answers(run: Run, who: str, question: str) -> list[str]:
    result = run("query", question, "-t", "acme", "--as", who, "--json")
    assert result.exit_code == 0, result.output
    return [found["text"] for found in json.loads(result.stdout)["evidence"]]


def report(result: Result) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(result.stdout)
    return made


def test_a_manifest_is_ingested_by_naming_it_and_run_again_by_its_source(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "wiki pages.jsonl"
    rows = [
        {"external_id": "travel", "text": "The per diem is 55 euros.", "acl": "staff"},
        {"external_id": "pay", "text": "The pay scale is secret.", "acl": {"allow": ["user:eve"]}},
        {"external_id": "open", "text": "Nobody said who may see this."},
    ]
    path.write_text("\n".join(map(json.dumps, rows)))
    config = tmp_path / "wiki.yaml"
    config.write_text("acls:\n  staff: {allow: [user:ann]}\n")
    result = run("ingest", str(path), "-t", "acme", "--config", str(config), "--json")
    assert result.exit_code == 3
    assert report(result)["source"] == "wiki-pages"
    assert [failure["code"] for failure in report(result)["failures"]] == ["acl_missing"]
    assert answers(run, "user:ann", "per diem") == ["The per diem is 55 euros."]
    assert answers(run, "user:eve", "pay scale") == ["The pay scale is secret."]
    path.write_text(json.dumps(rows[0] | {"text": "The per diem is 60 euros."}))
    again = run("reindex", "-t", "acme", "--source", "wiki-pages")
    assert again.exit_code == 0, again.output
    assert answers(run, "user:ann", "per diem") == ["The per diem is 60 euros."]
    assert answers(run, "user:eve", "pay scale") == []


def test_a_database_is_noted_down_and_run_by_reindex(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WIKI_URL", f"sqlite:///{tmp_path / 'wiki.db'}")
    with sqlite3.connect(tmp_path / "wiki.db") as db:
        db.execute("CREATE TABLE page (id INTEGER PRIMARY KEY, body TEXT, readers TEXT)")
        db.execute("INSERT INTO page VALUES (1, 'The canteen opens at noon.', 'user:ann')")
    db.close()
    config = tmp_path / "wiki.yaml"
    config.write_text(
        "url_env: WIKI_URL\n"
        "query: SELECT id, body, readers FROM page\n"
        "columns: {external_id: id, text: body, allow: readers}\n"
    )
    add = ("sources", "add", "wiki", "-t", "acme", "--kind", "sql", "--config", str(config))
    assert run(*add).exit_code == 0
    listed = run("sources", "list", "-t", "acme", "--json")
    assert [source["name"] for source in json.loads(listed.stdout)] == ["wiki"]
    result = run("reindex", "-t", "acme")
    assert result.exit_code == 0, result.output
    assert answers(run, "user:ann", "when does the canteen open") == ["The canteen opens at noon."]
    assert "kept" in run(*add).output


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("nowhere", "does not exist; give a folder, a manifest"),
        ("odd.txt", "give its folder, or a manifest"),
        ("file:///etc", "use a source of kind folder"),
        ("nosuch://bucket/folder", "url: "),
    ],
)
def test_what_cannot_be_ingested_is_said_with_the_remedy(
    run: Run, tmp_path: Path, where: str, words: str
) -> None:
    (tmp_path / "odd.txt").write_text("x")
    given = where if "://" in where else str(tmp_path / where)
    result = run("ingest", given, "-t", "acme", "--allow", "group:staff")
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("root: a\nroot: b\n", "root: is given twice"),
        ("- a\n", "must be a mapping"),
        ("root: [a\n", "is not valid YAML"),
        ("root: !!python/object:os.system x\n", "is no plain value"),
        ("folder: x\n", "config.folder: is unknown; the fields are root, allow, deny"),
        ("allow: [group:staff]\n", "config.root: is missing"),
    ],
)
def test_a_configuration_file_is_refused_by_line_and_field(
    run: Run, tmp_path: Path, content: str, words: str
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(content)
    result = run("sources", "add", "s", "-t", "acme", "--kind", "folder", "--config", str(config))
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_source_keeps_its_kind_and_an_unknown_one_is_named(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text(f"root: {tmp_path}\n")
    arguments = ("sources", "add", "s", "-t", "acme", "--config", str(config), "--kind")
    assert run(*arguments, "folder").exit_code == 0
    assert "the kinds are folder, fsspec, jsonl, parquet, sql" in run(*arguments, "flder").stderr
    config.write_text("url: memory://x\n")
    assert "of kind 'folder'" in run(*arguments, "fsspec").stderr


def test_since_takes_what_was_modified_after_it_and_deletes_nothing(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "wiki.jsonl"

    def write(*rows: tuple[str, str]) -> None:
        path.write_text(
            "\n".join(
                json.dumps({"external_id": name, "text": f"About {name}.", "modified_at": at})
                for name, at in rows
            )
        )

    ingest = ("ingest", str(path), "-t", "acme", "--allow", "user:ann", "--json")
    write(("gone", "2024-01-01"))
    assert report(run(*ingest))["added"] == 1
    write(("old", "2024-01-01"), ("new", "2024-03-01"))
    since = report(run(*ingest, "--since", "2024-02-01"))
    assert (since["added"], since["deleted"]) == (1, 0)
    whole = report(run(*ingest, "--confirm-deletions"))
    assert (whole["added"], whole["unchanged"], whole["deleted"]) == (1, 1, 1)
    assert run(*ingest, "--since", "2999-01-01").exit_code == 2


def test_since_is_not_for_watching(run: Run, tmp_path: Path) -> None:
    watch = run("ingest", str(tmp_path), "-t", "acme", "--watch", "--since", "2d")
    assert watch.exit_code == 2
    assert "--since" in watch.stderr
