"""The sieve turns nothing away that nearly agrees, and order changes nothing."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz import fuzz

from ingestion.near.confirm import compared, confirm, neighbours_first, sift
from ingestion.near.words import words
from tests.support.planted import families
from tests.unit.ingestion.near.shelf import sha

_said = st.lists(
    st.sampled_from(["the", "fee", "is", "55", "euros", "due", "monday", "and", "not"]), max_size=12
).map(" ".join)
_pairs = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=20, unique=True)


@given(_said, _said)
def test_letters_make_two_texts_no_less_similar_than_words_do(one: str, other: str) -> None:
    read = words([one, other])
    letters = read.letters()
    assert list(map(len, letters)) == np.diff(read.starts).tolist()
    by_words = fuzz.ratio(read.of(0).tolist(), read.of(1).tolist())
    assert fuzz.ratio(*letters) >= by_words


def test_the_sieve_keeps_all_that_nearly_agrees_and_little_else() -> None:
    texts = [text for family in families(6, seed=9) for text in family.texts]
    letters = words(texts).letters()
    pairs = list(combinations(range(len(texts)), 2))
    kept = sift([letters[one] for one, _ in pairs], [letters[other] for _, other in pairs])
    held = {sha(text): text for text in texts}
    near = {
        (pair.first, pair.second)
        for pair in compared(held, [(sha(texts[one]), sha(texts[other])) for one, other in pairs])
    }
    sifted = {
        tuple(sorted((sha(texts[one]), sha(texts[other]))))
        for (one, other), may in zip(pairs, kept.tolist(), strict=True)
        if may
    }
    assert near
    assert near <= sifted
    assert len(sifted) < 1.2 * len(near)


@given(_pairs)
def test_pairs_that_share_a_text_stand_together_and_none_is_lost(
    pairs: list[tuple[int, int]],
) -> None:
    rows = np.array(pairs, dtype=np.int64).reshape(-1, 2)
    ordered = [(one, other) for one, other in neighbours_first(rows).tolist()]
    assert sorted(ordered) == sorted(pairs)


def test_each_of_two_families_is_confirmed_in_one_go() -> None:
    first, second = ([2 * n + odd for n in range(5)] for odd in (0, 1))
    pairs = [*combinations(first, 2), *combinations(second, 2)]
    mixed = np.array(sorted(pairs))
    ordered = neighbours_first(mixed)[:, 0] % 2
    assert np.count_nonzero(np.diff(ordered)) == 1


def test_a_pair_of_which_a_text_is_gone_is_left_out() -> None:
    base, other, third, *_ = families(1, seed=9)[0].texts
    held = {sha(text): text for text in (base, other)}
    candidates = [(sha(base), sha(other)), (sha(base), sha(third))]
    found = confirm(candidates, lambda shas: {one: held[one] for one in shas if one in held})
    assert [{pair.first, pair.second} for pair in found] == [set(held)]
