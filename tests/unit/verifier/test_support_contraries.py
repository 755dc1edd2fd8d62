"""Opposites in a claim and its evidence: looked up as trying every pair would find them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.work import steps
from verifier.lexicon import NEGATING_PREFIXES, OPPOSITES, opposed, opposites
from verifier.reading import read
from verifier.support_checks import doubts
from verifier.support_windows import Passage, Place
from verifier.support_words import OPPOSED_STEMS, contrary, stem

WORDS = sorted({word for pair in OPPOSITES for word in pair} | {"paid", "usual", "stable", "even"})
ENDINGS = ("", "s", "ed", "ing", "ly")


@st.composite
def word(draw: st.DrawFn) -> str:
    prefix = draw(st.sampled_from(("", "", *NEGATING_PREFIXES)))
    return prefix + draw(st.sampled_from(WORDS)) + draw(st.sampled_from(ENDINGS))


def contradict(one: str, other: str) -> bool:
    """The rule, of one pair: what looking up must come to."""
    return opposed(one, other) or frozenset((stem(one), stem(other))) in OPPOSED_STEMS


@given(word(), word())
def test_looking_up_opposites_finds_what_trying_each_pair_would(one: str, other: str) -> None:
    assert (other in opposites(one)) == opposed(one, other)
    found = contrary(one)
    assert (other in found.words or stem(other) in found.stems) == contradict(one, other)


@given(st.lists(word(), min_size=1, max_size=8), st.lists(word(), min_size=1, max_size=12))
def test_every_opposite_is_told_with_the_first_word_it_faces(
    said: list[str], stated: list[str]
) -> None:
    claim, passage = read(" ".join(said)), Passage(0, 1, read(" ".join(stated)))
    mine, theirs = set(map(stem, said)), set(map(stem, stated))
    free = [other for other in stated if stem(other) not in mine]
    expected = {
        (one, next(other for other in free if contradict(one, other)))
        for one in said
        if stem(one) not in theirs and any(contradict(one, other) for other in free)
    }
    found = [doubt.difference for doubt in doubts(claim, Place(passage, passage)) if doubt.opposed]
    assert expected <= {(one.one, one.other) for one in found}


@pytest.mark.parametrize("pattern", ["gain{0} lose{0}", "un{0}able", "accept {0}", "{0}"])
def test_work_grows_with_the_words_and_not_with_their_pairs(pattern: str) -> None:
    def work(words: int) -> int:
        said, stated = (
            read(" ".join(pattern.format(f"{side}{name}") for name in names(words)))
            for side in ("k", "w")
        )
        passage = Passage(0, 1, stated)

        def compare() -> None:
            doubts(said, Place(passage, passage))

        compare()  # once before, as stems are remembered
        return steps(compare)

    # Four times the words; every pair of them would be sixteen times the work.
    assert work(400) < 6 * work(100)


def names(count: int) -> list[str]:
    """Different words without a digit."""
    letters = "bcdfghjklmnpqrstvwxz"
    return [f"{one}{other}o" for one in letters for other in letters][:count]
