"""Deterministic scoring over an engine that is as unruly as its contract allows."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from acl.conditions import AllOf, AnyOf
from ingestion.index.gate import ClearedSearch
from ingestion.index.port import Hit, SparseVector
from ingestion.index.scoring import answer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_SCOPE = AllOf((AnyOf("tenant", ("bank",)), AnyOf("acl", ("a0",))))
_UNIT = 2.0**-23


@dataclass
class UnrulyEngine:
    """Shuffles ties, and jitters lexical sums by some units in the last place of a float32.

    ``weights`` holds, for each id, its product for each term.
    """

    weights: dict[str, dict[int, float]]
    seed: int = 0
    jitter: bool = True
    vanished: frozenset[str] = frozenset()
    asked: list[int] = field(default_factory=list)

    def dense(
        self, search: ClearedSearch, vector: NDArray[np.float32], limit: int
    ) -> Sequence[Hit]:
        assert search.condition == _SCOPE
        assert vector.shape == (1,)
        return self._best([Hit(i, float(len(terms))) for i, terms in self.weights.items()], limit)

    def sparse(self, search: ClearedSearch, vector: SparseVector, limit: int) -> Sequence[Hit]:
        assert search.condition == _SCOPE
        noise = random.Random(self.seed)  # noqa: S311 - reproducible noise
        hits = []
        for chunk, terms in self.weights.items():
            total = sum(terms[index] for index in vector.indices if index in terms)
            if total:
                units = noise.uniform(-1, 1) * len(vector.indices) * self.jitter
                hits.append(Hit(chunk, total * (1 + units * _UNIT)))
        return self._best(hits, limit)

    def terms(
        self, search: ClearedSearch, vectors: Sequence[SparseVector], candidates: Sequence[str]
    ) -> Sequence[dict[str, float]]:
        assert search.condition == _SCOPE
        return [
            {
                chunk: self.weights[chunk][vector.indices[0]]
                for chunk in candidates
                if vector.indices[0] in self.weights[chunk] and chunk not in self.vanished
            }
            for vector in vectors
        ]

    def _best(self, hits: list[Hit], limit: int) -> list[Hit]:
        self.asked.append(limit)
        random.Random(self.seed + 1).shuffle(hits)  # noqa: S311 - reproducible disorder
        return sorted(hits, key=lambda hit: -hit.score)[:limit]


def _search(limit: int, terms: int = 0) -> ClearedSearch:
    return ClearedSearch(
        corpus=_SCOPE,
        condition=_SCOPE,
        exclude=frozenset(),
        dense=None if terms else np.ones(1, np.float32),
        sparse=SparseVector(tuple(range(terms)), (1.0,) * terms) if terms else None,
        limit=limit,
        exact=True,
    )


_products = st.dictionaries(st.integers(0, 5), st.sampled_from([0.1, 0.2, 0.3, 0.7]), min_size=1)
_worlds = st.lists(_products, max_size=120).map(
    lambda many: {f"{number:03}": terms for number, terms in enumerate(many)}
)


@given(weights=_worlds, limit=st.integers(1, 30), seed=st.integers(0, 10**6))
def test_whatever_the_engine_does_with_ties_and_last_bits_the_answer_is_the_exact_one(
    weights: dict[str, dict[int, float]], limit: int, seed: int
) -> None:
    exact = sorted(
        (
            Hit(chunk, sum(terms[index] for index in sorted(terms)))
            for chunk, terms in weights.items()
        ),
        key=lambda hit: (-hit.score, hit.id),
    )
    result = answer(UnrulyEngine(weights, seed=seed), _search(limit, terms=6))
    assert result.sparse == tuple(exact[:limit])
    dense = sorted(
        (Hit(c, float(len(t))) for c, t in weights.items()), key=lambda h: (-h.score, h.id)
    )
    assert answer(UnrulyEngine(weights, seed=seed), _search(limit)).dense == tuple(dense[:limit])


def test_near_ties_at_the_cut_are_not_lost_to_the_engines_rounding() -> None:
    # The best id lies last in the engine's order, a few last bits below the others.
    best = "000"
    weights = {f"{number:03}": dict.fromkeys(range(6), 0.1) for number in range(200)}
    for seed in range(20):
        result = answer(UnrulyEngine(weights, seed=seed), _search(1, terms=6))
        assert [hit.id for hit in result.sparse] == [best]


def test_an_engine_without_ties_is_asked_once() -> None:
    weights = {f"{n:03}": dict.fromkeys(range(n + 1), 0.1) for n in range(100)}
    engine = UnrulyEngine(weights)
    answer(engine, _search(10))
    assert len(engine.asked) == 1


def test_a_tie_across_the_cut_is_fetched_whole() -> None:
    weights = {f"{n:03}": {0: 0.5} for n in range(500)}
    engine = UnrulyEngine(weights)
    assert [hit.id for hit in answer(engine, _search(3)).dense] == ["000", "001", "002"]
    assert engine.asked[-1] > 500


def test_a_candidate_that_vanishes_between_the_questions_is_not_a_hit() -> None:
    engine = UnrulyEngine({"000": {0: 0.5}, "001": {0: 0.4}}, vanished=frozenset({"000"}))
    assert [hit.id for hit in answer(engine, _search(5, terms=1)).sparse] == ["001"]
