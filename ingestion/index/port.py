"""The port of the index: what goes in, what comes out, and the promises every engine keeps.

Engines are the memory oracle, the embedded engine (in process or in a process of its own) and a
Qdrant server; one contract suite holds them together. What never lives here: engine types, text,
and any search that does not take an :class:`acl.scope.AccessScope`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from acl.conditions import InvalidConditionError
from ingestion.index.facets import FILTERABLE_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from acl.conditions import Condition
    from acl.scope import AccessScope
    from ingestion.index.facets import Facets

_MAX_TERM: Final = 2**32 - 1


@dataclass(frozen=True, slots=True)
class SparseVector:
    """Term weights: ``indices`` strictly increasing unsigned 32-bit, ``values`` positive, finite.

    Positive weights are what lets scoring bound a sum by its engine's rounding; so anything else
    is refused here, once, and not trusted later.
    """

    indices: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.indices) != len(self.values):
            raise ValueError("sparse: give as many values as indices")
        if any(a >= b for a, b in zip(self.indices, self.indices[1:], strict=False)):
            raise ValueError("sparse.indices: sort them and drop duplicates")
        if self.indices and not (self.indices[0] >= 0 and self.indices[-1] <= _MAX_TERM):
            raise ValueError("sparse.indices: they must fit 32 bits without a sign")
        if not all(value > 0 and math.isfinite(value) for value in self.values):
            raise ValueError("sparse.values: they must be finite and above zero")


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """One chunk as the index knows it.

    Attributes:
        id: the chunk id, a UUID in canonical text (lower case, hyphens).
        tenant: the tenant it belongs to.
        acl: id of the one ACL it stands under.
        places: what can be filtered on of every place in which it stands, each once.
        dense: embedding, shape ``(dimensions,)``, float32; any length, it is scaled to one.
        sparse: lexical weights, see :mod:`ingestion.index.lexical`.
    """

    id: str
    tenant: str
    acl: str
    places: tuple[Facets, ...]
    dense: NDArray[np.float32]
    sparse: SparseVector


@dataclass(frozen=True, slots=True, eq=False)
class SearchRequest:
    """What to look for. Who may see it is not part of it: that is the scope's say alone.

    Attributes:
        dense: query embedding, shape ``(dimensions,)``; None leaves the dense leg out.
        sparse: query terms; None leaves the lexical leg out.
        limit: most hits per leg, at least one.
        own: the caller's own filter, AND-ed under the scope: what one place must satisfy.
        exclude: chunk ids that must be treated as absent, although the engine may still hold them.
        exact: full precision over everything visible; otherwise the engine may approximate the
            dense leg and says so in the result.

    Raises:
        ValueError: ``limit`` is below one.
        InvalidConditionError: ``own`` names a field that cannot be filtered on.
    """

    dense: NDArray[np.float32] | None
    sparse: SparseVector | None
    limit: int
    own: tuple[Condition, ...] = ()
    exclude: frozenset[str] = frozenset()
    exact: bool = True

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ValueError("limit: ask for at least one hit")
        for condition in self.own:
            if condition.field not in FILTERABLE_FIELDS:
                raise InvalidConditionError(
                    f"filters.{condition.field}: this field cannot be filtered on; "
                    f"use one of {', '.join(sorted(FILTERABLE_FIELDS))}"
                )


@dataclass(frozen=True, slots=True)
class Hit:
    """A chunk id and its score in one leg; scores of different legs are not comparable."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class SearchResult:
    """Each leg ordered by (score descending, id ascending), cut at the limit.

    ``exact`` is True iff the dense leg saw every visible point in full precision (the lexical leg
    always does).
    """

    dense: tuple[Hit, ...]
    sparse: tuple[Hit, ...]
    exact: bool


@runtime_checkable
class VectorIndex(Protocol):
    """One generation of the index.

    Writes return once they are durable against the death of the process. Every write is idempotent.
    Engine failures surface as :class:`ingestion.errors.IndexUnavailableError`.
    """

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert points, or replace them whole where the id exists."""

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points; ids that do not exist are passed over."""

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        """Replace the places of points, vectors untouched; unknown ids are passed over."""

    def search(self, scope: AccessScope, request: SearchRequest) -> SearchResult:
        """Answer from what ``scope`` sees and from nothing else."""

    def count(self) -> int:
        """Number of points held, whoever may see them (operations only)."""

    def ids(self) -> Iterator[str]:
        """Every point id in ascending order, fetched in pages (reconciliation only)."""

    def has(self, ids: Sequence[str]) -> set[str]:
        """Those of ``ids`` that are held (reconciliation and erasure probes only)."""

    def optimise(self) -> None:
        """Merge and quantise segments. Answers do not change by it; it may take seconds."""

    def flush(self) -> None:
        """Write everything to disk, beyond what a write already promises."""

    def close(self) -> None:
        """Let go of this handle. The host alone closes the engine."""


@runtime_checkable
class IndexHost(Protocol):
    """Where generations live. Generation names are letters, digits, ``.``, ``_`` and ``-``."""

    def open(self, generation: str, *, dimensions: int) -> VectorIndex:
        """Open a generation, creating it when absent.

        Raises:
            IndexUnavailableError: the engine does not answer, or holds other dimensions.
        """

    def drop(self, generation: str) -> None:
        """Delete a generation with all its points; an absent one is passed over."""

    def generations(self) -> list[str]:
        """Names of all generations, sorted."""

    def info(self) -> dict[str, object]:
        """``points`` (per generation), ``memory`` (resident bytes), ``pid`` of the engine."""

    def close(self) -> None:
        """Let go of the engine; whatever was acknowledged stays."""
