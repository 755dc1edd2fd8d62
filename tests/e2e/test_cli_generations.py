"""A new embedder, from build to retirement, on the command line."""

from __future__ import annotations

import json
import shutil
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
    """The command line over one document."""
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:64")
    monkeypatch.setenv("COLUMNS", "200")
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "travel.md").write_text("# Travel\n\nThe per diem abroad is 55 euros a day.\n")

    def made(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--data-dir", str(tmp_path / "data"), *arguments])

    for arguments in (
        ("ingest", str(docs), "-t", "acme", "--allow", "group:staff"),
        ("acl", "add-member", "group:staff", "user:ann", "-t", "acme"),
    ):
        assert made(*arguments).exit_code == 0
    return made


def told(run: Run, *arguments: str, code: int = 0) -> Any:
    result = run("generations", *arguments, "--json")
    assert result.exit_code == code, result.output
    return json.loads(result.stdout)


def texts(run: Run) -> list[str]:
    result = run("query", "per diem abroad", "-t", "acme", "--as", "user:ann", "--json")
    assert result.exit_code == 0, result.output
    return [piece["text"] for piece in json.loads(result.stdout)["evidence"]]


def test_a_new_embedder_is_built_compared_promoted_rolled_back_and_retired(
    run: Run, tmp_path: Path
) -> None:
    before = texts(run)
    assert told(run, "build", "--embedder", "hash:32") == {"generation": "g2", "state": "ready"}
    refused = run("generations", "promote", "g2")
    assert refused.exit_code == 2
    assert "has not passed its gate" in refused.stderr
    questions = tmp_path / "questions.jsonl"
    line = {"query": "per diem abroad", "relevant": ["travel.md"]}
    questions.write_text(json.dumps(line) + "\n\n")
    asked = ("--questions", str(questions), "-t", "acme", "--as", "user:ann")
    report = told(run, "gate", "g2", *asked, "--latency-ratio", "1000")  # the machine may be busy
    assert {check["condition"] for check in report["checks"]} == {
        "coverage",
        "acl_parity",
        "quality",
        "latency",
        "two_worlds",
    }
    told(run, "canary", "g2", "--permille", "1000")
    assert texts(run) == before
    assert told(run, "promote", "g2")["before"] == "g1"
    assert texts(run) == before
    assert {row["id"]: row["state"] for row in told(run, "list")} == {"g1": "ready", "g2": "active"}
    assert told(run, "rollback") == {"generation": "g1"}
    assert told(run, "retire", "g2")["state"] == "retired"
    assert "retired" in run("generations", "list").stdout
    assert texts(run) == before


def test_a_gate_that_is_not_passed_exits_with_3_and_says_why(run: Run) -> None:
    told(run, "build")
    result = run("generations", "gate", "g2", "-t", "acme", "--as", "user:nobody")
    assert result.exit_code == 3
    assert "nothing could be compared" in result.stdout


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("not json", "questions.jsonl:1"),
        ('{"query": ""}', "questions.jsonl:1: query"),
        ('{"query": "a", "answer": 1}', "questions.jsonl:1: answer"),
    ],
)
def test_a_line_that_is_no_question_is_named(
    run: Run, tmp_path: Path, line: str, fault: str
) -> None:
    questions = tmp_path / "questions.jsonl"
    questions.write_text(line)
    result = run("generations", "gate", "g1", "--questions", str(questions))
    assert result.exit_code == 2
    assert fault in result.stderr


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (("promote", "g9"), "no generation 'g9'"),
        (("rollback",), "no generation to go back to"),
        (("retire", "g1"), "g1 is active"),
        (("gate", "g1", "-t", "acme"), "go together"),
        (("build", "--max-tokens", "5", "--overlap", "5"), "overlap_tokens"),
        (("build", "--embedder", "nonsense"), "unknown embedder"),
    ],
)
def test_what_cannot_be_done_is_said_with_the_remedy(
    run: Run, arguments: tuple[str, ...], fault: str
) -> None:
    result = run("generations", *arguments)
    assert result.exit_code == 2
    assert fault in result.stderr


def test_the_index_is_made_again_when_its_directory_is_lost(run: Run, tmp_path: Path) -> None:
    before = texts(run)
    held = set((tmp_path / "data").iterdir())
    for path in held:
        if path.is_dir() and path.name != "signing":
            shutil.rmtree(path)
    assert run("reindex", "--full").exit_code == 0
    assert texts(run) == before
