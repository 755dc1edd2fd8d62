"""What may be sent to ``/mcp`` at all: one JSON-RPC message, by POST, declared to be JSON.

Looked at before the SDK sees it, which would keep a stream open for a GET that nothing is ever sent
on, and would say of a malformed message what its own validation says, input and all. What must
never live here: what a message asks for.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from mcp_types import INVALID_REQUEST, PARSE_ERROR
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_JSON: Final = "application/json"


class OneMessage:
    """ASGI middleware that lets well-formed messages pass, and answers all others."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request.

        Raises:
            HTTPException: it is no POST, is not declared to be JSON, or is too large.
        """
        if scope["method"] != "POST":
            raise HTTPException(405, headers={"Allow": "POST"})
        declared = Headers(scope=scope).get("content-type", "").partition(";")[0]
        if declared.strip().lower() != _JSON:
            raise HTTPException(415)
        body = await _whole(receive)
        if body is None:
            return  # the client is gone
        wrong = fault_of(body)
        if wrong is None:
            await self._app(scope, _again(body, receive), send)
            return
        code, message = wrong
        error = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": message}}
        await JSONResponse(error, status_code=400)(scope, receive, send)


def fault_of(body: bytes) -> tuple[int, str] | None:
    """The code and words for a body that is no message of this protocol; None for one that is."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return PARSE_ERROR, "the body is not JSON: send one JSON-RPC 2.0 message"
    if isinstance(message, list):
        return INVALID_REQUEST, "batches are not taken: send one message at a time"
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return INVALID_REQUEST, 'send a JSON object with "jsonrpc": "2.0"'
    return _fault_in(message)


def _fault_in(message: dict[str, Any]) -> tuple[int, str] | None:
    if "id" in message and (
        isinstance(message["id"], bool) or not isinstance(message["id"], str | int)
    ):
        return INVALID_REQUEST, "id: give a string or a whole number, or leave it out"
    if "method" not in message and ("result" in message) != ("error" in message):
        return None  # a client's answer
    if not isinstance(message.get("method"), str):
        return INVALID_REQUEST, "method: give its name"
    if not isinstance(message.get("params", {}), dict):
        return INVALID_REQUEST, "params: give an object, or leave it out"
    return None


async def _whole(receive: Receive) -> bytes | None:
    """The body; the boundary bounds it. None if the client went away."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _again(body: bytes, receive: Receive) -> Receive:
    """``receive`` as if the body had not been read."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay
