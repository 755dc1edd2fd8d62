"""A world for succession: shards in which the engine finds something to clean up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingestion.index.gate import GatedIndex
from ingestion.index.shards import ShardDirectory
from tests.contract.index.worlds import DIMENSIONS, chunk_id, point

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.index.port import Point

POINTS: Final = 3_500
GONE: Final = 1_200
"""Enough deletions for the engine to find something to clean up."""

LATER: Final = 100_000


def points() -> list[Point]:
    return [point(number, vector=number % 400, text=number % 11) for number in range(POINTS)]


def late(number: int) -> Point:
    """A point that comes while an optimisation is under way, and that the searches cannot see."""
    return point(LATER + number, acl="a9", vector=number % 7, text=number % 5)


LEFT: Final = frozenset(chunk_id(number) for number in range(GONE, POINTS))


def lay_out(directory: Path) -> Path:
    """Shards with something to optimise in ``g1``, and a few points in ``g2``."""
    shards = ShardDirectory(directory)
    for generation in ("g1", "g2"):
        engine = GatedIndex(shards.create(generation, dimensions=DIMENSIONS), dimensions=DIMENSIONS)
        engine.upsert(points() if generation == "g1" else points()[:50])
    shards.holding("g1").engine.delete([chunk_id(number) for number in range(GONE)])
    shards.close()
    return directory
