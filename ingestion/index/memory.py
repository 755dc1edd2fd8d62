"""The exact oracle: the meaning of a search, spelled out over plain arrays.

A public double: tests of every layer above use it in place of an engine, and the contract suite
holds the engines to it. It shares the gate with them, and none of their scoring: everything
visible is scored, everything is sorted. What never lives here: speed, durability.
"""

from __future__ import annotations

import math
import os
from bisect import bisect_right
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from acl.conditions import ACL, SOURCE, TENANT
from ingestion.index import schema
from ingestion.index.gate import GatedIndex
from ingestion.index.port import Hit, SearchResult

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from acl.conditions import AllOf
    from ingestion.index.facets import Facets
    from ingestion.index.gate import ClearedSearch
    from ingestion.index.port import Point, SparseVector


class MemoryIndex(GatedIndex):
    """One generation in memory."""

    def __init__(self, dimensions: int) -> None:
        super().__init__(_Memory(), dimensions=dimensions)
        self.dimensions = dimensions


class MemoryHost:
    """Generations in memory; gone with the object."""

    def __init__(self) -> None:
        self._indexes: dict[str, MemoryIndex] = {}

    def open(self, generation: str, *, dimensions: int) -> MemoryIndex:
        """Open a generation, creating it when absent."""
        name = schema.checked_name(generation)
        index = self._indexes.setdefault(name, MemoryIndex(dimensions))
        if index.dimensions != dimensions:
            raise schema.dimension_mismatch(name, held=index.dimensions, asked=dimensions)
        return index

    def drop(self, generation: str) -> None:
        """Forget a generation."""
        self._indexes.pop(schema.checked_name(generation), None)

    def generations(self) -> list[str]:
        """Names of all generations, sorted."""
        return sorted(self._indexes)

    def info(self) -> dict[str, object]:
        """Points per generation; the memory is this process's own and not counted."""
        points = {name: index.count() for name, index in sorted(self._indexes.items())}
        return {"points": points, "memory": 0, "pid": os.getpid()}

    def close(self) -> None:
        """Nothing to let go of."""


class _Memory:
    """The engine behind the gate: a dictionary of points."""

    def __init__(self) -> None:
        self._points: dict[str, Point] = {}

    def upsert(self, points: Sequence[Point]) -> None:
        self._points.update((point.id, point) for point in points)

    def delete(self, ids: Sequence[str]) -> None:
        for chunk in ids:
            self._points.pop(chunk, None)

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        for chunk, places in changes.items():
            if chunk in self._points:
                self._points[chunk] = replace(self._points[chunk], places=places)

    def search(self, search: ClearedSearch) -> SearchResult:
        visible = self._matching(search.condition, search.exclude)
        dense = [] if search.dense is None else _dots(search.dense, visible)
        sparse = []
        if search.sparse is not None:
            corpus = self._matching(search.corpus, search.exclude)
            sparse = _bm25(search.sparse, visible, corpus)
        return SearchResult(_best(dense, search.limit), _best(sparse, search.limit), exact=True)

    def count(self) -> int:
        return len(self._points)

    def page(self, after: str | None, limit: int) -> list[str]:
        ids = sorted(self._points)
        start = 0 if after is None else bisect_right(ids, after)
        return ids[start : start + limit]

    def has(self, ids: Sequence[str]) -> set[str]:
        return set(ids) & self._points.keys()

    def optimise(self) -> None:
        pass

    def flush(self) -> None:
        pass

    def _matching(self, condition: AllOf, exclude: frozenset[str]) -> list[Point]:
        return [
            point
            for point in self._points.values()
            if point.id not in exclude
            and condition.matches(_payload(point), [place.fields() for place in point.places])
        ]


def _payload(point: Point) -> dict[str, str | tuple[str, ...]]:
    return {
        TENANT: point.tenant,
        ACL: point.acl,
        SOURCE: tuple(place.source for place in point.places),
    }


def _dots(query: NDArray[np.float32], points: Sequence[Point]) -> list[Hit]:
    # Row by row: a matrix product rounds differently with the number of its rows.
    wide = query.astype(np.float64)
    return [Hit(point.id, float((point.dense * wide).sum())) for point in points]


def _bm25(query: SparseVector, points: Sequence[Point], corpus: Sequence[Point]) -> list[Hit]:
    """BM25 with the engine's IDF, ``ln(1 + (N - n + 0.5) / (n + 0.5))`` over the corpus.

    Source: Robertson and Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond (2009),
    in the variant that cannot turn negative.
    """
    frequency = dict.fromkeys(query.indices, 0)
    for point in corpus:
        for index in frequency.keys() & set(point.sparse.indices):
            frequency[index] += 1
    idf = {
        index: math.log(1 + (len(corpus) - n + 0.5) / (n + 0.5)) for index, n in frequency.items()
    }
    hits = []
    for point in points:
        held = dict(zip(point.sparse.indices, point.sparse.values, strict=True))
        products = [
            weight * idf[index] * held[index]
            for index, weight in zip(query.indices, query.values, strict=True)
            if index in held
        ]
        if products:
            hits.append(Hit(point.id, sum(products)))
    return hits


def _best(hits: Sequence[Hit], limit: int) -> tuple[Hit, ...]:
    return tuple(sorted(hits, key=lambda hit: (-hit.score, hit.id))[:limit])
