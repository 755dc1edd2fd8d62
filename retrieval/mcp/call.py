"""One tool call, from its sender's words to the reply: may they, is it well formed, is there room.

What may block runs in a worker thread; waiting for admission does not, so that who waits holds no
thread that those who are answered need.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio.to_thread
import structlog
from mcp_types import CallToolResult, TextContent
from pydantic import ValidationError
from starlette.requests import Request

from acl.errors import AuditError
from ingestion.errors import RefusedForNowError
from retrieval import metrics as measure
from retrieval import tracing
from retrieval.api.boundary import new_request_id, request_id_of
from retrieval.api.problems import OUR_SIDE, refuse, refuse_fields
from retrieval.denials import STATUSES, Denial, record_denial
from retrieval.flags.guard import require_tool
from retrieval.limits.budgets import Operation
from retrieval.mcp.tools import SURFACE, TOOLS
from retrieval.resilience import deadline
from retrieval.resilience.deadline import Deadline
from retrieval.telemetry import failure
from retrieval.tracing import names
from retrieval.verify_request import VerifyRequest, claims_in

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.context import ServerRequestContext
    from mcp_types import CallToolRequestParams
    from pydantic import BaseModel

    from acl.caller import Caller
    from retrieval.api.problems import Problem
    from retrieval.limits.ticket import Ticket
    from retrieval.mcp.tools import ToolSpec
    from retrieval.runtime import Runtime

    Context = ServerRequestContext[dict[str, Any], Any]
    Identify = Callable[[Context], Caller]

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


@dataclass(slots=True)
class ToolCall:
    """A call of one tool.

    Attributes:
        runtime: the installation.
        identify: the caller of a request, established by the transport; may raise
            ``InvalidTokenError``. Called in a worker thread, once.
        context: of the request.
        params: what was sent.
        caller: once it is established.
    """

    runtime: Runtime
    identify: Identify
    context: Context
    params: CallToolRequestParams
    caller: Caller | None = field(default=None, init=False)
    _request_id: str = field(default="", init=False)

    def __post_init__(self) -> None:
        request = self.context.request
        self._request_id = (
            request_id_of(request) if isinstance(request, Request) else new_request_id()
        )

    @property
    def label(self) -> str:
        """The tool's name for metrics. As sent it is the sender's text: no label."""
        return self.params.name if self.params.name in TOOLS else UNKNOWN_TOOL

    async def answer(self) -> CallToolResult:
        """Answer, or say why not; an error never reaches the protocol as an exception."""
        started = time.perf_counter()
        # A session's task may have begun in an earlier request: its time is not this call's.
        with deadline.bound(Deadline.after(self.runtime.settings.deadline_seconds)):
            result, code = await self._ended()
        seconds = time.perf_counter() - started
        measure.current().tool_call(tool=self.label, code=code, seconds=seconds)
        return result

    async def _ended(self) -> tuple[CallToolResult, str]:
        """The reply, and the code of its problem, or that it has none."""
        try:
            caller, tool, arguments = await anyio.to_thread.run_sync(self._prepare)
            ticket = self.runtime.admission.admitted(caller, Operation(tool.name))
            if isinstance(self.context.request, Request):
                self.context.request.state.ticket = ticket  # the reply's headers tell of it
            async with ticket:
                result = await anyio.to_thread.run_sync(self._run, caller, tool, arguments, ticket)
        except Exception as error:  # noqa: BLE001 - the last place that can answer
            problem = await anyio.to_thread.run_sync(self._refuse, error)
            tracing.current().set(names.CODE, problem.code)
            return _refused(problem), problem.code
        return result, measure.OK

    def _prepare(self) -> tuple[Caller, ToolSpec, BaseModel]:
        """Who is it, may they, and is it well formed: asked before anything is charged."""
        self.caller = caller = self.identify(self.context)
        tool = TOOLS.get(self.params.name)
        if tool is None:
            raise UnknownToolError
        caller.require(tool.scope)
        require_tool(self.runtime.flags, caller, tool.name)
        return caller, tool, tool.arguments.model_validate(self.params.arguments or {})

    def _run(
        self, caller: Caller, tool: ToolSpec, arguments: BaseModel, ticket: Ticket
    ) -> CallToolResult:
        """Ask the core, and charge for it."""
        if isinstance(arguments, VerifyRequest):
            ticket.claims(claims_in(arguments))
        answer = tool.run(self.runtime, caller, arguments, request_id=self._request_id)
        if (usage := getattr(answer, "usage", None)) is not None:
            ticket.evidence_tokens(usage.evidence_tokens)
        return _answered(answer)

    def _refuse(self, error: Exception) -> Problem:
        """What is answered to an error, once it is on record where it belongs there."""
        problem = self._problem(error)
        if self.caller is None or problem.status not in STATUSES:
            return problem
        target = (self.params.arguments or {}).get(TARGET_ARGUMENT)
        denial = Denial(
            surface=SURFACE,
            operation=self.label,
            code=problem.code,
            request_id=problem.request_id,
            targets=[target] if isinstance(target, str) else [],
        )
        try:
            record_denial(self.runtime, self.caller, denial)
        except AuditError as unrecorded:
            return self._problem(unrecorded)
        return problem

    def _problem(self, error: Exception) -> Problem:
        if isinstance(error, UnknownToolError):
            return refuse_fields([_NO_SUCH_TOOL], request_id=self._request_id)
        if isinstance(error, ValidationError):
            return refuse_fields(error.errors(include_url=False), request_id=self._request_id)
        problem = refuse(error, request_id=self._request_id).problem
        # To refuse under load is no failure, and a line for each would be one more load.
        if problem.status >= OUR_SIDE and not isinstance(error, RefusedForNowError):
            _log.error(
                "tool_failed", tool=self.label, request_id=self._request_id, **failure(error)
            )
        return problem


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
