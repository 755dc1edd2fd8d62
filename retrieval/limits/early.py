"""Refusing early: what is sure to be refused is refused before it costs anything.

Telling who calls takes a look into the catalogue, and routing takes the framework: together more
than a service at its limit has to spare for those it turns away. So for a short while the service
remembers whose a token was that it has found good, by the token's digest, and asks the admission
about that caller first, before everything else.

Nothing is ever granted on the strength of it, and nothing told but that the caller's own tenant, or
the caller, has too much under way. A token revoked meanwhile may read 429 or 503 instead of 401.
"""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections import Counter, OrderedDict
from typing import TYPE_CHECKING, Final

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response

from retrieval import metrics as measure
from retrieval.api.auth import MCP_PATH
from retrieval.api.boundary import ON_EVERY_REPLY, REQUEST_ID_HEADER, accept_id
from retrieval.api.problems import MEDIA_TYPE, refuse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from acl.caller import Caller
    from ingestion.errors import RefusedForNowError
    from retrieval.metrics import Metrics
    from retrieval.runtime import Runtime

REMEMBERED: Final = 4_096
"""Callers remembered; beyond that, whoever was not heard of for longest is forgotten."""

REMEMBERED_SECONDS: Final = 60.0

LOG_SECONDS: Final = 1.0
"""One line of the log at most in this time says how many were refused since the last."""

_ADMITTED: Final = re.compile(
    rf"POST (?:/v1/retrieve|/v1/verify|{MCP_PATH})|GET /v1/(?:sources|evidence/[^/]+)", re.DOTALL
)
_log = structlog.get_logger(__name__)


class EarlyRefusal:
    """ASGI middleware around everything, the boundary too: it answers as that would, at less cost.

    A refusal is counted like any other; of many, the log says how many.
    """

    def __init__(self, app: ASGIApp, *, runtime: Runtime, metrics: Metrics) -> None:
        self._app = app
        self._runtime = runtime
        self._metrics = metrics
        self._known = Acquaintances()
        self._under_way: Counter[str] = Counter()  # by tenant; used in one loop alone
        self._unsaid = 0
        self._said_at = 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or refuse it."""
        if scope["type"] != "http" or not _ADMITTED.fullmatch(f"{scope['method']} {scope['path']}"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        sent = headers.getlist("authorization")
        digest = hashlib.sha256(sent[0].encode()).digest() if len(sent) == 1 else None
        known = None if digest is None else self._known.recall(digest)
        with measure.bound(self._metrics):
            error = None if known is None else self._refusal(known)
        if error is None:
            await self._served(scope, receive, send, known=known)
            # The one dependency notes whom it has found the token to be; nobody else may.
            caller = scope.get("state", {}).get("caller")
            if digest is not None and caller is not None:
                self._known.remember(digest, caller)
            return
        started = time.perf_counter()
        refusal = refuse(error, request_id=accept_id(headers.get(REQUEST_ID_HEADER)))
        problem = refusal.problem
        response = Response(
            problem.model_dump_json(exclude_none=True),
            status_code=problem.status,
            headers={
                **ON_EVERY_REPLY,
                **refusal.headers,
                REQUEST_ID_HEADER: problem.request_id,
            },
            media_type=MEDIA_TYPE,
        )
        await response(scope, receive, send)
        self._metrics.request(
            route=_template(scope["path"]),
            status=problem.status,
            code=problem.code,
            seconds=time.perf_counter() - started,
        )
        self._tell()

    def _refusal(self, caller: Caller) -> RefusedForNowError | None:
        under_way = self._under_way[caller.tenant]
        return self._runtime.admission.refuses(caller, under_way=under_way)

    async def _served(
        self, scope: Scope, receive: Receive, send: Send, *, known: Caller | None
    ) -> None:
        """Pass a request on; while it is under way, it is counted for its tenant."""
        if known is None:
            await self._app(scope, receive, send)
            return
        self._under_way[known.tenant] += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._under_way[known.tenant] -= 1
            if not self._under_way[known.tenant]:
                del self._under_way[known.tenant]

    def _tell(self) -> None:
        self._unsaid += 1
        now = time.monotonic()
        if now - self._said_at >= LOG_SECONDS:
            _log.info("refused_early", count=self._unsaid)
            self._unsaid, self._said_at = 0, now


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
