"""Stored pairs are for operators: no answer is made from them, by construction."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
MAY = {Path("retrieval/cli/duplicates.py")}


def test_nothing_that_answers_a_caller_reads_stored_pairs() -> None:
    readers = set()
    for path in (ROOT / "retrieval").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and (
                (node.module or "").startswith("ingestion.near")
                or {alias.name for alias in node.names} & {"NearPairRow", "SignatureRow"}
            ):
                readers.add(path.relative_to(ROOT))
    assert readers <= MAY
