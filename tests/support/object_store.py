"""An S3 server in the test's own process, on this machine only."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, SECRET = "testing", "testing-secret"


@contextmanager
def s3_server() -> Iterator[str]:
    """Start a server with an empty store; yields its address, and stops it."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - heavy

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


def client(address: str) -> Any:
    """An fsspec file system of the server, to fill it with."""
    from s3fs import S3FileSystem  # noqa: PLC0415 - heavy

    return S3FileSystem(
        key=KEY,
        secret=SECRET,
        endpoint_url=address,
        use_listings_cache=False,
        skip_instance_cache=True,
    )
