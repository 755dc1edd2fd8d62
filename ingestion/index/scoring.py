"""Deterministic scores: from an engine's raw legs to an answer that is a function of the view.

Even with filter, exact search and IDF corpus, an engine leaks through arithmetic. It sums BM25
terms in an order that follows the posting lengths of *hidden* documents (the last bits differ) and
breaks ties by internal position. So:

1. each leg is asked by itself, with the filter;
2. it is over-fetched until its last score lies below that of rank N, so that everything that ties
   at the cut is at hand;
3. lexical candidates are scored again term by term (one product has no order) and summed in
   ascending term order in float64;
4. each leg is ordered by (score descending, id ascending) and cut at N.

What never lives here: an engine's types, fusion of the legs (that is ranking), access decisions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from ingestion.index.port import Hit, SearchResult, SparseVector

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ingestion.index.gate import ClearedSearch

_HEADROOM: Final = 16  # Asking for a few more at once saves the second question nearly always.
_GROWTH: Final = 4
_EPSILON: Final = 2.0**-23  # One unit in the last place of the engine's float32, relative.


class LegEngine(Protocol):
    """The raw questions an engine must answer; all of them filtered by the search's condition."""

    def dense(
        self, search: ClearedSearch, vector: NDArray[np.float32], limit: int
    ) -> Sequence[Hit]:
        """Best ``limit`` by dot product; full precision if ``search.exact``. Ties in any order."""

    def sparse(self, search: ClearedSearch, vector: SparseVector, limit: int) -> Sequence[Hit]:
        """Best ``limit`` by BM25, IDF over ``search.corpus``. Ties and last bits in any order."""

    def terms(
        self, search: ClearedSearch, vectors: Sequence[SparseVector], candidates: Sequence[str]
    ) -> Sequence[dict[str, float]]:
        """BM25 score of each candidate for each single-term vector; absent where it has none.

        The population of the IDF stays ``search.corpus``: the candidates narrow the hits alone.
        """


def answer(engine: LegEngine, search: ClearedSearch) -> SearchResult:
    """Answer a cleared search; see the module for the steps."""
    return SearchResult(
        dense=_dense(engine, search),
        sparse=_sparse(engine, search),
        exact=search.exact or search.dense is None,
    )


def ranked(hits: Sequence[Hit], limit: int) -> tuple[Hit, ...]:
    """Order by (score descending, id ascending) and cut: the only tie-break there is."""
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit])


def _dense(engine: LegEngine, search: ClearedSearch) -> tuple[Hit, ...]:
    vector = search.dense
    if vector is None:
        return ()
    hits = _past_the_tie(lambda limit: engine.dense(search, vector, limit), search.limit, slack=0.0)
    return ranked(hits, search.limit)


def _sparse(engine: LegEngine, search: ClearedSearch) -> tuple[Hit, ...]:
    vector = search.sparse
    if vector is None or not vector.indices:
        return ()
    # A float32 sum of n positive terms is off by at most about n units in the last place; the
    # slack covers it on both sides of the comparison, twice.
    slack = 4 * (len(vector.indices) + 2) * _EPSILON
    candidates = [
        hit.id
        for hit in _past_the_tie(
            lambda limit: engine.sparse(search, vector, limit), search.limit, slack=slack
        )
    ]
    if not candidates:
        return ()
    return ranked(_rescored(engine, search, vector, candidates), search.limit)


def _past_the_tie(
    ask: Callable[[int], Sequence[Hit]], limit: int, *, slack: float
) -> Sequence[Hit]:
    """Every hit that can stand among the first ``limit``, whatever the order of ties.

    Args:
        ask: the engine's best hits for a number of them, best first.
        limit: rank N.
        slack: relative inaccuracy of the engine's scores.
    """
    wanted = limit + _HEADROOM
    while True:
        hits = ask(wanted)
        if len(hits) <= limit:
            return hits
        cut = hits[limit - 1].score
        floor = cut - slack * abs(cut)
        if len(hits) < wanted or hits[-1].score < floor:
            return [hit for hit in hits if hit.score >= floor]
        wanted *= _GROWTH


def _rescored(
    engine: LegEngine, search: ClearedSearch, vector: SparseVector, candidates: Sequence[str]
) -> list[Hit]:
    """Sum single-term scores in ascending term order, in float64."""
    singles = [
        SparseVector((index,), (value,))
        for index, value in zip(vector.indices, vector.values, strict=True)
    ]
    # A candidate deleted since the first question scores nowhere and so drops out.
    totals: dict[str, float] = {}
    for scores in engine.terms(search, singles, sorted(candidates)):
        for chunk, score in scores.items():
            totals[chunk] = totals.get(chunk, 0.0) + score
    return [Hit(chunk, score) for chunk, score in totals.items()]
