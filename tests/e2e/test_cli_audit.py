"""``clearance audit``: what an operator sees, and the exit code a monitor acts on."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from acl.admin.directory import ensure_tenant
from acl.audit.events import Event
from retrieval.cli.app import app
from retrieval.cli.exits import Exit
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.docs.documents import fences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    Run = Callable[..., Result]

TENANTS = ("acme", "globex")
ROWS = 3


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation of two tenants with a few refusals on record."""
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:32")
    monkeypatch.setenv("COLUMNS", "200")
    directory = tmp_path / "data"
    with Runtime.open(Settings(data_dir=directory, embedder="hash:32")) as runtime:
        for tenant in TENANTS:
            ensure_tenant(runtime.database, tenant, now=runtime.clock())
            for number in range(ROWS):
                body = {"subject": "user:ann\x1b[31m", "actors": ["service:bot"], "n": number}
                runtime.ledger.record(tenant, Event("denial", body))
    return directory


@pytest.fixture
def run(data_dir: Path) -> Run:
    def invoke(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, ["--data-dir", str(data_dir), *map(str, arguments)])

    return invoke


def now() -> str:
    """After everything that is on record."""
    return datetime.now(UTC).isoformat()


def good(result: Result) -> str:
    assert result.exit_code == Exit.OK, result.output
    return result.stdout


def tamper(data_dir: Path, statement: str) -> None:
    connection = sqlite3.connect(data_dir / "audit.sqlite")
    with connection:
        connection.execute(statement)
    connection.close()


def keys(data_dir: Path, tmp_path: Path) -> Path:
    with Runtime.open(Settings(data_dir=data_dir, embedder="hash:32")) as runtime:
        path = tmp_path / "keys.json"
        path.write_text(json.dumps(runtime.signer.jwks()))
    return path


def test_an_intact_audit_is_said_to_be(run: Run) -> None:
    out = good(run("audit", "verify"))
    assert out.count("intact") == len(TENANTS)
    found = json.loads(good(run("audit", "verify", "-t", "acme", "--json")))
    assert found["intact"]
    assert [(c["stream"], c["rows"]) for c in found["chains"]] == [
        ("access", ROWS),
        ("administration", 0),
    ]


def test_a_broken_one_has_an_exit_code_of_its_own_and_names_the_row(
    run: Run, data_dir: Path
) -> None:
    tamper(data_dir, "UPDATE audit_log SET body = '{}' WHERE tenant = 'acme' AND seq = 2")
    result = run("audit", "verify")
    assert result.exit_code == Exit.BROKEN == 5
    assert "acme/access: row 2" in result.stdout
    assert run("audit", "verify", "-t", "globex").exit_code == Exit.OK
    found = json.loads(run("audit", "verify", "--json").stdout)
    assert not found["intact"]
    assert [c["fault"] for c in found["chains"] if not c["intact"]] == ["changed"]


def test_text_that_is_no_text_is_a_broken_row_and_no_crash(run: Run, data_dir: Path) -> None:
    tamper(data_dir, "UPDATE audit_log SET body = CAST(x'7bff7d' AS TEXT) WHERE seq = 2")
    result = run("audit", "verify")
    assert (result.exit_code, result.stdout.count("unreadable")) == (Exit.BROKEN, len(TENANTS))


