"""A judged collection small enough to read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = {
    "d1": ("Travel", "The allowance abroad is 55 euros a day."),
    "d2": ("Leave", "Full-time staff have 28 days of leave a year."),
    "d3": ("", "A loan needs two signatures of the branch."),
    "d4": ("Keys", "The vault is opened by two officers together."),
}


def write_collection(directory: Path) -> Path:
    """Write it as BEIR lays collections out, and return where."""
    (directory / "qrels").mkdir()
    (directory / "corpus.jsonl").write_text(
        "".join(
            json.dumps({"_id": name, "title": title, "text": text}) + "\n"
            for name, (title, text) in DOCUMENTS.items()
        )
    )
    (directory / "queries.jsonl").write_text(
        '{"_id": "q1", "text": "allowance abroad"}\n'
        '{"_id": "q2", "text": "signatures of a loan"}\n'
        '{"_id": "q3", "text": "nothing judged"}\n'
    )
    (directory / "qrels" / "test.tsv").write_text(
        "query-id\tcorpus-id\tscore\nq1\td1\t2\nq1\td2\t0\nq2\td3\t1\n"
    )
    return directory
