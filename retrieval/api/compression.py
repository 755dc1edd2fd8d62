"""Compression of what is public, and of nothing else.

A reply to a caller holds texts of several authors, and its length once compressed would tell one of
them what another wrote (docs/adr/0025). What must never be added to the list: anything that differs
by caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.middleware.gzip import GZipMiddleware

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

COMPRESSED: Final = frozenset({"/openapi.json"})


class PublicCompression:
    """ASGI middleware: gzip for the paths in ``COMPRESSED``, for clients that take it."""

    def __init__(self, app: ASGIApp) -> None:
        self._plain = app
        self._gzip = GZipMiddleware(app)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        public = scope["type"] == "http" and scope["path"] in COMPRESSED
        await (self._gzip if public else self._plain)(scope, receive, send)
