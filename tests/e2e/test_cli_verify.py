"""``clearance verify``: a draft or claims, checked as somebody, in words and as JSON."""

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

STATED = "The per diem for trips abroad is 55 euros a day."
WHO = ("-t", "acme", "--as", "user:ann")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("verify")
    (home / "docs").mkdir()
    (home / "docs" / "travel.md").write_text(f"# Travel\n\n{STATED}\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:64")
        patch.setenv("COLUMNS", "200")
        for words in (
            ("ingest", str(home / "docs"), "-t", "acme", "--allow", "group:staff"),
            ("acl", "add-member", "group:staff", "user:ann", "-t", "acme"),
        ):
            done = run(home, *words)
            assert done.exit_code == 0, done.output
        yield home


def run(home: Path, *arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["--data-dir", str(home / "data"), *arguments], input=text)


@pytest.fixture(scope="module")
def answer(home: Path) -> dict[str, str]:
    """The ids of an answer to ann."""
    done = run(home, "query", "per diem abroad", *WHO, "--json")
    told = json.loads(done.stdout)
    return {"receipt": told["receipt_id"], "chunk": told["evidence"][0]["chunk_id"]}


def test_a_draft_is_checked_sentence_by_sentence(home: Path, answer: dict[str, str]) -> None:
    draft = f"{STATED} [e1] The per diem for trips abroad is 65 euros a day [e1]."
    done = run(home, "verify", "-", *WHO, "--receipt", answer["receipt"], text=draft)
    assert done.exit_code == 3, done.output
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["supported", *STATED.split()]
    assert lines[2].startswith("contradicted")
    assert "says otherwise; differs in number; citations: unquoted" in lines[3]
    assert "citation recall 0.50, precision 0.50" in done.stdout


def test_claims_are_checked_from_json_and_told_as_json(home: Path, answer: dict[str, str]) -> None:
    citation = {"chunk_id": answer["chunk"], "quote": "55 euros a day"}
    path = home / "claims.json"
    path.write_text(json.dumps({"claims": [{"text": STATED, "citations": [citation]}]}))
    done = run(home, "verify", str(path), *WHO, "--json")
    assert done.exit_code == 0, done.output
    [claim] = json.loads(done.stdout)["claims"]
    assert (claim["verdict"], claim["citations"][0]["result"]) == ("supported", "quoted")


def test_whoever_sees_nothing_is_told_that_nothing_is_found(
    home: Path, answer: dict[str, str]
) -> None:
    body = json.dumps({"claims": [{"text": STATED, "citations": [{"chunk_id": answer["chunk"]}]}]})
    done = run(home, "verify", "-", "-t", "acme", "--as", "user:eve", "--json", text=body)
    assert done.exit_code == 3
    [claim] = json.loads(done.stdout)["claims"]
    assert claim["citations"][0]["result"] == "not_found"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("not JSON", "JSON"),
        ('{"claims": []}', "claims"),
        ('{"claims": [{"text": "x", "citations": []}]}', "claims.0.citations"),
    ],
)
def test_what_is_no_request_ends_in_one_line_that_names_the_field(
    home: Path, text: str, told: str
) -> None:
    done = run(home, "verify", "-", *WHO, text=text)
    assert done.exit_code == 2
    assert told in done.stderr
    assert done.stderr.startswith("error: ")
