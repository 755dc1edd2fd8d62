"""The gate: the one road from an access scope to an engine.

A :class:`ClearedSearch` is a search that carries its filter. :func:`clear` makes it from a scope;
engines take nothing else, and the type refuses, wherever it is built (also on the far side of the
socket), a condition that does not start with one tenant and at least one ACL.

Order of the checks in :meth:`GatedIndex.search`: empty scope first (answered without asking the
engine, so that neither its state nor its speed can show), then no leg asked for, then a filter that
contradicts the scope, then the rest of the caller's own filter, then the engine. What never lives
here: engine types, ranking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol
from uuid import UUID

import numpy as np

from acl.conditions import ACL, SOURCE, TENANT, AllOf, contradicts, under
from ingestion.errors import IndexUnavailableError
from ingestion.index.facets import ordered
from ingestion.index.port import Point, SearchResult

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from acl.scope import AccessScope
    from ingestion.index.facets import Facets
    from ingestion.index.port import SearchRequest, SparseVector

PAGE: Final = 4096
_SCOPES: Final = ((TENANT, ACL), (TENANT, ACL, SOURCE))
_EMPTY: Final = SearchResult(dense=(), sparse=(), exact=True)


@dataclass(frozen=True, slots=True, eq=False)
class ClearedSearch:
    """A search no engine can answer with more than its caller may see.

    Attributes:
        corpus: the scope alone; with ``exclude`` it is the population of the IDF statistics.
        condition: the scope and the caller's own filter; what hits must satisfy.
        exclude: chunk ids treated as absent, from hits and from statistics.
        dense: query embedding of length one, or None.
        sparse: query terms, or None.
        limit: most hits per leg.
        exact: full precision wanted for the dense leg.

    Raises:
        ValueError: the corpus is not one tenant, some ACLs and, if it names any, some sources; or
            the condition is not under it.
    """

    corpus: AllOf
    condition: AllOf
    exclude: frozenset[str]
    dense: NDArray[np.float32] | None
    sparse: SparseVector | None
    limit: int
    exact: bool

    def __post_init__(self) -> None:
        scope = self.corpus.conditions
        if (
            tuple(condition.field for condition in scope) not in _SCOPES
            or len(scope[0].values) != 1
            or not all(condition.values for condition in scope)
        ):
            raise ValueError(
                "corpus: it must name one tenant, at least one ACL, and a source if it names any"
            )
        if self.condition.conditions != scope or self.corpus.place:
            raise ValueError("condition: it must be the corpus, and what a place must satisfy")


def clear(scope: AccessScope, request: SearchRequest, *, dimensions: int) -> ClearedSearch:
    """Put a request under a scope.

    Raises:
        InvalidConditionError: the scope is empty, or the request filters on a reserved field.
        IndexUnavailableError: the query embedding does not fit this generation.
    """
    return ClearedSearch(
        corpus=under(scope),
        condition=under(scope, request.own),
        exclude=request.exclude,
        dense=None if request.dense is None else unit(request.dense, dimensions=dimensions),
        sparse=request.sparse,
        limit=request.limit,
        exact=request.exact,
    )


class Engine(Protocol):
    """What an adapter implements: one generation in one engine, behind the gate.

    Points arrive checked and with ``dense`` of length one; searches arrive cleared.
    """

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace, durably."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove, durably; unknown ids are passed over."""

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        """Replace places, durably; unknown ids are passed over."""

    def search(self, search: ClearedSearch) -> SearchResult:
        """Answer a cleared search."""

    def count(self) -> int:
        """Number of points."""

    def page(self, after: str | None, limit: int) -> list[str]:
        """Up to ``limit`` ids above ``after`` (from the first where None), ascending."""

    def has(self, ids: Sequence[str]) -> set[str]:
        """Those of ``ids`` that are held."""

    def optimise(self) -> None:
        """Merge and quantise segments."""

    def flush(self) -> None:
        """Write everything to disk."""


class GatedIndex:
    """A :class:`~ingestion.index.port.VectorIndex` over any :class:`Engine`."""

    def __init__(self, engine: Engine, *, dimensions: int) -> None:
        self._engine = engine
        self._dimensions = dimensions

    def upsert(self, points: Sequence[Point]) -> None:
        """Check and scale the points, then store them."""
        checked = [self._checked(point) for point in points]
        if checked:
            self._engine.upsert(checked)

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points."""
        if ids:
            self._engine.delete([_canonical(chunk) for chunk in ids])

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        """Replace the places of points."""
        if changes:
            self._engine.set_places(
                {_canonical(chunk): ordered(places) for chunk, places in changes.items()}
            )

    def search(self, scope: AccessScope, request: SearchRequest) -> SearchResult:
        """Answer from what ``scope`` sees; an empty scope is answered without the engine."""
        if scope.empty or (request.dense is None and request.sparse is None):
            return _EMPTY
        if contradicts(scope, request.own):
            return _EMPTY
        found = self._engine.search(clear(scope, request, dimensions=self._dimensions))
        # Nothing is nothing, whether the engine was asked for it or not: which, must not show.
        return found if found.dense or found.sparse else _EMPTY

    def count(self) -> int:
        """Number of points held."""
        return self._engine.count()

    def ids(self) -> Iterator[str]:
        """Every id, ascending, page by page."""
        after: str | None = None
        while page := self._engine.page(after, PAGE):
            yield from page
            after = page[-1]

    def has(self, ids: Sequence[str]) -> set[str]:
        """Those of ``ids`` that are held."""
        return self._engine.has([_canonical(chunk) for chunk in ids]) if ids else set()

    def optimise(self) -> None:
        """Merge and quantise segments."""
        self._engine.optimise()

    def flush(self) -> None:
        """Write everything to disk."""
        self._engine.flush()

    def close(self) -> None:
        """Nothing to let go of: handles of one generation share the host's engine."""

    def _checked(self, point: Point) -> Point:
        if not (point.tenant and point.acl):
            raise ValueError(f"point {point.id}: it needs a tenant and an acl")
        return Point(
            id=_canonical(point.id),
            tenant=point.tenant,
            acl=point.acl,
            places=ordered(point.places),
            dense=unit(point.dense, dimensions=self._dimensions),
            sparse=point.sparse,
        )


def unit(vector: NDArray[np.float32], *, dimensions: int) -> NDArray[np.float32]:
    """Scale to length one, in float64, then float32.

    Engines compare by dot product. Were cosine left to them, they would normalise again whenever
    a point moves between segments, and its last bits would tell when that happened.

    Raises:
        IndexUnavailableError: another shape than ``(dimensions,)`` (code ``index_mismatch``).
        ValueError: not finite, or zero.
    """
    if vector.shape != (dimensions,):
        raise IndexUnavailableError(
            f"dense: shape {vector.shape} does not fit this generation's ({dimensions},); "
            "embed with the generation's own embedder",
            code="index_mismatch",
        )
    wide = vector.astype(np.float64)
    length = float(np.sqrt(np.square(wide).sum()))
    if not (np.isfinite(length) and length > 0):
        raise ValueError("dense: it must be finite and not zero")
    return (wide / length).astype(np.float32)


def _canonical(chunk: str) -> str:
    if str(UUID(chunk)) != chunk:
        raise ValueError(f"id {chunk!r}: write the UUID in lower case with hyphens")
    return chunk
