"""``clearance eval shadow``: a candidate generation asked beside the active one, end to end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

    Run = Callable[..., Result]

TOPICS = ("harbour", "orchard", "glacier", "library", "furnace", "meadow", "turbine", "lantern")
SECRET = "The merger of the harbour and the orchard is to be kept from everybody."


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """The command line over a bank with one closed folder, and a second, coarser generation."""
    tmp_path = tmp_path_factory.mktemp("shadow")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("CLEARANCE_EMBEDDER", "hash:64")
        environment.setenv("CLEARANCE_MIN_RELEVANCE", "0")
        environment.setenv("COLUMNS", "160")
        yield filled(tmp_path)


def filled(tmp_path: Path) -> Run:
    for name, allowed in (("open", "group:staff"), ("board", "group:board")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / ".acl.yaml").write_text(f"allow: [{allowed}]\n")
    for topic in TOPICS:
        text = f"The keeper of the {topic} opens its gate and reports to the council every evening."
        (tmp_path / "open" / f"{topic}.md").write_text(text)
    (tmp_path / "board" / "merger.md").write_text(SECRET)

    def made(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--data-dir", str(tmp_path / "data"), *arguments])

    for arguments in (
        ("ingest", str(tmp_path / "open"), "-t", "acme"),
        ("ingest", str(tmp_path / "board"), "-t", "acme"),
        ("acl", "add-member", "group:staff", "user:ann", "-t", "acme"),
        ("generations", "build", "--embedder", "hash:4"),
    ):
        done = made(*arguments)
        assert done.exit_code == 0, done.output
    return made


def test_a_candidate_is_asked_beside_the_active_one_and_leaves_no_trace(
    run: Run, tmp_path: Path
) -> None:
    questions = tmp_path / "asked.jsonl"
    lines = [{"query": f"Who opens the gate of the {topic}?"} for topic in TOPICS]
    questions.write_text("\n".join(map(json.dumps, lines)))
    audited = run("audit", "list", "-t", "acme", "--json").stdout
    asked = ("eval", "shadow", "g2", "-t", "acme", "--questions", str(questions))
    done = run(*asked, "--as", "user:ann", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert (told["candidate"], told["active"], told["answers"]) == ("g2", "g1", len(TOPICS))
    assert 0 < told["overlap"] <= 1
    moved = [change for change in told["worst"] if change["moved"] or change["lost"]]
    assert moved, "four dimensions cannot rank as sixty-four do"
    assert "harbour" not in done.stdout
    assert "merger" not in done.stdout
    assert run("audit", "list", "-t", "acme", "--json").stdout == audited

    shown = run(*asked)
    assert shown.exit_code == 0, shown.output
    assert "g2 against g1: 8 answers, overlap" in shown.stdout


@pytest.mark.parametrize(
    ("generation", "line", "why"),
    [
        ("g9", '{"query": "gate"}', "g9"),
        ("g1", '{"query": "gate"}', "ready"),
        ("g2", "", "none in the file"),
        ("g2", '{"question": "gate"}', "query"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    run: Run, tmp_path: Path, generation: str, line: str, why: str
) -> None:
    (tmp_path / "asked.jsonl").write_text(line)
    words = ("eval", "shadow", generation, "-t", "acme", "--questions")
    done = run(*words, str(tmp_path / "asked.jsonl"))
    assert done.exit_code == 2
    assert why in done.output
