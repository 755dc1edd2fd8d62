"""The protocol server: lists tools, prompts and resources and answers calls, over any transport.

Built on the SDK's low-level server, because the arguments of a tool must be validated strictly and
its result must be the very model that the HTTP surface returns.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from mcp.server.lowlevel import Server
from mcp_types import ListToolsResult

from retrieval.mcp import teaching
from retrieval.mcp.call import ToolCall
from retrieval.mcp.tools import INSTRUCTIONS, TOOLS
from retrieval.tracing.mcp import Traced

if TYPE_CHECKING:
    from mcp_types import CallToolRequestParams, CallToolResult, PaginatedRequestParams

    from retrieval.mcp.call import Context, Identify
    from retrieval.runtime import Runtime

NAME: Final = "clearance"


def build_server(runtime: Runtime, identify: Identify) -> Server[dict[str, Any]]:
    """The server over ``runtime``.

    Args:
        runtime: kept open by whoever builds the server.
        identify: the caller of a request, established by the transport; may raise
            ``InvalidTokenError``. Called in a worker thread, once for each call.
    """

    async def list_tools(
        _context: Context, _params: PaginatedRequestParams | None
    ) -> ListToolsResult:
        return ListToolsResult(tools=[tool.describe() for tool in TOOLS.values()])

    async def call_tool(context: Context, params: CallToolRequestParams) -> CallToolResult:
        return await ToolCall(runtime, identify, context, params).answer()

    server = Server[dict[str, Any]](
        NAME,
        title="Clearance",
        version=version("clearance-retrieval"),
        instructions=INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_prompts=teaching.list_prompts,
        on_get_prompt=teaching.get_prompt,
        on_list_resources=teaching.list_resources,
        on_list_resource_templates=teaching.list_templates,
        on_read_resource=teaching.read_resource,
    )
    server.middleware[:] = [Traced(TOOLS)]  # in place of spans that repeat what was sent
    return server
