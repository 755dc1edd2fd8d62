"""The runbook's commands are run, each as it stands there, over a small installation.

What is made up in it (a key, a run, a document) is put in its place; the rest is as printed. The
alerts lead to headings that exist.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING, Any, Final

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app
from tests.docs.documents import ROOT, anchors, fences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from typer.testing import Result

PAGE: Final = "docs/runbook.md"
SYMPTOMS: Final = (
    "wrong-tenant-data",
    "stale-answers",
    "cost-spike",
    "slow-tail",
    "high-refusals-after-a-deploy",
    "injection-wave",
    "poisoned-source",
    "lost-index",
    "full-disk",
)
KEY: Final = "0123456789abcdef"
ID: Final = "11111111-2222-4333-8444-555555555555"
NEEDS_A_SECOND_GENERATION: Final = ("generations canary g2", "generations retire g1")


def commands() -> list[str]:
    """Every call of ``clearance`` in a fence of the page once, in order, without comments."""
    lines = [
        line.strip()
        for fence in fences(PAGE)
        if fence.language == "sh"
        for line in fence.text.splitlines()
    ]
    calls = (
        shlex.join(shlex.split(line, comments=True))
        for line in lines
        if line.startswith("clearance ")
    )
    return list(dict.fromkeys(calls))


def run(data: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--data-dir", str(data), *words])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("runbook")
    (home / "docs").mkdir()
    (home / "docs" / "travel.md").write_text("# Travel\n\nThe per diem is 55 euros a day.\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:32")
        patch.chdir(home)
        folder = ("ingest", str(home / "docs"), "-t", "acme", "--source", "policies")
        for words in (
            (*folder, "--allow", "group:staff"),
            ("acl", "add-member", "group:staff", "user:ann", "-t", "acme"),
            ("query", "per diem", "-t", "acme", "--as", "user:ann"),
        ):
            made = run(home / "data", *words)
            assert made.exit_code == 0, made.output
        yield home / "data"


def filled_in(data: Path, line: str) -> list[str]:
    """The words of a command, with what the page made up put in its place."""
    words = shlex.split(line)[1:]
    if KEY in words:
        made = told(data, "keys", "create", "user:ann", "-t", "acme", "--expires", "1d")
        words[words.index(KEY)] = str(made["key_id"])
    if ID in words:
        words[words.index(ID)] = run_id(data) if words[0] == "runs" else document_id(data)
    return words


def told(data: Path, *words: str) -> Any:
    result = run(data, *words, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def run_id(data: Path) -> str:
    return str(told(data, "runs", "list", "-t", "acme")[0]["id"])


def document_id(data: Path) -> str:
    found = told(data, "query", "per diem", "-t", "acme", "--as", "user:ann", "--limit", "1")
    if found["evidence"]:
        return str(found["evidence"][0]["citation"]["document_id"])
    return ID  # while its source is off; then nobody was shown it


def test_every_command_of_the_runbook_does_what_it_is_there_for(data: Path) -> None:
    tried = 0
    for line in commands():
        if any(name in line for name in NEEDS_A_SECOND_GENERATION):
            continue
        result = run(data, *filled_in(data, line))
        allowed = {0}
        if "doctor" in line:
            allowed = {0, 2}  # it tells of the flags that the page has set by then
        if "runs cancel" in line or "receipt exposure" in line:
            allowed = {0, 2}  # the run has ended; nobody was shown the document
        assert result.exit_code in allowed, f"{line}: {result.output}"
        assert "Traceback" not in result.output
        tried += 1
        if (back := undone(line)) is not None:
            assert run(data, *shlex.split(back), "--tenant", "acme").exit_code == 0
    assert tried >= 30


def undone(line: str) -> str | None:
    """What takes a command back, so that what follows on the page can be tried."""
    words = shlex.split(line)[1:]
    if words[:2] == ["flags", "set"]:
        return f"flags unset {words[2]}"
    back = {"acl remove-member": "add-member", "acl revoke": "grant"}.get(" ".join(words[:2]))
    return None if back is None else f"acl {back} {words[2]} {words[3]}"


def test_each_symptom_has_a_heading_and_alerts_lead_to_no_other() -> None:
    known = set(anchors(PAGE))
    assert known >= set(SYMPTOMS)
    alerts = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text("utf-8")
    assert set(re.findall(r"runbook\.md#([\w-]+)", alerts)) <= known
