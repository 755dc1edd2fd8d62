"""Refusing early: what is sure to be refused is refused before it costs anything.

Telling who calls takes a look into the catalogue, and routing takes the framework: together more
than a service at its limit has to spare for those it turns away. So for a short while the service
remembers whose a token was that it has found good, by the token's digest, and asks the admission
about that caller first.

Nothing is ever granted on the strength of it, and nothing told but that the caller's own tenant, or
the caller, has too much under way. A token revoked meanwhile may read 429 or 503 instead of 401.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from starlette.datastructures import Headers
from starlette.requests import Request

from retrieval.api.auth import MCP_PATH
from retrieval.api.boundary import answer

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from acl.caller import Caller
    from ingestion.errors import RefusedForNowError
    from retrieval.runtime import Runtime

REMEMBERED: Final = 4_096
"""Callers remembered; beyond that, whoever was not heard of for longest is forgotten."""

REMEMBERED_SECONDS: Final = 60.0

_ADMITTED: Final = re.compile(
    rf"POST (?:/v1/retrieve|/v1/verify|{MCP_PATH})|GET /v1/(?:sources|evidence/[^/]+)", re.DOTALL
)


@dataclass(frozen=True, slots=True)
class _Template:
    """Stands for the route that was not taken."""

    path: str


class EarlyRefusal:
    """ASGI middleware, inside the boundary and outside everything else."""

    def __init__(self, app: ASGIApp, *, runtime: Runtime) -> None:
        self._app = app
        self._runtime = runtime
        self._known = Acquaintances()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http" or not _ADMITTED.fullmatch(f"{scope['method']} {scope['path']}"):
            await self._app(scope, receive, send)
            return
        sent = Headers(scope=scope).getlist("authorization")
        digest = hashlib.sha256(sent[0].encode()).digest() if len(sent) == 1 else None
        error = None if digest is None else self._refusal(digest)
        if error is not None:
            scope["route"] = _Template(_template(scope["path"]))  # metrics and the log name it
            response = await answer(Request(scope), error)
            await response(scope, receive, send)
            return
        await self._app(scope, receive, send)
        # The one dependency notes whom it has found the token to be; nobody else may.
        caller = scope["state"].get("caller")
        if digest is not None and caller is not None:
            self._known.remember(digest, caller)

    def _refusal(self, digest: bytes) -> RefusedForNowError | None:
        caller = self._known.recall(digest)
        return None if caller is None else self._runtime.admission.refuses(caller)


def _template(path: str) -> str:
    """The route's template: an id that was asked for must not become a label."""
    return "/v1/evidence/{chunk_id}" if path.startswith("/v1/evidence/") else path


class Acquaintances:
    """Whose tokens were found good of late, by digest. Thread-safe; bounded."""

    def __init__(self, *, limit: int = REMEMBERED, seconds: float = REMEMBERED_SECONDS) -> None:
        self._limit = limit
        self._seconds = seconds
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    def remember(self, digest: bytes, caller: Caller) -> None:
        """Note whose a token is."""
        with self._lock:
            self._known[digest] = (time.monotonic() + self._seconds, caller)
            self._known.move_to_end(digest)
            if len(self._known) > self._limit:
                self._known.popitem(last=False)

    def recall(self, digest: bytes) -> Caller | None:
        """Whose a token was, if that is not long ago."""
        with self._lock:
            until, caller = self._known.get(digest, (0.0, None))
            if time.monotonic() < until:
                return caller
            self._known.pop(digest, None)
            return None
