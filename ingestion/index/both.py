"""Two engines of one installation, while it moves from one to the other, and back.

A generation is in one of them, for the whole of its life; ids are never given twice. So whoever
asks for one is led to the engine that holds it, and which of them answers a question follows from
the generation that the catalogue says is served. What never lives here: which generation that is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.index.hosts import EngineKind
    from ingestion.index.port import IndexHost, VectorIndex


class BothHosts:
    """An :class:`~ingestion.index.port.IndexHost` over two others.

    Args:
        engines: by kind, the cheapest to ask first; closed with this host.
        builds: which of them new generations are made in.
    """

    def __init__(self, engines: Mapping[EngineKind, IndexHost], *, builds: EngineKind) -> None:
        self._engines = dict(engines)
        self.builds = builds

    def building_in(self, kind: EngineKind) -> BothHosts:
        """The same engines, with new generations made in ``kind``. Close only one of the two."""
        return BothHosts(self._engines, builds=kind)

    def where(self, generation: str) -> EngineKind | None:
        """Which engine holds a generation; None for neither.

        Raises:
            IndexUnavailableError: one of them does not answer, and those before it do not hold it.
        """
        for kind, host in self._engines.items():
            if generation in host.generations():
                return kind
        return None

    def open(self, generation: str, *, dimensions: int) -> VectorIndex:
        """Open a generation where it is, or make it where they are made now."""
        kind = self.where(generation) or self.builds
        return self._engines[kind].open(generation, dimensions=dimensions)

    def drop(self, generation: str) -> None:
        """Delete a generation where it is."""
        kind = self.where(generation)
        if kind is not None:
            self._engines[kind].drop(generation)

    def generations(self) -> list[str]:
        """Names of the generations of both, sorted."""
        return sorted({name for host in self._engines.values() for name in host.generations()})

    def info(self) -> dict[str, object]:
        """As the engines say: points of both; memory and process of the one that has them here."""
        merged: dict[str, object] = {}
        points: dict[str, object] = {}
        for host in self._engines.values():
            told = host.info()
            held = told.get("points")
            points |= held if isinstance(held, dict) else {}
            merged = {name: value or merged.get(name) for name, value in told.items()}
        return merged | {"points": points}

    def close(self) -> None:
        """Let go of both."""
        for host in self._engines.values():
            host.close()
