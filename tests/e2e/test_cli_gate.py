"""``clearance eval gate``: record, compare, refuse, and leave a page behind."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from retrieval.cli.app import app
from tests.unit.evaluation.collections import write_collection

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

LATENCY = {"latency"}  # of a machine that is busy with other tests


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEARANCE_EMBEDDER", "hash:32")
    monkeypatch.setenv("COLUMNS", "160")


def gate(tmp_path: Path, *more: str) -> Result:
    words = ["eval", "gate", "--baseline", str(tmp_path / "baseline.json")]
    return CliRunner().invoke(app, [*words, "--data", str(tmp_path), *more])


def test_a_baseline_is_recorded_and_the_same_passes_and_a_better_baseline_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_collection(tmp_path)
    assert gate(tmp_path).exit_code == 2, "there is no baseline yet"
    recorded = gate(tmp_path, "--record")
    assert recorded.exit_code == 0, recorded.output
    assert "figures recorded" in recorded.output
    page = tmp_path / "page.md"
    again = gate(tmp_path, "--json", "--report", str(page))
    figures = {one["figure"]: one for one in json.loads(again.stdout)["figures"]}
    assert {name for name, one in figures.items() if not one["passed"]} <= LATENCY
    written = page.read_text("utf-8")
    assert written.startswith("# The candidate ")
    assert "](page.svg)" in written
    assert "ndcg@10" in (tmp_path / "page.svg").read_text("utf-8")
    monkeypatch.setitem(sys.modules, "vl_convert", None)  # the extra is not installed
    (tmp_path / "page.svg").unlink()
    gate(tmp_path, "--report", str(page))
    assert "page.svg" not in page.read_text("utf-8")
    assert "```\nndcg@10" in page.read_text("utf-8")
    assert not (tmp_path / "page.svg").exists()
    kept = json.loads((tmp_path / "baseline.json").read_text())
    kept["figures"]["recall@10"] = {"value": 1.5}
    (tmp_path / "baseline.json").write_text(json.dumps(kept))
    refused = gate(tmp_path)
    assert refused.exit_code == 3
    assert "REFUSED" in refused.output
