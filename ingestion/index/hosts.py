"""Which engine an installation uses: the embedded one, or a Qdrant server it names."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.index.port import IndexHost

_TIMEOUT_SECONDS = 30


def create_host(
    data_dir: Path,
    *,
    idle_seconds: float,
    server_url: str | None = None,
    server_key: str | None = None,
    prefix: str = "clearance",
) -> IndexHost:
    """The index of an installation. Nothing is started or connected before the first call.

    Args:
        data_dir: where the embedded index lives.
        idle_seconds: how long the index process outlives its last client.
        server_url: a Qdrant server; None for the embedded index.
        server_key: its API key.
        prefix: keeps installations on one server apart.
    """
    # Each engine is imported only where it is used: the server's client costs a second.
    if server_url is None:
        from ingestion.index.client import EdgeHost  # noqa: PLC0415

        return EdgeHost(data_dir, idle_seconds=idle_seconds)
    from qdrant_client import QdrantClient  # noqa: PLC0415

    from ingestion.index.server import ServerHost  # noqa: PLC0415

    client = QdrantClient(
        url=server_url, api_key=server_key, prefer_grpc=True, timeout=_TIMEOUT_SECONDS
    )
    return ServerHost(client, prefix=prefix)