def test_a_checkpoint_kept_elsewhere_finds_what_the_database_cannot(
    run: Run, data_dir: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "checkpoints"
    good(run("audit", "checkpoint", "--out", kept))
    good(run("audit", "checkpoint", "-t", "acme", "--out", kept))
    assert len(kept.read_text().splitlines()) == len(TENANTS) + 1
    for table in ("audit_log", "audit_head", "audit_checkpoint"):
        tamper(data_dir, f"DELETE FROM {table}")  # noqa: S608 - fixed names
    assert run("audit", "verify").exit_code == Exit.OK
    result = run("audit", "verify", "--checkpoint", kept)
    assert result.exit_code == Exit.BROKEN
    assert result.stdout.count("truncated") == len(TENANTS)


def test_checkpoints_can_be_piped(run: Run) -> None:
    lines = good(run("audit", "checkpoint")).splitlines()
    assert [line.count(".") for line in lines] == [2, 2]
    signed = json.loads(good(run("audit", "checkpoint", "--json")))
    assert [one["checkpoint"] for one in signed] == lines  # the same place, the same statement


@pytest.mark.parametrize("name", ["audit.parquet", "audit.jsonl"])
def test_an_export_is_verified_without_the_installation(
    run: Run, data_dir: Path, tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    good(run("audit", "export", path, "-t", "acme"))
    jwks = keys(data_dir, tmp_path)
    elsewhere = ["--data-dir", str(tmp_path / "none"), "audit", "verify", "--file", str(path)]
    result = CliRunner().invoke(app, [*elsewhere, "--jwks", str(jwks), "--json"])
    chain = json.loads(good(result))["chains"][0]
    assert (chain["tenant"], chain["rows"], chain["checkpoints"]) == ("acme", ROWS, 1)
    assert not (tmp_path / "none").exists()
    path.write_bytes(path.read_bytes()[:-40])
    assert CliRunner().invoke(app, [*elsewhere, "--jwks", str(jwks)]).exit_code != Exit.OK
    without = CliRunner().invoke(app, elsewhere)
    assert (without.exit_code, "--jwks" in without.stderr) == (Exit.ERROR, True)


def test_without_pyarrow_lines_are_what_can_be_exported(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    result = run("audit", "export", tmp_path / "audit.parquet", "-t", "acme")
    assert (result.exit_code, "clearance-retrieval[parquet]" in result.stderr) == (2, True)
    good(run("audit", "export", tmp_path / "audit.parquet", "-t", "acme", "--format", "jsonl"))


def test_retention_says_what_it_removed_and_the_rest_is_intact(run: Run) -> None:
    early = json.loads(good(run("audit", "prune", "-t", "acme", "--before", "30d", "--json")))
    assert early == {"removed": 0, "older": 0, "kept_from": None}
    arguments = ("audit", "prune", "-t", "acme", "--before")
    moment = now()
    looked = json.loads(good(run(*arguments, moment, "--dry-run", "--json")))
    assert looked == {"removed": 0, "older": ROWS, "kept_from": ROWS + 1}
    assert f"{ROWS} rows of acme/access" in good(run(*arguments, moment))
    chain = json.loads(good(run("audit", "verify", "-t", "acme", "--json")))["chains"][0]
    assert (chain["kept_from"], chain["rows"]) == (ROWS + 1, 1)


def test_nothing_is_removed_from_a_broken_audit(run: Run, data_dir: Path) -> None:
    tamper(data_dir, "DELETE FROM audit_log WHERE seq = 2")
    result = run("audit", "prune", "-t", "acme", "--before", now())
    assert (result.exit_code, "row 2 is gone" in result.stderr) == (Exit.BROKEN, True)


def test_a_list_shows_the_newest_first_and_nothing_a_terminal_would_act_on(run: Run) -> None:
    out = good(run("audit", "list", "-t", "acme", "--limit", "2"))
    assert "\x1b[31m" not in out
    assert "through service:bot" in out
    told: list[dict[str, Any]] = json.loads(good(run("audit", "list", "-t", "acme", "--json")))
    assert [event["body"]["n"] for event in told] == [2, 1, 0]
    assert json.loads(good(run("audit", "list", "-t", "acme", "--kind", "query", "--json"))) == []
    assert "nothing of that" in good(run("audit", "list", "-t", "acme", "--until", "30d"))


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("list", "-t", "nobody"), "nobody"),
        (("verify", "-t", "nobody"), "nobody"),
        (("prune", "-t", "acme", "--before", "2999-01-01"), "not come yet"),
        (("prune", "-t", "acme", "--before", "soon"), "soon"),
        (("list", "-t", "acme", "--kind", "gossip"), "gossip"),
        (("verify", "--checkpoint", "/no/such/file"), "/no/such/file"),
    ],
)
def test_what_cannot_be_done_is_named(run: Run, arguments: tuple[str, ...], named: str) -> None:
    result = run("audit", *arguments)
    assert (result.exit_code, named in result.stderr) == (Exit.ERROR, True)


def test_a_checkpoint_file_of_something_else_is_an_error(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_text("nonsense\n")
    assert run("audit", "verify", "--checkpoint", other).exit_code == Exit.ERROR


def test_an_auditor_needs_nothing_but_the_document(run: Run, tmp_path: Path) -> None:
    (program,) = (fence.text for fence in fences("docs/audit.md") if fence.mark == "verify")
    path = tmp_path / "audit.jsonl"
    good(run("audit", "export", path, "-t", "acme"))
    last = json.loads(good(run("audit", "verify", "-t", "acme", "--json")))["chains"][0]["hash"]
    command = [sys.executable, "-c", program, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert (done.returncode, done.stdout.split()) == (0, [str(ROWS), last]), done.stderr
    path.write_text(path.read_text().replace("service:bot", "service:bat", 1))
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - ours
    assert "row 1 was changed" in done.stderr
