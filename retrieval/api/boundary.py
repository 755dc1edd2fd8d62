"""The outermost layer of a request: its id, its size, its audit, its metrics and its log line.

Every request ends here, whatever became of it. What no handler answered is answered here, without
a traceback. What is refused to an established caller leaves once it is on record. One line per
request says route, status, code and duration, never the path or query as sent, which may hold what
was asked.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import TYPE_CHECKING, Final

import anyio.to_thread
import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from acl.errors import AuditError
from retrieval import metrics as measure
from retrieval.api.problems import MEDIA_TYPE, OUR_SIDE, refuse
from retrieval.denials import STATUSES, Denial, record_denial
from retrieval.resilience import deadline
from retrieval.resilience.deadline import Deadline
from retrieval.telemetry import failure
from retrieval.tracing import http as tracing

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from acl.caller import Caller
    from retrieval.metrics import Metrics
    from retrieval.runtime import Runtime
    from retrieval.tracing import Span

REQUEST_ID_HEADER: Final = "X-Request-ID"
MAX_BODY_BYTES: Final = 64 * 1024
"""Far above the longest question. Documents have limits of their own."""

MAX_BULK_BYTES: Final = 8 * 1024 * 1024
"""Of a whole policy or a directory's listing, on the routes that take one."""

MAX_DOCUMENT_BYTES: Final = 32 * 1024 * 1024
"""Of one pushed document as JSON. What is larger is for a source that reads it itself."""

MAX_BATCH_BYTES: Final = 256 * 1024 * 1024
"""Of a whole batch, which is read line by line and never held."""

_DOCUMENT: Final = re.compile(r"/v1/sources/.+/documents/.+", re.DOTALL)
_BATCH: Final = re.compile(r"/v1/sources/.+/documents:batch", re.DOTALL)
_BULK: Final = re.compile(r"/v1/(?:policy|directory/[^/]+):(?:plan|apply|sync)")

REFUSED_FROM: Final = 400
ABORTED: Final = "aborted"
"""The code of a request whose reply did not leave, or not whole."""

ON_EVERY_REPLY: Final = {
    # What one caller may see must not be kept by anything between us and them, nor compressed: the
    # length would tell one author of evidence what stands beside theirs (docs/adr/0025).
    "Cache-Control": "no-store, no-transform",
    "X-Content-Type-Options": "nosniff",
}
_SAFE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_log = structlog.get_logger(__name__)


def new_request_id() -> str:
    """A fresh, unguessable request id."""
    return secrets.token_hex(16)


def request_id_of(request: Request) -> str:
    """The id the boundary gave this request."""
    return str(request.state.request_id)


async def answer(request: Request, error: Exception) -> Response:
    """The problem+json reply to a request that ended in ``error``."""
    refusal = refuse(error, request_id=request_id_of(request))
    request.state.code = refusal.problem.code
    return Response(
        refusal.problem.model_dump_json(exclude_none=True),
        status_code=refusal.problem.status,
        headers=dict(refusal.headers),
        media_type=MEDIA_TYPE,
    )


