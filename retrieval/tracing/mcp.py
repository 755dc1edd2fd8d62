"""The span of an MCP message, in place of the library's own.

The library's has the names of tools and prompts and the ids of requests as they were sent, and the
words of errors. This one records a name only if it is one of ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import structlog
from mcp.server.context import ServerMiddleware
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult
from mcp_types.version import SUPPORTED_PROTOCOL_VERSIONS

from retrieval.tracing import names
from retrieval.tracing.remote import TRACEPARENT, remote, trace_id
from retrieval.tracing.spans import Kind, span

if TYPE_CHECKING:
    from collections.abc import Collection

    from mcp.server.context import CallNext, HandlerResult, ServerRequestContext

_CALL: Final = "tools/call"
TOOL_ERROR: Final = "tool_error"
METHODS: Final = frozenset(
    {
        *("initialize", "ping", "server/discover", "notifications/initialized"),
        *("notifications/cancelled", "notifications/progress", "completion/complete"),
        *("tools/list", _CALL, "prompts/list", "prompts/get", "logging/setLevel"),
        *("resources/list", "resources/templates/list", "resources/read"),
    }
)


class Traced(ServerMiddleware[Any]):
    """Puts a span around every message.

    Args:
        tools: the names a tool may have.
    """

    def __init__(self, tools: Collection[str]) -> None:
        self._tools = tools

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Handle one message."""
        method = ctx.method if ctx.method in METHODS else names.OTHER
        asked = (ctx.params or {}).get("name") if method == _CALL else None
        tool = asked if isinstance(asked, str) and asked in self._tools else None
        known = ctx.protocol_version in SUPPORTED_PROTOCOL_VERSIONS
        attributes = {
            names.MCP_METHOD: method,
            names.MCP_VERSION: ctx.protocol_version if known else None,
            names.OPERATION: names.EXECUTE_TOOL if method == _CALL else None,
            names.TOOL: tool,
        }
        origin = remote((ctx.meta or {}).get(TRACEPARENT))
        called = method if tool is None else f"{method} {tool}"
        with span(called, attributes, kind=Kind.SERVER, parent=origin.parent) as made:
            told = {}
            if (trace := trace_id(origin.trace_id)) is not None:
                told["trace_id"] = trace
            with structlog.contextvars.bound_contextvars(**told):
                try:
                    result = await call_next(ctx)
                except MCPError as error:
                    made.failed(str(error.error.code))
                    raise
            match result:  # as our handler made it, or as it will be sent
                case CallToolResult(is_error=True) | {"isError": True}:
                    made.failed(TOOL_ERROR)
                case _:
                    pass
            return result
