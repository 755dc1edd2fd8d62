"""Lexical weights: the same in every language, and a function of the text alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.index.lexical import encode_document, encode_query


def _terms(text: str) -> set[int]:
    return set(encode_query(text).indices)


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("policies", "The policy of the bank"),
        ("2024", "Holidays in 2024."),
        ("4.5", "a rate of 4.5%"),
        ("form AB-1234", "see AB-1234"),
        ("strasse", "Straße"),
        ("resume", "Résumé"),
        ("file", "\ufb01le"),
        ("ABC", "\uff21\uff22\uff23"),
        ("Привет", "ПРИВЕТ, мир"),
        ("大学", "北京大学"),
        ("東京", "東京都に住んでいます"),
        ("한국어", "한국어 문서"),
        ("المصرف", "سياسة المصرف"),
    ],
)
def test_a_question_meets_the_text_it_is_about(question: str, text: str) -> None:
    assert _terms(question)
    assert _terms(question) & set(encode_document(text).indices)


def test_a_composed_and_a_decomposed_spelling_are_one_term() -> None:
    assert _terms("caf\u00e9") == _terms("cafe\u0301")


@pytest.mark.parametrize("text", ["", "   ", "the of and", "?!", "\n\t"])
def test_text_without_terms_gives_an_empty_vector(text: str) -> None:
    assert encode_document(text).indices == ()
    assert encode_query(text).indices == ()


def test_every_term_of_a_question_weighs_one() -> None:
    assert set(encode_query("loan loan policy").values) == {1.0}


def test_weights_follow_bm25_with_a_constant_average_length() -> None:
    values = dict(zip(*_both("loan loan policy"), strict=True))
    (loan,), (policy,) = _terms("loan"), _terms("policy")
    norm = 1.2 * (1 - 0.75 + 0.75 * 3 / 256)
    assert values[loan] == pytest.approx(2 * 2.2 / (2 + norm), rel=1e-6)
    assert values[policy] == pytest.approx(2.2 / (1 + norm), rel=1e-6)


@given(st.text(max_size=200))
def test_any_text_can_be_encoded_and_always_alike(text: str) -> None:
    assert encode_document(text) == encode_document(text)
    assert set(encode_query(text).indices) == set(encode_document(text).indices)


def _both(text: str) -> tuple[tuple[int, ...], tuple[float, ...]]:
    vector = encode_document(text)
    return vector.indices, vector.values
