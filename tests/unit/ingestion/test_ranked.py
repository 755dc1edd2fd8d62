"""Measures of rankings agree with their definitions, worked out the long way."""

from __future__ import annotations

import math
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from ingestion.generations.ranked import ndcg, recall, reciprocal_rank

NAMES = ("a", "b", "c", "d", "e")
rankings = st.permutations(NAMES).flatmap(
    lambda order: st.integers(0, len(order)).map(lambda cut: list(order[:cut]))
)
judgements = st.dictionaries(st.sampled_from(NAMES), st.integers(-1, 3))
depths = st.integers(1, 6)


def gain(found: list[str], grades: dict[str, int], depth: int) -> float:
    return sum(
        max(grades.get(name, 0), 0) / math.log2(rank + 2) for rank, name in enumerate(found[:depth])
    )


@given(rankings, judgements, depths)
def test_ndcg_is_the_gain_over_that_of_the_best_ranking_there_is(
    found: list[str], grades: dict[str, int], depth: int
) -> None:
    best = max(gain(list(order), grades, depth) for order in permutations(NAMES))
    expected = gain(found, grades, depth) / best if best else 0.0
    assert math.isclose(ndcg(found, grades, depth=depth), expected, abs_tol=1e-12)


def test_ndcg_of_a_worked_example() -> None:
    # Grades 3, 2, 0, 1 in this order: 3 + 2/log2(3) + 1/log2(5), over 3 + 2/log2(3) + 1/log2(4).
    grades = {"a": 3, "b": 2, "c": 0, "d": 1}
    assert round(ndcg(["a", "b", "c", "d"], grades, depth=10), 4) == 0.9854


def test_an_answer_is_not_better_for_being_short() -> None:
    grades = {"a": 1, "b": 1}
    assert ndcg(["a"], grades, depth=10) < ndcg(["a", "c", "b"], grades, depth=10) < 1


@given(rankings, judgements, depths)
def test_recall_counts_the_relevant_that_are_among_the_first(
    found: list[str], grades: dict[str, int], depth: int
) -> None:
    relevant = [name for name in NAMES if grades.get(name, 0) > 0]
    seen = [name for name in relevant if name in found[:depth]]
    assert recall(found, grades, depth=depth) == (len(seen) / len(relevant) if relevant else 0.0)


def test_the_reciprocal_rank_is_that_of_the_first_relevant_document() -> None:
    grades = {"b": 1, "c": 2, "a": 0}
    assert reciprocal_rank(["a", "b", "c"], grades, depth=10) == 1 / 2
    assert reciprocal_rank(["a", "b", "c"], grades, depth=1) == 0.0
    assert reciprocal_rank([], grades, depth=10) == 0.0
