"""MCP over standard input and output, for an agent on this machine.

The token comes from ``CLEARANCE_TOKEN`` and says who asks; it is checked again on every call, so
that a revoked key stops working while the agent is running. Standard output is the wire: nothing
else may write to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
from mcp.server.stdio import stdio_server

from acl.errors import InvalidTokenError
from retrieval.mcp.server import build_server

if TYPE_CHECKING:
    from mcp.server.context import ServerRequestContext

    from acl.caller import Caller
    from retrieval.runtime import Runtime

ABSENT = (
    "CLEARANCE_TOKEN is not set, so there is nobody to ask for: make a key with "
    "'clearance keys create user:ID --tenant T' and set it in the agent's configuration"
)
REFUSED = (
    "CLEARANCE_TOKEN is unknown, expired or revoked: make a new key with 'clearance keys create'"
)


def serve_stdio(runtime: Runtime) -> None:
    """Serve one client until it closes the stream.

    Raises:
        InvalidTokenError: no token is set, or it is not good; the message says the remedy.
    """
    token = runtime.settings.token
    if not token:
        raise InvalidTokenError(ABSENT)

    def identify(_context: ServerRequestContext[dict[str, Any], Any] | None) -> Caller:
        return runtime.authenticate(token)

    try:
        identify(None)
    except InvalidTokenError as error:
        raise InvalidTokenError(REFUSED) from error
    anyio.run(_serve, runtime, identify)


async def _serve(runtime: Runtime, identify: Any) -> None:
    server = build_server(runtime, identify)
    async with stdio_server() as (incoming, outgoing):
        await server.run(incoming, outgoing, server.create_initialization_options())
