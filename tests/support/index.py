"""An index that a test can watch, interrupt or make lie. Everything else it does faithfully."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.engines import usual_host

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from acl.scope import AccessScope
    from ingestion.index.facets import Facets
    from ingestion.index.port import IndexHost, Point, SearchRequest, SearchResult, VectorIndex

    OnSearch = Callable[[AccessScope, SearchRequest, SearchResult], SearchResult]


class IndexAskedError(AssertionError):
    """The index was asked although it must not be."""


def must_not_be_asked(
    scope: AccessScope, request: SearchRequest, result: SearchResult
) -> SearchResult:
    """For :attr:`WatchedHost.on_search`: any search fails the test."""
    del request, result
    raise IndexAskedError(f"the index was asked for {scope}")


def faithful(scope: AccessScope, request: SearchRequest, result: SearchResult) -> SearchResult:
    """For :attr:`WatchedHost.on_search`: the true answer."""
    del scope, request
    return result


class WatchedHost:
    """A host around another (the memory oracle by default).

    Attributes:
        on_search: called with every search and its true result, before the result is returned; what
            it returns is the answer. It may change the world meanwhile, lie, or raise.
        searches: how many there were.
    """

    def __init__(self, inner: IndexHost | None = None) -> None:
        self._inner = usual_host() if inner is None else inner
        self.on_search: OnSearch = faithful
        self.searches = 0

    def open(self, generation: str, *, dimensions: int) -> VectorIndex:
        """Open a generation and watch it."""
        return _WatchedIndex(self, self._inner.open(generation, dimensions=dimensions))

    def drop(self, generation: str) -> None:
        """Delete a generation."""
        self._inner.drop(generation)

    def generations(self) -> list[str]:
        """Names of all generations."""
        return self._inner.generations()

    def info(self) -> dict[str, object]:
        """As the inner host says."""
        return self._inner.info()

    def close(self) -> None:
        """Close the inner host."""
        self._inner.close()


class _WatchedIndex:
    def __init__(self, host: WatchedHost, inner: VectorIndex) -> None:
        self._host = host
        self._inner = inner

    def search(self, scope: AccessScope, request: SearchRequest) -> SearchResult:
        self._host.searches += 1
        return self._host.on_search(scope, request, self._inner.search(scope, request))

    def upsert(self, points: Sequence[Point]) -> None:
        self._inner.upsert(points)

    def delete(self, ids: Sequence[str]) -> None:
        self._inner.delete(ids)

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        self._inner.set_places(changes)

    def count(self) -> int:
        return self._inner.count()

    def ids(self) -> Iterator[str]:
        return self._inner.ids()

    def has(self, ids: Sequence[str]) -> set[str]:
        return self._inner.has(ids)

    def optimise(self) -> None:
        self._inner.optimise()

    def flush(self) -> None:
        self._inner.flush()

    def close(self) -> None:
        self._inner.close()
