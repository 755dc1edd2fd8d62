"""Collections of the SMART system are read, in the three ways their judgements are written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingestion.errors import EvaluationError
from retrieval.evaluation.smart import is_smart, read_smart

if TYPE_CHECKING:
    from pathlib import Path

DOCUMENTS = """.I 1
.T
Flow over
a wing
.A
somebody
.W
Flow over a wing
in a slipstream was
measured.
.I 2
.T
Heat
.W
Heat transfer was computed.
"""
QUESTIONS = ".I 007\n.W\nwhat is known of\nwings\n.I 9\n.W\nheat\n.I 11\n.W\nnothing\n"


def write(directory: Path, **judgements: str) -> Path:
    """A collection of two documents and three questions."""
    (directory / "tiny.all.2").write_text(DOCUMENTS)
    (directory / "tiny.qry").write_text(QUESTIONS)
    for name, text in judgements.items():
        (directory / name).write_text(text)
    return directory


def test_documents_and_questions_are_read(tmp_path: Path) -> None:
    judged = read_smart(write(tmp_path, tinyqrel="1 1 1\n2 2 4\n"))
    assert judged.documents["1"].title == "Flow over a wing"
    assert judged.documents["1"].text == "in a slipstream was measured."
    assert judged.documents["2"].text == "transfer was computed."
    assert judged.questions == {"1": "what is known of wings", "2": "heat"}


@pytest.mark.parametrize(
    ("judgements", "grades"),
    [
        ("1 1 1\n1 2 -1\n2 2 4\n", {"1": {"1": 4, "2": 0}, "2": {"2": 1}}),
        ("1 0 1 3\n2 0 2 1\n", {"1": {"1": 3}, "2": {"2": 1}}),
        ("     1      1\t0\t0.000000\n", {"1": {"1": 1}}),
    ],
)
def test_judgements_are_read_as_they_are_written(
    tmp_path: Path, judgements: str, grades: dict[str, dict[str, int]]
) -> None:
    assert read_smart(write(tmp_path, tinyqrel=judgements)).grades == grades


def test_other_judgements_are_chosen_by_their_ending(tmp_path: Path) -> None:
    directory = write(tmp_path, tinyqrel="1 1 1\n", tinyqrel_corrected="2 0 2 5\n")
    assert list(read_smart(directory).questions) == ["1"]
    assert list(read_smart(directory, split="corrected").questions) == ["2"]


def test_what_is_wrong_is_told(tmp_path: Path) -> None:
    assert not is_smart(tmp_path)
    with pytest.raises(EvaluationError, match="holds 0 files named like"):
        read_smart(tmp_path)
    write(tmp_path, tinyqrel="1 1 often\n")
    assert is_smart(tmp_path)
    with pytest.raises(EvaluationError, match="tinyqrel:1: write the number"):
        read_smart(tmp_path)
    write(tmp_path, tinyqrel="3 9 1\n")
    with pytest.raises(EvaluationError, match="no question has a relevant document"):
        read_smart(tmp_path)
