"""Labelled files: what is read, and how a bad line is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from ingestion.errors import EvaluationError
from retrieval.evaluation import lines as reading
from retrieval.evaluation.lines import InjectionLine, SupportLine, read_lines

if TYPE_CHECKING:
    from pathlib import Path

GOOD = {"text": "Pay the bill.", "label": 0, "family": "mail"}


def written(tmp_path: Path, *lines: object) -> Path:
    path = tmp_path / "set.jsonl"
    path.write_bytes(
        b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    )
    return path


def test_lines_are_read_past_a_mark_blanks_and_further_fields(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), b"  ", {**GOOD, "id": 7})
    assert read_lines(path, InjectionLine) == [InjectionLine(**GOOD)] * 2
    assert read_lines(written(tmp_path, {"text": "x", "label": 1}), InjectionLine)[0].family is None


@pytest.mark.parametrize(
    ("line", "field", "why"),
    [
        ({"text": "secret words", "label": 2}, "label", "less than or equal to 1"),
        ({"text": "secret words", "label": "1"}, "label", "valid integer"),
        ({"text": "secret words", "label": True}, "label", "valid integer"),
        ({"text": "", "label": 1}, "text", "at least 1"),
        ({"label": 1}, "text", "Field required"),
        ({"text": 5, "label": 1}, "text", "valid string"),
        (["secret words"], "the line", "object"),
        (b'{"text": "secret words", ', "the line", "not JSON"),
        (b'{"text": "\xff secret words"}', "the line", "not JSON"),
        (b'{"text": "\\ud800 secret words", "label": 1}', "the line", "not JSON"),
        ({"text": "secret words", "label": 1, "family": 3}, "family", "valid string"),
    ],
)
def test_a_bad_line_is_named_by_file_line_field_and_remedy(
    tmp_path: Path, line: object, field: str, why: str
) -> None:
    path = written(tmp_path, GOOD, b"", line)
    with pytest.raises(EvaluationError) as refused:
        read_lines(path, InjectionLine)
    told = str(refused.value)
    assert told.startswith(f"set.jsonl:3: {field}: ")
    assert why in told
    assert 'write it like {"text"' in told
    assert "secret" not in told
    assert refused.value.code == "evaluation_invalid"


def test_the_label_of_support_is_one_of_three(tmp_path: Path) -> None:
    pair = {"evidence": "It is so.", "claim": "So it is.", "label": "supported"}
    assert read_lines(written(tmp_path, pair), SupportLine)[0].label == "supported"
    with pytest.raises(EvaluationError, match=r"set\.jsonl:1: label: .*'not_enough'"):
        read_lines(written(tmp_path, {**pair, "label": "maybe"}), SupportLine)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"set\.jsonl: it holds no lines; write one JSON"):
        read_lines(written(tmp_path, b"\n \n"), InjectionLine)


def test_what_is_too_much_is_refused_by_its_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 2)
    with pytest.raises(EvaluationError, match=r"set\.jsonl:4: more than 2 lines"):
        read_lines(written(tmp_path, GOOD, GOOD, b"", GOOD), InjectionLine)
    monkeypatch.setattr(reading, "MAX_LINE_BYTES", 64)
    with pytest.raises(EvaluationError, match=r"set\.jsonl:2: more than 64 bytes"):
        read_lines(written(tmp_path, GOOD, {"text": "x" * 64, "label": 1}), InjectionLine)
