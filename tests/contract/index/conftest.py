"""The engines under contract. Local mode of the server client ignores some things; see below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from ingestion.index.client import EdgeHost
from ingestion.index.memory import MemoryHost
from ingestion.index.shards import InProcessEdgeHost
from tests.contract.index.worlds import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingestion.index.port import IndexHost, VectorIndex


@dataclass(frozen=True)
class Engine:
    """An engine under test."""

    name: str
    host: IndexHost
    slow: bool = False
    ignores_idf_corpus: bool = False


@pytest.fixture
def index(engine: Engine) -> VectorIndex:
    """Generation ``g1`` of the engine, empty."""
    return engine.host.open("g1", dimensions=DIMENSIONS)


@pytest.fixture(params=["memory", "edge", "process"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each engine in turn, empty."""
    match request.param:
        case "memory":
            yield Engine("memory", MemoryHost())
        case "edge":
            edge = InProcessEdgeHost(tmp_path / "shards")
            yield Engine("edge", edge)
            edge.close()
        case "process":
            process = EdgeHost(tmp_path, idle_seconds=60)
            yield Engine("process", process)
            process.shutdown()
            process.close()
