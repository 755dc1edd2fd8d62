"""The command line as a user runs it: a process, its two streams and its exit code."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Run = Callable[..., subprocess.CompletedProcess[str]]

CLEARANCE = str(Path(sys.executable).with_name("clearance"))
EVIL_TITLE = "Travel [red]policy[/red] [link=https://evil.example]click[/link] :smile:"


EVIL_TEXT = "The per diem abroad is 55 euros. [bold]Not markup[/bold] \x1b[31mred\x1b[0m"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("cli")
    docs = home / "docs"
    docs.mkdir()
    (docs / "travel.md").write_text(f"# {EVIL_TITLE}\n\n{EVIL_TEXT}\n")
    (docs / "broken.bin").write_bytes(b"\x00\x01\x02\x03binary")
    return home


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {
        "CLEARANCE_DATA_DIR": str(home / "data"),
        "CLEARANCE_EMBEDDER": "hash:64",
        "COLUMNS": "120",
    }


@pytest.fixture(scope="module")
def run(home: Path) -> Run:
    def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - our own command
            [CLEARANCE, *arguments],
            env=environment(home) | extra,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def ingested(run: Run, home: Path) -> Run:
    """The main path up to the first question."""
    done = run("ingest", str(home / "docs"), "--tenant", "acme", "--allow", "group:staff")
    assert done.returncode == 3, done.stderr
    assert re.search(r"added\s+1\b", done.stdout)
    assert re.search(r"failed\s+1\b", done.stdout)
    assert "broken.bin" in done.stdout
    assert "acl add-member group:staff user:NAME --tenant acme" in done.stderr
    assert (home / "data").stat().st_mode & 0o777 == 0o700
    joined = run("acl", "add-member", "group:staff", "user:ann", "--tenant", "acme")
    assert joined.returncode == 0, joined.stderr
    return run


def test_help_comes_at_once_and_needs_nothing_heavy(run: Run) -> None:
    shown = run("--help")
    assert shown.returncode == 0
    for command in ("ingest", "query", "serve", "mcp", "status", "doctor", "acl", "keys", "db"):
        assert re.search(rf"^  {command} ", shown.stdout, re.MULTILINE)
    loaded = subprocess.run(
        [sys.executable, "-c", "import sys, retrieval.cli.app; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert not {"fastapi", "sqlalchemy", "pydantic", "numpy", "mcp", "torch"} & set(loaded)


def test_a_question_is_answered_with_cited_evidence(ingested: Run) -> None:
    done = ingested("query", "per diem abroad", "--tenant", "acme", "--as", "user:ann")
    assert done.returncode == 0, done.stderr
    assert "relevance" in done.stdout
    assert "55 euros" in done.stdout
    assert "travel.md" in done.stdout
    assert "fresh, confirmed" in done.stdout


def test_document_text_reaches_the_terminal_as_characters_only(ingested: Run) -> None:
    done = ingested(
        "query", "per diem abroad", "--tenant", "acme", "--as", "user:ann", FORCE_COLOR="1"
    )
    plain = re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)
    assert "[red]policy[/red]" in plain
    assert "[bold]Not markup[/bold]" in plain
    assert ":smile:" in plain
    assert "\x1b]8;" not in done.stdout
    assert "\x1b[31mred\x1b[0m" not in done.stdout
    assert "\x1b" not in plain


def test_someone_unknown_gets_nothing_and_the_operator_a_hint(ingested: Run) -> None:
    done = ingested("query", "per diem abroad", "--tenant", "acme", "--as", "user:carl")
    assert done.returncode == 0
    assert "no evidence · abstain" in done.stdout
    assert "55 euros" not in done.stdout
    assert "user:carl is unknown in tenant acme" in done.stderr
    assert "acl add-member" in done.stderr


def test_a_second_run_touches_nothing(ingested: Run, home: Path) -> None:
    done = ingested(
        "ingest", str(home / "docs"), "--tenant", "acme", "--allow", "group:staff", "--json"
    )
    report: dict[str, Any] = json.loads(done.stdout)
    assert (report["unchanged"], report["added"], report["changed"]) == (1, 0, 0)
    assert (report["chunks_added"], report["failed"], done.returncode) == (0, 1, 3)


def test_a_token_is_printed_once_and_alone(ingested: Run) -> None:
    made = ingested("keys", "create", "user:ann", "--tenant", "acme", "--label", "laptop")
    token = made.stdout.strip()
    assert re.fullmatch(r"clr_[0-9a-f]{16}_[A-Za-z0-9_-]{43}", token)
    assert token not in made.stderr
    assert token not in ingested("keys", "list", "--tenant", "acme", "--json").stdout


@pytest.fixture
def address(home: Path, ingested: Run) -> Iterator[str]:
    """``clearance serve``, ended by an interrupt."""
    assert ingested
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(  # noqa: S603 - our own command
        [CLEARANCE, "serve", "--port", str(port)],
        env=environment(home),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while True:
            try:
                if httpx2.get(f"{url}/readyz").status_code == 200:
                    break
            except httpx2.TransportError:
                pass
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.1)
        yield url
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0
        assert out == b""
        assert b"Traceback" not in err
        assert b"per diem" not in err
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()


def test_the_service_answers_while_the_command_line_changes_rights(
    address: str, ingested: Run
) -> None:
    token = ingested("keys", "create", "user:ann", "--tenant", "acme").stdout.strip()

    def ask() -> dict[str, Any]:
        reply = httpx2.post(
            f"{address}/v1/retrieve",
            json={"query": "per diem abroad"},
            headers={"Authorization": f"Bearer {token}"},
            timeout=30,
        )
        assert reply.status_code == 200
        return dict(reply.json())

    assert ask()["evidence"]
    group = ("group:staff", "user:ann", "--tenant", "acme")
    assert ingested("acl", "remove-member", *group).returncode == 0
    assert ask()["evidence"] == []
    assert ingested("acl", "add-member", *group).returncode == 0
    assert ask()["evidence"]
