"""The protocol server: lists tools, prompts and resources and answers calls, over any transport.

Built on the SDK's low-level server, because the arguments of a tool must be validated strictly and
its result must be the very model that the HTTP surface returns.
"""

from __future__ import annotations

import functools
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
import structlog
from mcp.server.lowlevel import Server
from mcp_types import CallToolResult, ListToolsResult, TextContent
from pydantic import ValidationError
from starlette.requests import Request

from acl.errors import AuditError
from retrieval import metrics as measure
from retrieval.api.boundary import new_request_id, request_id_of
from retrieval.api.problems import OUR_SIDE, refuse, refuse_fields
from retrieval.denials import STATUSES, Denial, record_denial
from retrieval.mcp import teaching
from retrieval.mcp.tools import INSTRUCTIONS, SURFACE, TOOLS
from retrieval.telemetry import failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.context import ServerRequestContext
    from mcp_types import CallToolRequestParams, PaginatedRequestParams
    from pydantic import BaseModel

    from acl.caller import Caller
    from retrieval.api.problems import Problem
    from retrieval.runtime import Runtime

    Context = ServerRequestContext[dict[str, Any], Any]
    Identify = Callable[[Context], Caller]

NAME: Final = "clearance"
UNKNOWN_TOOL: Final = "unknown_tool"
TARGET_ARGUMENT: Final = "chunk_id"
"""The argument of tools that names what is asked for; a refusal notes its digest."""

_NO_SUCH_TOOL: Final = {
    "loc": ("name",),
    "msg": f"there is no such tool: call one of {', '.join(TOOLS)}",
}
_log = structlog.get_logger(__name__)


class UnknownToolError(Exception):
    """A tool was called that does not exist."""


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
        return await anyio.to_thread.run_sync(
            functools.partial(_answer, runtime, identify, context, params)
        )

    return Server(
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


def _answer(
    runtime: Runtime, identify: Identify, context: Context, params: CallToolRequestParams
) -> CallToolResult:
    """Answer one call, or say why not; an error never reaches the protocol as an exception."""
    request = context.request
    request_id = request_id_of(request) if isinstance(request, Request) else new_request_id()
    # The name as sent is the sender's text and must not become a label.
    label = params.name if params.name in TOOLS else UNKNOWN_TOOL
    caller = None
    try:
        caller = identify(context)
        answer = _run(runtime, caller, params, request_id=request_id)
    except Exception as error:  # noqa: BLE001 - the last place that can answer
        problem = _problem(error, label, request_id=request_id)
        if caller is not None:
            problem = _audited(runtime, caller, params, problem, label=label)
    else:
        measure.current().tool_call(tool=label, code=measure.OK)
        return _answered(answer)
    measure.current().tool_call(tool=label, code=problem.code)
    return _refused(problem)


def _problem(error: Exception, label: str, *, request_id: str) -> Problem:
    """What is answered to an error."""
    if isinstance(error, UnknownToolError):
        return refuse_fields([_NO_SUCH_TOOL], request_id=request_id)
    if isinstance(error, ValidationError):
        return refuse_fields(error.errors(include_url=False), request_id=request_id)
    problem = refuse(error, request_id=request_id).problem
    if problem.status >= OUR_SIDE:
        _log.error("tool_failed", tool=label, request_id=request_id, **failure(error))
    return problem


def _audited(
    runtime: Runtime,
    caller: Caller,
    params: CallToolRequestParams,
    problem: Problem,
    *,
    label: str,
) -> Problem:
    """The refusal once it is on record; if it cannot be, that is the problem."""
    if problem.status not in STATUSES:
        return problem
    target = (params.arguments or {}).get(TARGET_ARGUMENT)
    denial = Denial(
        surface=SURFACE,
        operation=label,
        code=problem.code,
        request_id=problem.request_id,
        targets=[target] if isinstance(target, str) else [],
    )
    try:
        record_denial(runtime, caller, denial)
    except AuditError as error:
        return _problem(error, label, request_id=problem.request_id)
    return problem


def _run(
    runtime: Runtime, caller: Caller, params: CallToolRequestParams, *, request_id: str
) -> BaseModel:
    """May the caller, is it well formed, and only then the core."""
    tool = TOOLS.get(params.name)
    if tool is None:
        raise UnknownToolError
    caller.require(tool.scope)
    arguments = tool.arguments.model_validate(params.arguments or {})
    return tool.run(runtime, caller, arguments, request_id=request_id)


def _answered(answer: BaseModel) -> CallToolResult:
    """The result as structured content, and the same JSON as text for clients without it."""
    return CallToolResult(
        content=[TextContent(type="text", text=answer.model_dump_json())],
        structured_content=answer.model_dump(mode="json"),
    )


def _refused(problem: Problem) -> CallToolResult:
    return CallToolResult(
        content=[TextContent(type="text", text=problem.model_dump_json(exclude_none=True))],
        is_error=True,
    )
