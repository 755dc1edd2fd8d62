"""What an engine must do to take part. What never lives here: any engine, any clock."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

RESULTS: Final = 10


class Mode(StrEnum):
    """A way of filtering, in words for people."""

    WHERE = "where"
    POST_50 = "post-filter of 50"
    POST_1000 = "post-filter of 1,000"
    GRAPH = "prefilter, IVF_HNSW_SQ"
    FLAT = "prefilter, every row"
    HNSW = "where, HNSW"
    ITERATIVE = "where, HNSW, iterative scan"
    MEMORY = "prefilter, in memory"


@dataclass(frozen=True, slots=True)
class Chunks:
    """The chunks of a world, row by row: ids, ACL ids, texts, vectors of shape (n, dimensions)."""

    ids: list[str]
    acls: list[str]
    texts: list[str]
    vectors: NDArray[np.float32]

    @classmethod
    def read(cls, export: Path) -> Chunks:
        """Read what :mod:`tests.benchmarks.load` has written down."""
        with (export / "chunks.jsonl").open(encoding="utf-8") as lines:
            rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
        return cls(
            [row["id"] for row in rows],
            [row["acl"] for row in rows],
            [row["text"] for row in rows],
            np.load(export / "vectors.npy"),
        )


class Store(Protocol):
    """One engine, holding the chunks."""

    def open(self, world: Path) -> None:
        """Open what an earlier run has left, or fill it from ``world/export``."""

    def search(self, mode: Mode, vector: NDArray[np.float32], acls: list[str]) -> list[str]:
        """The ids of at most ten chunks under ``acls``, nearest first.

        Args:
            mode: one of the engine's ways of filtering.
            vector: shape (dimensions,), of length one.
            acls: ids of the visible ACLs.
        """

    def close(self) -> None:
        """Let go of everything."""
