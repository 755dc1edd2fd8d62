"""Policies, synchronisation and explanations at the command line, and their exit codes."""

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

POLICY = """\
groups:
  group:staff: [user:ann, user:eve]
acls:
  manual:
    allow: [group:staff]
  manual/sub:
    parent: manual
    deny: [user:eve]
"""


@pytest.fixture(autouse=True, scope="module")
def environment() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLEARANCE_EMBEDDER", "hash:64")
        patch.setenv("COLUMNS", "200")
        yield


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The command line over one data directory with one folder of tenant acme."""
    home = tmp_path_factory.mktemp("administration")
    (home / "docs").mkdir()
    (home / "docs" / "travel.md").write_text("# Travel\n\nThe per diem abroad is 55 euros.\n")

    def invoke(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["--data-dir", str(home / "data"), *arguments])

    folder = ("ingest", str(home / "docs"), "-t", "acme", "--source", "handbook")
    assert invoke(*folder, "--allow", "group:staff").exit_code == 0
    return invoke


@pytest.fixture
def policy(tmp_path: Path) -> Path:
    path = tmp_path / "acls.yaml"
    path.write_text(POLICY, encoding="utf-8")
    return path


def applied(run: Run, policy: Path) -> None:
    assert run("acl", "apply", str(policy), "-t", "acme").exit_code == 0


def test_a_plan_shows_who_gains_and_changes_nothing(run: Run, policy: Path) -> None:
    first = run("acl", "apply", str(policy), "-t", "acme", "--plan")
    assert first.exit_code == 0, first.output
    assert "folder:handbook:/  yes        2: user:ann, user:eve" in first.stdout
    assert "2 come to see documents they did not" in first.stdout
    again = json.loads(run("acl", "apply", str(policy), "-t", "acme", "--plan", "--json").stdout)
    assert (again["planned"], again["changed"]) == (True, False)
    shift = {one["acl"]: one for one in again["audiences"]}["folder:handbook:/"]
    assert shift["gains"] == {"count": 2, "first": ["user:ann", "user:eve"]}


def test_what_is_exported_leaves_nothing_to_change(run: Run, policy: Path, tmp_path: Path) -> None:
    applied(run, policy)
    assert "nothing to change" in run("acl", "apply", str(policy), "-t", "acme").stdout
    out = tmp_path / "out.yaml"
    assert run("acl", "export", "-t", "acme", "--output", str(out)).exit_code == 0
    assert out.read_text() == run("acl", "export", "-t", "acme").stdout
    assert "folder:handbook" not in out.read_text(), "the source keeps that"
    assert "nothing to change" in run("acl", "apply", str(out), "-t", "acme").stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("acls:\n  a: {}\n  a: {}\n", "acls.yaml:3: acls.a: is given twice"),
        ("acls:\n  a:\n    allow: [role:x]\n", "acls.yaml:3: acls['a'].allow[0]"),
        ("acls:\n  a: {parent: b}\n  b: {parent: a}\n", "a → b → a"),
        ("acls:\n  'folder:handbook:/': {}\n", "acls.yaml:2: acls['folder:handbook:/']: source"),
        ("groups: &a {}\nacls: *a\n", "the alias *a is not followed"),
        ("acls:\n  a: {parent: nowhere}\n", "'nowhere' does not exist"),
    ],
)
def test_a_mistake_is_named_by_file_and_line_and_nothing_is_applied(
    run: Run, policy: Path, text: str, words: str
) -> None:
    before = run("acl", "export", "-t", "acme").stdout
    policy.write_text(f"{text}", encoding="utf-8")
    refused = run("acl", "apply", str(policy), "-t", "acme")
    assert refused.exit_code == 2
    assert words in refused.stderr
    assert run("acl", "export", "-t", "acme").stdout == before


def test_an_explanation_is_a_tree_from_the_person_to_the_document(run: Run, policy: Path) -> None:
    applied(run, policy)
    shown = run("acl", "explain", "user:ann", "handbook/travel.md", "-t", "acme").stdout
    assert "✓ user:ann sees it" in shown
    assert "through user:ann → group:staff" in shown
    refused = run("acl", "explain", "user:eve", "--acl", "manual/sub", "-t", "acme").stdout
    assert "✗ user:eve does not see it" in refused
    assert "✗ deny user:eve on manual/sub" in refused


def test_a_what_if_is_tried_and_taken_back(run: Run, policy: Path) -> None:
    applied(run, policy)
    asked = ("acl", "explain", "user:eve", "--acl", "manual/sub", "-t", "acme")
    shown = run(*asked, "--with", "revoke-deny manual/sub user:eve").stdout
    assert "the change makes the difference" in shown
    assert json.loads(run(*asked, "--json").stdout)["visible"] is False
    wrong = run(*asked, "--with", "forbid everything")
    assert wrong.exit_code == 2
    assert "revoke ACL PRINCIPAL" in wrong.stderr
    assert run("acl", "explain", "user:eve", "-t", "acme").exit_code == 2


def test_a_principal_is_switched_off_and_on(run: Run, policy: Path) -> None:
    applied(run, policy)
    asked = ("acl", "explain", "user:ann", "--acl", "manual", "-t", "acme", "--json")
    assert run("acl", "disable", "user:ann", "-t", "acme").exit_code == 0
    said = json.loads(run(*asked).stdout)
    assert [reason["cause"] for reason in said["reasons"]] == ["principal_disabled"]
    assert run("acl", "enable", "user:ann", "-t", "acme").exit_code == 0
    assert json.loads(run(*asked).stdout)["visible"] is True
    assert run("acl", "disable", "user:mistyped", "-t", "acme").exit_code == 2


def test_unusual_removals_wait_and_the_exit_code_says_so(run: Run, tmp_path: Path) -> None:
    listing = tmp_path / "okta.json"
    listing.write_text(json.dumps({"users": [{"id": f"u{n}"} for n in range(20)]}))
    asked = ("directory", "sync", str(listing), "-t", "acme", "--name", "okta")
    assert run(*asked).exit_code == 0
    assert "nothing to change" in run(*asked).stdout
    listing.write_text('{"users": [{"id": "u0"}]}')
    planned, held = run(*asked, "--plan"), run(*asked)
    assert (planned.exit_code, held.exit_code) == (3, 3)
    assert "19 removals (vanished) are held, unusually many" in held.stdout
    done = run(*asked, "--confirm-removals", "--json")
    assert done.exit_code == 0
    assert json.loads(done.stdout)["counts"]["switched_off"] == 19
    listing.write_text("{}")
    refused = run(*asked)
    assert refused.exit_code == 2
    assert "okta.json" in refused.stderr
