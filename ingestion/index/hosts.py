"""Which engine an installation uses: the embedded one, a Qdrant server it names, or one of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ingestion.index.rendezvous import DIRECTORY, SHARDS

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.index.port import IndexHost


class EngineKind(StrEnum):
    """Where a generation can live."""

    EMBEDDED = "embedded"
    SERVER = "server"


@dataclass(frozen=True, slots=True)
class ServerPlace:
    """A Qdrant server, and what of it is ours.

    Attributes:
        url: its address.
        key: its API key.
        prefix: keeps installations on one server apart.
        timeout_seconds: how long it may take over one call.
        replicas: how many nodes of a cluster hold each generation.
    """

    url: str
    key: str | None = field(default=None, repr=False)
    prefix: str = "clearance"
    timeout_seconds: int = 30
    replicas: int = 1


def create_host(
    data_dir: Path,
    *,
    idle_seconds: float,
    server: ServerPlace | None = None,
    builds: EngineKind | None = None,
) -> IndexHost:
    """The index of an installation. Nothing is started or connected before the first call.

    Where a server is named and generations are in the data directory as well, or are to be built
    there, each engine answers for those that it holds.

    Args:
        data_dir: where the embedded index lives.
        idle_seconds: how long the index process outlives its last client.
        server: a Qdrant server; None for the embedded index alone.
        builds: where generations are made from now on; None for the server, if one is named.
    """
    # Each engine is imported only where it is used: the server's client costs a second.
    if server is None:
        return _embedded(data_dir, idle_seconds)
    from ingestion.index.both import BothHosts  # noqa: PLC0415

    into = EngineKind.SERVER if builds is None else builds
    if into is EngineKind.SERVER and not _holds_any(data_dir):
        return _of_server(server)
    return BothHosts(
        {
            EngineKind.EMBEDDED: _embedded(data_dir, idle_seconds),
            EngineKind.SERVER: _of_server(server),
        },
        builds=into,
    )


def _holds_any(data_dir: Path) -> bool:
    """Whether generations are in the data directory; nothing is made or started to find out."""
    shards = data_dir.resolve() / DIRECTORY / SHARDS
    return shards.is_dir() and any(not one.name.startswith(".") for one in shards.iterdir())


def _embedded(data_dir: Path, idle_seconds: float) -> IndexHost:
    from ingestion.index.client import EdgeHost  # noqa: PLC0415 - see above

    return EdgeHost(data_dir, idle_seconds=idle_seconds)


def _of_server(place: ServerPlace) -> IndexHost:
    from qdrant_client import QdrantClient  # noqa: PLC0415 - see above

    from ingestion.index.server import ServerHost  # noqa: PLC0415 - see above
    from ingestion.index.server_calls import Replication  # noqa: PLC0415 - see above

    client = QdrantClient(
        url=place.url,
        api_key=place.key,
        prefer_grpc=True,
        timeout=place.timeout_seconds,
        check_compatibility=False,  # it would connect at once, and only warn: opening refuses
    )
    return ServerHost(client, prefix=place.prefix, replication=Replication(place.replicas))
