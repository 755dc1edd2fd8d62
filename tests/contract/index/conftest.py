"""The engines under contract."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import pytest
from qdrant_client import QdrantClient

from ingestion.index.client import EdgeHost
from ingestion.index.memory import MemoryHost
from ingestion.index.server import ServerHost
from ingestion.index.shards import InProcessEdgeHost
from tests.contract.index.worlds import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingestion.index.port import IndexHost, VectorIndex

SERVER_URL: Final = os.environ.get("CLEARANCE_TEST_QDRANT_URL")

# What the client's local mode ignores, and says so by a warning each time. Without a word it
# ignores graphs, quantisation, segments, shards, replicas, write consistency, the ordering of
# writes and limits of time: it is exact, and alone. It ignores nothing else: filters, exclusions
# and the IDF corpus mean there what they mean on a server.
_IGNORED_IN_LOCAL_MODE: Final = [
    pytest.mark.filterwarnings("ignore:Payload indexes have no effect:UserWarning"),
    pytest.mark.filterwarnings("ignore:Local mode performs exact:UserWarning"),
]


@dataclass(frozen=True)
class Engine:
    """An engine under test; ``slow`` ones are asked fewer questions, not other ones."""

    name: str
    host: IndexHost
    slow: bool = False


@pytest.fixture
def index(engine: Engine) -> VectorIndex:
    """Generation ``g1`` of the engine, empty."""
    return engine.host.open("g1", dimensions=DIMENSIONS)


@pytest.fixture(
    params=[
        "memory",
        "edge",
        "process",
        pytest.param("local", marks=_IGNORED_IN_LOCAL_MODE),
        pytest.param(
            "server",
            marks=[
                pytest.mark.server,
                pytest.mark.skipif(not SERVER_URL, reason="CLEARANCE_TEST_QDRANT_URL is not set"),
            ],
        ),
    ]
)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each engine in turn, empty."""
    name = request.param
    match name:
        case "memory":
            yield Engine(name, MemoryHost())
        case "edge":
            edge = InProcessEdgeHost(tmp_path / "shards")
            yield Engine(name, edge)
            edge.close()
        case "process":
            process = EdgeHost(tmp_path, idle_seconds=60)
            yield Engine(name, process)
            process.shutdown()
            process.close()
        case "local":
            local = ServerHost(QdrantClient(":memory:"), prefix="test")
            yield Engine(name, local, slow=True)
            local.close()
        case "server":
            prefix = f"test-{uuid.uuid4().hex}"
            server = ServerHost(QdrantClient(SERVER_URL), prefix=prefix)
            yield Engine(name, server)
            for generation in server.generations():
                server.drop(generation)
            server.close()
