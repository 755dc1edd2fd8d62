"""To a server and back, on the command line; the server is the client's local mode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app
from tests.support.local_server import local_server

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from typer.testing import Result

    Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command line over one document, and a server that outlives each command."""
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:64")
    monkeypatch.setenv("COLUMNS", "200")
    server = local_server()
    monkeypatch.setattr(server, "close", lambda: None)
    monkeypatch.setattr("ingestion.index.hosts._of_server", lambda _: server)
    docs = tmp_path / "docs"
    docs.mkdir()
    (docs / "travel.md").write_text("# Travel\n\nThe per diem abroad is 55 euros a day.\n")

    def made(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(app, ["--data-dir", str(tmp_path / "data"), *arguments])
        assert result.exit_code == code, result.output
        return result

    made("ingest", str(docs), "-t", "acme", "--allow", "group:staff")
    made("acl", "add-member", "group:staff", "user:ann", "-t", "acme")
    return made


def evidence(run: Run) -> object:
    asked = run("query", "per diem abroad", "-t", "acme", "--as", "user:ann", "--json")
    pieces = json.loads(asked.stdout)["evidence"]
    assert pieces
    return [(piece["chunk_id"], piece["text"], piece["relevance"]) for piece in pieces]


def test_the_index_moves_to_a_server_and_back(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    refused = run("migrate", "server", code=2)
    assert "CLEARANCE_QDRANT_URL" in refused.stderr
    before = evidence(run)
    monkeypatch.setenv("CLEARANCE_QDRANT_URL", "http://127.0.0.1:1")
    assert evidence(run) == before
    told = json.loads(run("migrate", "server", "--json").stdout)
    assert (told["engine"], told["generation"], told["before"]) == ("server", "g2", "g1")
    assert told["promoted"] is told["gate"]["passed"] is True
    assert evidence(run) == before
    assert "already" in run("migrate", "server").stdout
    run("generations", "retire", "g1")
    assert evidence(run) == before
    monkeypatch.setenv("CLEARANCE_INDEX_ENGINE", "embedded")
    assert "g3 on the embedded engine is active" in run("migrate", "embedded").stdout
    run("generations", "retire", "g2")
    monkeypatch.delenv("CLEARANCE_INDEX_ENGINE")
    monkeypatch.delenv("CLEARANCE_QDRANT_URL")
    assert evidence(run) == before
