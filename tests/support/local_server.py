"""A Qdrant server as the client's local mode plays it: in this process, and gone with it.

It does one thing at a time, since local mode does not expect more, and says nothing of what it
ignores, which the contract suite lists.
"""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Callable

    from qdrant_client import QdrantClient

    from ingestion.index.server import ServerHost


def local_server(prefix: str = "test") -> ServerHost:
    """A host over a server with nothing in it."""
    # Imported here: the client costs a second, and few tests need it.
    from qdrant_client import QdrantClient  # noqa: PLC0415

    from ingestion.index.server import ServerHost  # noqa: PLC0415

    return ServerHost(cast("QdrantClient", _OneAtATime(QdrantClient(":memory:"))), prefix=prefix)


class _OneAtATime:
    def __init__(self, client: QdrantClient) -> None:
        self._client = client
        self._lock = threading.RLock()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        call: Callable[..., Any] = getattr(self._client, name)

        def alone(*args: Any, **kwargs: Any) -> Any:
            with self._lock, warnings.catch_warnings():
                warnings.filterwarnings("ignore", "Payload indexes have no effect", UserWarning)
                warnings.filterwarnings("ignore", "Local mode performs exact", UserWarning)
                return call(*args, **kwargs)

        return alone
