"""The second look: nearness and words decide among the first, and nothing else enters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.ranking import Ranked
from retrieval.refine import FEEDBACK, MEANING, PULL, WINDOW, refine

DIMENSIONS = 8


def unit(seed: int) -> np.ndarray:
    """A vector of unit length."""
    vector = np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)
    return (vector / np.linalg.norm(vector)).astype(np.float32)


def candidates(lexical: list[float | None]) -> list[Ranked]:
    """Candidates in fused order, named by their places."""
    return [
        Ranked(f"c{place:02}", 1.0 / (60 + place), None, score)
        for place, score in enumerate(lexical)
    ]


def stored(ranked: list[Ranked], *, seed: int = 0) -> dict[str, bytes | None]:
    """A vector for each."""
    return {one.id: unit(seed + place).tobytes() for place, one in enumerate(ranked)}


def test_what_is_near_and_has_the_words_comes_first() -> None:
    question = unit(1)
    ranked = candidates([None, None, 4.0])
    vectors: dict[str, bytes | None] = {
        "c00": unit(2).tobytes(),
        "c01": (-question).tobytes(),
        "c02": question.tobytes(),
    }
    assert refine(ranked, vectors, question)[0].id == "c02"


def test_a_clear_lead_in_words_outweighs_a_small_one_in_rank() -> None:
    question = unit(1)
    ranked = candidates([1.0, 9.0])
    vectors: dict[str, bytes | None] = {one.id: question.tobytes() for one in ranked}
    assert [one.id for one in refine(ranked, vectors, question)] == ["c01", "c00"]


def test_what_resembles_the_first_results_rises() -> None:
    # Both are as far from the question, and have no words of it; one is like what was found.
    axes = np.eye(DIMENSIONS, dtype=np.float32)
    question, theme, other = axes[0], axes[1], axes[2]
    found = (question + theme) / np.float32(np.sqrt(2))
    alike = (question + 2 * theme) / np.float32(np.sqrt(5))
    unlike = (question + 2 * other) / np.float32(np.sqrt(5))
    ranked = candidates([None] * 7)
    vectors: dict[str, bytes | None] = dict.fromkeys(
        [one.id for one in ranked[:5]], found.tobytes()
    )
    vectors |= {"c05": unlike.tobytes(), "c06": alike.tobytes()}
    assert [one.id for one in refine(ranked, vectors, question)][-2:] == ["c06", "c05"]


def test_without_a_vector_the_order_stays() -> None:
    ranked = candidates([1.0, 2.0, 3.0])
    vectors = stored(ranked)
    assert refine(ranked, vectors, None) == ranked
    assert refine(ranked, vectors | {"c01": None}, unit(1)) == ranked
    assert refine([], {}, unit(1)) == []


def test_candidates_behind_the_window_keep_their_places() -> None:
    ranked = candidates([float(place) for place in range(WINDOW + 5)])
    refined = refine(ranked, stored(ranked), unit(3))
    assert refined[WINDOW:] == ranked[WINDOW:]
    assert refined[:WINDOW] != ranked[:WINDOW]


@given(
    st.lists(st.none() | st.floats(0.1, 30), min_size=2, max_size=WINDOW + 4),
    st.integers(0, 1_000),
)
def test_the_order_is_that_of_the_stated_sum(lexical: list[float | None], seed: int) -> None:
    ranked, question = candidates(lexical), unit(seed + 500)
    vectors = stored(ranked, seed=seed)
    refined = refine(ranked, vectors, question)
    assert sorted(one.id for one in refined) == [one.id for one in ranked]
    window = ranked[:WINDOW]
    rows = {one.id: unit(seed + place).astype(float) for place, one in enumerate(window)}
    centre = sum(rows[one.id] for one in window[:FEEDBACK]) / min(FEEDBACK, len(window))
    near = {name: float(row @ (question + PULL * centre)) for name, row in rows.items()}
    best_near, best_words = max(near.values()), max(one.lexical or 0.0 for one in window)
    score = {
        one.id: (MEANING * near[one.id] / best_near if best_near > 0 else 0.0)
        + ((1 - MEANING) * (one.lexical or 0.0) / best_words if best_words > 0 else 0.0)
        for one in window
    }
    values = [score[one.id] for one in refined[:WINDOW]]
    assert values == pytest.approx(sorted(values, reverse=True), abs=1e-9)


def test_a_longer_page_does_not_change_the_first_places() -> None:
    ranked = candidates([float(place % 5) or None for place in range(WINDOW + 20)])
    vectors, question = stored(ranked), unit(9)
    short = refine(ranked[:WINDOW], vectors, question)
    assert refine(ranked, vectors, question)[:WINDOW] == short


def test_equal_scores_are_ordered_by_id() -> None:
    question = unit(4)
    ranked = candidates([2.0, 2.0, 2.0])[::-1]
    vectors: dict[str, bytes | None] = {one.id: question.tobytes() for one in ranked}
    assert [one.id for one in refine(ranked, vectors, question)] == ["c00", "c01", "c02"]
