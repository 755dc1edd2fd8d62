"""A judged collection is read as it is laid out; what is wrong with it is told by file and line."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING

import pytest

from ingestion.errors import EvaluationError
from retrieval.evaluation.judged import read_judged
from tests.unit.evaluation.collections import write_collection

if TYPE_CHECKING:
    from pathlib import Path


def test_documents_questions_and_grades_are_read(tmp_path: Path) -> None:
    judged = read_judged(write_collection(tmp_path))
    assert judged.documents["d1"].title == "Travel"
    assert judged.questions == {"q1": "allowance abroad", "q2": "signatures of a loan"}
    assert judged.grades["q1"] == {"d1": 2, "d2": 0}


def test_a_question_without_a_relevant_document_is_left_out(tmp_path: Path) -> None:
    write_collection(tmp_path)
    (tmp_path / "qrels" / "test.tsv").write_text("q1\td1\t1\nq2\td3\t0\nq9\td1\t1\n")
    assert list(read_judged(tmp_path).questions) == ["q1"]


def test_a_corpus_may_be_gzipped_and_in_sentences(tmp_path: Path) -> None:
    write_collection(tmp_path)
    (tmp_path / "corpus.jsonl").unlink()
    line = json.dumps({"_id": "d1", "title": "T", "sents": ["One.", "Two."]})
    (tmp_path / "corpus.jsonl.gz").write_bytes(gzip.compress(line.encode()))
    assert read_judged(tmp_path).documents["d1"].text == "One. Two."


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("corpus.jsonl", b'{"_id": "d1"}\n', "corpus.jsonl:1: text"),
        ("corpus.jsonl", b'{"_id": "d1", "text": "x"}\n{nonsense\n', "corpus.jsonl:2: the line"),
        ("queries.jsonl", b'{"_id": "q1", "text": ""}\n', "queries.jsonl:1: text"),
        ("qrels/test.tsv", b"q1 d1 1\n", "test.tsv:1: write the id of a question"),
        ("qrels/test.tsv", b"q1\td1\tvery\n", "test.tsv:1: write the id of a question"),
        ("qrels/test.tsv", b"q1\tnowhere\t1\n", "no question of queries.jsonl has a relevant"),
        ("corpus.jsonl", b"\xff\xfe", "not whole UTF-8 text"),
    ],
)
def test_what_is_wrong_is_told_by_file_and_line(
    tmp_path: Path, file: str, content: bytes, said: str
) -> None:
    write_collection(tmp_path)
    (tmp_path / file).write_bytes(content)
    with pytest.raises(EvaluationError, match=said):
        read_judged(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    write_collection(tmp_path)
    with pytest.raises(EvaluationError, match=r"there is no qrels/dev\.tsv"):
        read_judged(tmp_path, split="dev")