class Boundary:
    """ASGI middleware around everything else."""

    def __init__(
        self, app: ASGIApp, *, metrics: Metrics, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = accept_id(Headers(scope=scope).get(REQUEST_ID_HEADER))
        scope.setdefault("state", {}).update(request_id=request_id, code=measure.OK)
        started, status = time.perf_counter(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers.update(ON_EVERY_REPLY)
                headers[REQUEST_ID_HEADER] = request_id
                if (ticket := scope["state"].get("ticket")) is not None:
                    headers.update(ticket.headers)  # what the caller's budgets have left
            await send(message)

        send_audited = _OnRecord(scope, receive, send_with_id)
        # The sender's trace goes on within, or one begins; its id is in every log line.
        with (
            tracing.serving(scope, request_id=request_id) as span,
            measure.bound(self._metrics),
            deadline.bound(_time_for(scope)),
        ):
            try:
                await self._app(scope, self._limited(scope, receive), send_audited)
            except Exception as error:
                if status:
                    scope["state"]["code"] = ABORTED
                    raise  # half a reply is out: only closing the connection says so
                response = await answer(Request(scope), error)
                if response.status_code >= OUR_SIDE:
                    _log.error("request_failed", **failure(error))
                await response(scope, receive, send_audited)
            finally:
                self._record(scope, span, status=status, seconds=time.perf_counter() - started)

    def _limited(self, scope: Scope, receive: Receive) -> Receive:
        """``receive``, raising 413 as soon as the body is or declares itself too large."""
        declared = Headers(scope=scope).get("content-length", "")
        limit = self._limit(scope)
        too_large = declared.isdigit() and int(declared) > limit
        seen = 0

        async def limited() -> Message:
            nonlocal seen
            if too_large:
                raise HTTPException(413)
            message = await receive()
            if message["type"] == "http.request":
                seen += len(message.get("body", b""))
                if seen > limit:
                    raise HTTPException(413)
            return message

        return limited

    def _limit(self, scope: Scope) -> int:
        """How large the body of this request may be.

        The routes of documents read it themselves, once it is sure whose it is.
        """
        method, path = scope["method"], scope["path"]
        if method == "PUT" and _DOCUMENT.fullmatch(path):
            return MAX_DOCUMENT_BYTES
        if method == "POST" and _BATCH.fullmatch(path):
            return MAX_BATCH_BYTES
        return MAX_BULK_BYTES if _BULK.fullmatch(path) else self._max_body_bytes

    def _record(self, scope: Scope, span: Span, *, status: int, seconds: float) -> None:
        route, code = route_of(scope), scope["state"]["code"]
        if not status:
            code = ABORTED
        elif code == measure.OK and status >= REFUSED_FROM:
            code = f"http_{status}"  # refused by a library, which has no code of ours
        self._metrics.request(route=route, status=status, code=code, seconds=seconds)
        tracing.served(span, scope, route=route, status=status, code=code)
        _log.info(
            "request",
            method=scope["method"] if route != UNMATCHED else "*",
            route=route,
            status=status,
            code=code,
            milliseconds=round(seconds * 1000, 2),
        )


def _time_for(scope: Scope) -> Deadline:
    """By when the request must be answered; what takes documents in looks at it for its token."""
    runtime: Runtime = scope["app"].state.runtime
    return Deadline.after(runtime.settings.deadline_seconds)


class _OnRecord:
    """Sends a reply, a refusal only once it is on record; if it cannot be, says that instead."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._replaced = False

    async def __call__(self, message: Message) -> None:
        """Send one message of the reply."""
        if self._replaced:
            return  # the rest of the refusal that must not leave
        if message["type"] == "http.response.start":
            try:
                await _audit_refusal(self._scope, status=message["status"])
            except AuditError as error:
                self._replaced = True
                response = await answer(Request(self._scope), error)
                await response(self._scope, self._receive, self._send)
                return
        await self._send(message)


async def _audit_refusal(scope: Scope, *, status: int) -> None:
    """Put a refusal on record, if it is one and its caller is established.

    Raises:
        AuditError: it could not be.
    """
    state = scope["state"]
    caller: Caller | None = state.get("caller")
    if status not in STATUSES or caller is None:
        return
    code = state["code"] if state["code"] != measure.OK else f"http_{status}"
    denial = Denial(
        surface="http",
        operation=f"{scope['method']} {route_of(scope)}",
        code=code,
        request_id=state["request_id"],
        targets=[str(value) for value in scope.get("path_params", {}).values()],
    )
    runtime: Runtime = scope["app"].state.runtime
    # In a worker thread: it waits for the disk.
    await anyio.to_thread.run_sync(record_denial, runtime, caller, denial)


UNMATCHED: Final = "unmatched"


def route_of(scope: Scope) -> str:
    """The template of the route that was taken: bounded in number, and free of what was asked."""
    return str(getattr(scope.get("route"), "path", UNMATCHED))


def accept_id(sent: str | None) -> str:
    """The sender's request id if it is a short, safe token, else a new one."""
    return sent if sent is not None and _SAFE_ID.fullmatch(sent) else new_request_id()
