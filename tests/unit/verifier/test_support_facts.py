"""Facts of a claim and its evidence: looked up as trying every pair would find them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.work import steps
from verifier.reading import read
from verifier.support import SupportVerdict, check_support
from verifier.support_checks import doubts, weigh
from verifier.support_facts import Stated, distinct
from verifier.support_windows import Evidence, Passage, Place

NUMBERS = ("1", "5", "60", "1.234", "1,234", "1,234.5", "-5", "0.5", "1.2.3", "two dozen", "one")
UNITS = ("", " euros", " cents", " minutes", " hours", " km", " m", " %", " million", " per cent")
DAYS = (
    "1 March 2026", "2026-03-01", "03/01/2026", "1.3.2026", "March 2026", "1 March", "in April",
    "Monday", "2 April 2026", "01/02/03", "9:30", "5 pm", "17:00",
)  # fmt: skip


def fact() -> st.SearchStrategy[str]:
    quantity = st.tuples(st.sampled_from(NUMBERS), st.sampled_from(UNITS)).map("".join)
    return st.one_of(quantity, st.sampled_from(DAYS))


@given(st.lists(fact(), max_size=6), st.lists(fact(), max_size=6))
def test_looking_a_fact_up_finds_what_trying_each_would(mine: list[str], theirs: list[str]) -> None:
    said, stated = read(" and ".join(mine)).facts, read(" and ".join(theirs)).facts
    for one in said:
        assert Stated(stated).states(one) == any(one.agrees(other) for other in stated)


def test_a_fact_that_is_said_again_counts_once() -> None:
    found = distinct(read("It costs 55 euros, or EUR 55, and 55 dollars, on Monday.").facts)
    assert [one.dimension for one in found] == ["EUR", "USD", None]


@pytest.mark.parametrize(
    "pattern", ["{0} euros", "{0} euros and {0} dollars", "{0}.{0}.{0}", "1.1.{0}", "5 May {0}"]
)
def test_work_grows_with_the_facts_and_not_with_their_pairs(pattern: str) -> None:
    def work(facts: int) -> int:
        said, stated = (
            read(", ".join(pattern.format(first + at) for at in range(facts)))
            for first in (1_000, 5_000)
        )
        passage = Passage(0, 1, stated)

        def compare() -> None:
            weigh(doubts(said, Place(passage, passage)), [Evidence("", (passage,))])

        compare()  # once before, as facts are remembered
        return steps(compare)

    # Four times the facts; every pair of them would be sixteen times the work.
    assert work(200) < 7 * work(50)


def test_a_claim_of_many_figures_is_held_to_each_of_them() -> None:
    figures = [f"{1_000 + at} euros" for at in range(90)]
    evidence = "The branches took " + ", ".join(figures) + "."
    assert check_support(evidence, evidence).verdict is SupportVerdict.SUPPORTED
    changed = evidence.replace("1089 euros", "7089 euros")
    assert check_support(changed, evidence).verdict is SupportVerdict.CONTRADICTED
