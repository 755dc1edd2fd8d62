"""What a text states in numbers and dates, whatever the spelling."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.facts import FactKind
from verifier.reading import read

if TYPE_CHECKING:
    from verifier.facts import Fact

SAME = [
    ("1,000", "1000"),
    ("1,000", "1 000"),
    ("1.000", "1000"),
    ("1'000'000", "1,000,000"),
    ("1.234,56", "1,234.56"),
    ("0.5", "0,5"),
    ("1/2", "0.5"),
    ("twenty-five", "25"),
    ("two hundred", "200"),
    ("5 million", "5,000,000"),
    ("5 million", "5mn"),
    ("two dozen", "24"),
    ("55 euros", "EUR 55"),
    ("\u20ac55", "55 euro"),
    ("-\u20ac5", "-5 euros"),
    ("5,500 cents", "55 euros"),
    ("60 minutes", "1 hour"),
    ("14 days", "two weeks"),
    ("12 months", "1 year"),
    ("1 km", "1,000 metres"),
    ("2 tonnes", "2000 kg"),
    ("5 %", "5 per cent"),
    ("5%", "500 bps"),
    ("3rd", "3"),
    ("55", "55 euros"),  # one may be short for the other
    ("1 March 2026", "2026-03-01"),
    ("1 March 2026", "March 1st, 2026"),
    ("1st of March 2026", "01.03.2026"),
    ("01/03/2026", "1.3.2026"),
    ("03/01/2026", "1.3.2026"),  # one of two ways to read it
    ("1.3.26", "1 March 2026"),
    ("1. M\xe4rz 2026", "1 March 2026"),
    ("March 2026", "3 March 2026"),
    ("1 March", "1 March 2026"),
    ("9:30", "09:30"),
    ("5 pm", "17:00"),
    ("12:30 am", "0:30"),
]
OTHER = [
    ("1,000", "1,001"),
    ("1.5", "15"),
    ("1,000,000", "1,000"),
    ("-5 degrees", "5 degrees"),
    ("twenty-five", "26"),
    ("5 million", "5 billion"),
    ("55 euros", "55 dollars"),
    ("55 euros", "55 %"),
    ("14 days", "14 weeks"),
    ("1 km", "1 mile"),
    ("1 kg", "1 km"),
    ("5 %", "5 bps"),
    ("1 March 2026", "2 March 2026"),
    ("1 March 2026", "1 April 2026"),
    ("1 March 2026", "1 March 2027"),
    ("2026-03-01", "2026-01-03"),
    ("1.3.2026", "3.1.2026"),
    ("Monday", "Tuesday"),
    ("in April", "in June"),
    ("9:30", "9:45"),
    ("5 am", "5 pm"),
    ("1.2.3", "1.2.4"),
    ("2026", "March 2026"),
]


def fact(text: str) -> Fact:
    (found,) = read(f"It says {text} here").facts
    return found


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_spellings_of_one_thing_agree(one: str, other: str) -> None:
    assert fact(one).agrees(fact(other))
    assert fact(other).agrees(fact(one))


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_two_things_disagree(one: str, other: str) -> None:
    assert not fact(one).agrees(fact(other))
    assert not fact(other).agrees(fact(one))


@pytest.mark.parametrize(
    "text",
    [
        "Employees may march and the mark of a second reader is all it takes",
        "It may take a while",
        "plain words only",
        "",
    ],
)
def test_words_that_only_look_like_facts_are_none(text: str) -> None:
    assert read(text).facts == []


def test_facts_stand_in_order_and_never_overlap() -> None:
    found = read("On 1 March 2026 at 9:30, EUR 1 000 or 5 % of 2,000 is due in ten days.").facts
    kinds = [fact.kind for fact in found]
    assert kinds == [FactKind.DATE, FactKind.TIME, *[FactKind.NUMBER] * 4]
    for before, after in pairwise(found):
        assert before.end <= after.start


@given(
    st.lists(
        st.sampled_from(
            [
                *("1", "000", "55", "euros", "EUR", "March", "2026", "of", "st", "the", "twenty"),
                *("five", "million", "per", "cent", "9:30", "pm", "-", "Monday", "fee"),
            ]
        ),
        max_size=12,
    ),
    st.integers(0, 12),
    st.integers(0, 4),
)
def test_the_facts_of_a_stretch_are_those_of_the_whole_text(
    words: list[str], start: int, width: int
) -> None:
    reading = read(" ".join(words))
    start = min(start, len(reading.lower))
    end = min(start + width, len(reading.lower))
    part = reading.facts_around([(start, end)])
    assert [fact for fact in reading.facts if fact.end > start and fact.start < end] == [
        fact for fact in part if fact.end > start and fact.start < end
    ]
    assert set(part) <= set(reading.facts)


def test_a_number_of_absurd_length_is_a_name_and_not_arithmetic() -> None:
    long = "9" * 5_000
    assert read(f"at {long} pm on {long} March {long}, {long},5 {long}/{long} {long}:30").facts
    assert fact(long).agrees(fact(long))
    assert not fact(long).agrees(fact("8" * 5_000))
