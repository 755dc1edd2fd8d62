"""An answer split into claims: sentences, markers, quotes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.growth import growth
from verifier.claims import split_answer


@pytest.mark.parametrize(
    ("answer", "claims"),
    [
        ("It is 55 euros [e1]. It is paid late [e2].", [("e1",), ("e2",)]),
        ("It is 55 euros.[e1] It is paid late.[e2]", [("e1",), ("e2",)]),
        ("It is 55 euros. [e1] It is paid late. [2]", [("e1",), ("e2",)]),
        ("It is 55 euros [e1][e2], and paid [1, e3].", [("e1", "e2", "e3")]),
        ("It is 55 euros.", [()]),
        ("[e1] It is 55 euros.", [("e1",)]),
        ("- It is 55 euros [e1]\n- It is paid late [e2]\n", [("e1",), ("e2",)]),
        ("It is 55 euros [sic] and [e1x].", [()]),
        ("", []),
        (" ... [e1] !", []),
    ],
)
def test_each_sentence_has_its_own_markers(answer: str, claims: list[tuple[str, ...]]) -> None:
    assert [claim.markers for claim in split_answer(answer)] == claims


def test_a_claim_is_told_without_its_markers_and_where_it_stands() -> None:
    answer = "First. The fee is 5 euros [e1] a\r\nmonth. Last."
    claim = split_answer(answer)[1]
    assert claim.text == "The fee is 5 euros a month."
    assert answer[claim.start : claim.end] == "The fee is 5 euros [e1] a\r\nmonth."


@pytest.mark.parametrize(
    ("sentence", "quotes"),
    [
        ('It says "the fee is due" here.', ("the fee is due",)),
        ("It says \u201cthe fee is due\u201d and \u00abpaid in full now\u00bb.", 2),
        ('The so-called "late fee" is due.', ()),
        ('He is 6" tall and "brave" too.', ()),
    ],
)
def test_what_is_longer_than_a_term_is_a_quote(
    sentence: str, quotes: tuple[str, ...] | int
) -> None:
    [claim] = split_answer(sentence)
    assert (len(claim.quotes) if isinstance(quotes, int) else claim.quotes) == quotes


@given(st.text(alphabet='ab1e[], ."\n', max_size=200))
def test_claims_stand_in_the_answer_in_order_and_lose_no_word(answer: str) -> None:
    claims = split_answer(answer)
    position = 0
    for claim in claims:
        assert position <= claim.start < claim.end <= len(answer)
        assert any(map(str.isalnum, claim.text))
        position = claim.end
    assert all(marker in {f"e{n}" for n in range(1000)} for c in claims for marker in c.markers)


@pytest.mark.parametrize("piece", ["[", "[e1", "[1,", '"', "x", ". ", "\u201c", "[1] "])
def test_time_grows_with_the_length_and_no_faster(piece: str) -> None:
    def split(length: int) -> None:
        split_answer(piece * (length // len(piece)))

    assert growth(split, 20_000, 160_000) < 30  # squared, it is 64
