"""Where two texts differ is widened to whole facts, and never beyond what is equal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.changes import Difference, Kind, differences
from verifier.conflicts import compare
from verifier.reading import read

FRAME = (
    "The sum that is owed for the whole of the year and for every branch of the bank comes to {}"
)

# All of them can be part of one fact, so that facts reach over several changes.
_carriers = st.lists(
    st.sampled_from(
        [
            *("1", "2", "5", "000", "euros", "$", "million", "per", "cent", "-", "twenty", "five"),
            *("of", "March", "2026", "st", "pm", "9:30"),
        ]
    ),
    max_size=8,
)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5 million 000 1 000", "5 000 euros 1 000"),
        ("c euros March million 1", "c euros March 1 2026"),
        ("$ 5 the vault and of Anna each st", "$ 5 of vault and of Anna each 1st of May"),
    ],
)
def test_a_fact_that_ends_in_another_change_is_compared_as_a_whole(one: str, other: str) -> None:
    assert compare(FRAME.format(one), FRAME.format(other)).differences
    assert compare(FRAME.format(other), FRAME.format(one)).differences


def test_what_stands_in_both_beside_a_change_is_not_said_to_stand_in_one() -> None:
    tail = "16 months. no no 65 urgent ledgers never go to the"
    one = read(f"a schedule no treasurer records anything 5 pm sealed within {tail}")
    other = read(f"a schedule no treasurer $ 5 {tail} records 5 pm anything")
    assert differences(one, other) == (
        Difference(Kind.DATE, "5 pm", "$ 5"),
        Difference(Kind.DATE, None, "5 pm"),
    )


@given(_carriers, _carriers)
def test_texts_of_nothing_but_facts_are_compared(one: list[str], other: list[str]) -> None:
    left, right = read(FRAME.format(" ".join(one))), read(FRAME.format(" ".join(other)))
    for found in differences(left, right):
        for said, reading in ((found.one, left), (found.other, right)):
            assert said is None or said in " ".join(reading.surface)
