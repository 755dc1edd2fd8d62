"""A host whose writes can be watched from outside: something may happen before and after each.

What happens may be a query, a rebuild, or a death; the host itself keeps every promise of its port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.index.memory import MemoryHost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from acl.scope import AccessScope
    from ingestion.index.facets import Facets
    from ingestion.index.port import Point, SearchRequest, SearchResult, VectorIndex

    OnWrite = Callable[[str], None]

MOMENTS = (
    "before upsert",
    "after upsert",
    "before set_places",
    "after set_places",
    "before delete",
    "after delete",
)


class Died(BaseException):
    """The process is gone: nothing catches it, so nothing tidies up, as after kill -9."""


def quiet(moment: str) -> None:
    """For :attr:`InterruptedHost.on_write`: nothing happens."""
    del moment


class InterruptedHost:
    """The memory oracle, with a hook around every write that changes something.

    Attributes:
        memory: the oracle, to look into.
        on_write: called with ``before upsert``, ``after upsert`` and so on; it may raise.
        writes: names of the writes that happened.
    """

    def __init__(self) -> None:
        self.memory = MemoryHost()
        self.on_write: OnWrite = quiet
        self.writes: list[str] = []

    def open(self, generation: str, *, dimensions: int) -> VectorIndex:
        """Open a generation and stand beside it."""
        return _InterruptedIndex(self, self.memory.open(generation, dimensions=dimensions))

    def drop(self, generation: str) -> None:
        """Delete a generation."""
        self.memory.drop(generation)

    def generations(self) -> list[str]:
        """Names of all generations."""
        return self.memory.generations()

    def info(self) -> dict[str, object]:
        """As the oracle says."""
        return self.memory.info()

    def close(self) -> None:
        """Nothing to let go of."""

    def die_at(self, moment: str, *, skip: int = 0) -> None:
        """Arrange for the process to die at a moment, passing over its first ``skip`` times."""
        left = skip

        def at(now: str) -> None:
            nonlocal left
            if now == moment:
                if not left:
                    raise Died(moment)
                left -= 1

        self.on_write = at

    def around(self, name: str, write: Callable[[], None]) -> None:
        """Make one write, with what happens before and after it."""
        self.on_write(f"before {name}")
        self.writes.append(name)
        write()
        self.on_write(f"after {name}")


class _InterruptedIndex:
    def __init__(self, host: InterruptedHost, inner: VectorIndex) -> None:
        self._host = host
        self._inner = inner

    def upsert(self, points: Sequence[Point]) -> None:
        if points:
            self._host.around("upsert", lambda: self._inner.upsert(points))

    def delete(self, ids: Sequence[str]) -> None:
        if ids:
            self._host.around("delete", lambda: self._inner.delete(ids))

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        if changes:
            self._host.around("set_places", lambda: self._inner.set_places(changes))

    def search(self, scope: AccessScope, request: SearchRequest) -> SearchResult:
        return self._inner.search(scope, request)

    def count(self) -> int:
        return self._inner.count()

    def ids(self) -> Iterator[str]:
        return self._inner.ids()

    def has(self, ids: Sequence[str]) -> set[str]:
        return self._inner.has(ids)

    def optimise(self) -> None:
        self._host.on_write("before optimise")
        self._inner.optimise()

    def flush(self) -> None:
        self._inner.flush()

    def close(self) -> None:
        self._inner.close()
