"""Erasing, backing up and restoring on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from ingestion.erasure import certificate
from retrieval.cli import checks
from retrieval.cli.app import app
from tests.support.interrupted import Died

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    Run = Callable[..., Result]


def runner(data: Path) -> Run:
    return lambda *arguments: CliRunner().invoke(app, ["--data-dir", str(data), *arguments])


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line over two documents."""
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:64")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(checks, "FREE_BYTES", 1)
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "travel.md").write_text("# Travel\n\nThe per diem abroad is 55 euros a day.\n")
    (docs / "case.md").write_text("# Case\n\nZebediah Quixwood was granted a loan in spring.\n")
    made = runner(tmp_path / "data")
    for arguments in (
        ("ingest", str(docs), "-t", "acme", "--allow", "group:staff"),
        ("acl", "add-member", "group:staff", "user:ann", "-t", "acme"),
    ):
        assert made(*arguments).exit_code == 0
    return made


def texts(run: Run, question: str) -> str:
    result = run("query", question, "-t", "acme", "--as", "user:ann", "--json")
    assert result.exit_code == 0, result.output
    return " ".join(piece["text"] for piece in json.loads(result.stdout)["evidence"])


def test_a_restored_directory_answers_as_before_and_passes_the_doctor(
    run: Run, tmp_path: Path
) -> None:
    before = texts(run, "per diem abroad")
    made = run("backup", str(tmp_path), "--with-keys", "--json")
    assert made.exit_code == 0, made.output
    file = json.loads(made.stdout)["file"]
    result = run("restore", file, str(tmp_path / "new"), "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["generation"] == "g2"
    restored = runner(tmp_path / "new")
    assert texts(restored, "per diem abroad") == before
    doctor = restored("doctor")
    assert doctor.exit_code == 0, doctor.output
    assert restored("audit", "verify", "-t", "acme").exit_code == 0
    again = run("restore", file, str(tmp_path / "new"))
    assert again.exit_code == 2
    assert "not empty" in again.stderr


def test_a_restore_names_the_generations_that_have_to_be_built_again(
    run: Run, tmp_path: Path
) -> None:
    assert run("generations", "build", "--max-tokens", "8").exit_code == 0
    file = str(tmp_path / "a.backup")
    assert run("backup", file, "--with-keys").exit_code == 0
    made = run("restore", file, str(tmp_path / "new"), "--json")
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert (told["generation"], told["build_again"]) == ("g3", ["g2"])
    restored = runner(tmp_path / "new")
    listed = json.loads(restored("generations", "list", "--json").stdout)
    states = {one["id"]: one["state"] for one in listed}
    assert (states["g2"], states["g3"]) == ("building", "active")
    assert restored("generations", "promote", "g2", "--force").exit_code != 0
    assert restored("generations", "build", "--max-tokens", "8").exit_code == 0
    assert restored("generations", "promote", "g2", "--force").exit_code == 0
    assert texts(restored, "per diem abroad")
    said = run("restore", file, str(tmp_path / "other"))
    assert "build g2 again" in said.stderr


def test_an_erasure_is_planned_asked_for_and_certified(run: Run) -> None:
    planned = run("erase", "-t", "acme", "--term", "quixwood", "--plan", "--json")
    assert [one["external_id"] for one in json.loads(planned.stdout)["documents"]] == ["case.md"]
    assert "Quixwood" in texts(run, "loan granted in spring")
    assert run("erase", "-t", "acme", "--term", "quixwood", "--json").exit_code == 2
    done = run("erase", "-t", "acme", "--term", "quixwood", "--yes", "--json")
    assert done.exit_code == 0, done.output
    made = json.loads(done.stdout)
    assert made["clean"]
    assert {probe["kind"]: probe["found"] for probe in made["probes"]} == {
        "id": 0,
        "vector": 0,
        "text": 0,
        "comment": 0,
    }
    assert "Quixwood" not in texts(run, "loan granted in spring")
    again = run("erase", "-t", "acme", "--term", "quixwood", "--yes")
    assert again.exit_code == 2
    assert "nothing of tenant acme" in again.stderr


def test_an_erasure_that_was_interrupted_is_resumed_and_certified(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARANCE_SIGNING_DIR", str(tmp_path / "docs" / "case.md"))
    assert run("erase", "-t", "acme", "--term", "quixwood", "--yes").exit_code != 0
    monkeypatch.delenv("CLEARANCE_SIGNING_DIR")
    assert "Quixwood" in texts(run, "loan granted in spring")  # refused before anything was touched
    nothing = run("erase", "-t", "acme", "--resume", "--json")
    assert (nothing.exit_code, json.loads(nothing.stdout)) == (0, {"certificates": []})
    monkeypatch.setattr(certificate, "probe", _died)
    with pytest.raises(Died):
        run("erase", "-t", "acme", "--term", "quixwood", "--yes")
    monkeypatch.undo()
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:64")
    other = run("erase", "-t", "acme", "--document", "travel.md", "--yes")
    assert other.exit_code == 0, other.output
    assert "1 other erasure without a certificate" in other.stderr
    assert _erasures(run) == (False, "1 erasure without a certificate, of acme")
    resumed = run("erase", "-t", "acme", "--resume", "--json")
    assert "other erasure" not in resumed.stderr
    assert resumed.exit_code == 0, resumed.output
    [made] = json.loads(resumed.stdout)["certificates"]
    assert (made["documents"], made["clean"]) == (1, True)
    assert _erasures(run) == (True, "every one has its certificate")
    refused = run("erase", "-t", "acme", "--resume", "--term", "quixwood")
    assert refused.exit_code == 2


def _erasures(run: Run) -> tuple[bool, str]:
    """What the doctor says of them; its remedy, if there is anything to remedy."""
    checks = {one["name"]: one for one in json.loads(run("doctor", "--json").stdout)}
    told = checks["erasures"]
    assert told["passed"] or "clearance erase --tenant acme --resume" in told["remedy"]
    return told["passed"], told["detail"]


def _died(*_: object) -> None:
    raise Died


@pytest.mark.parametrize("given", [(), ("--term", "abc", "--source", "docs")])
def test_an_erasure_of_nothing_or_of_two_things_is_refused(run: Run, given: tuple[str]) -> None:
    result = run("erase", "-t", "acme", *given)
    assert result.exit_code == 2
    assert "one of them" in result.stderr
