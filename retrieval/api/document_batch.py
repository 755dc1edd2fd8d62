"""``POST /v1/sources/{source}/documents:batch``: documents as lines of JSON, results as they come.

Each line stands for itself: what is wrong with one is said in its place and keeps no other back, so
the status is 200 as soon as the batch is accepted, and the last line sums up. A client need not
read while it writes, nor wait with reading until it has written: results wait in memory, which the
number of lines bounds.
"""

import json
import math
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

import anyio
from anyio.streams.memory import MemoryObjectSendStream
from fastapi import APIRouter, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from acl.caller import ApiScope
from acl.errors import AclError
from ingestion.deliveries import Delivery
from ingestion.push_source import PushSource
from retrieval.api.admin_routing import EncodedRoute
from retrieval.api.auth import PROBLEMS, guarded
from retrieval.api.boundary import MAX_BATCH_BYTES, request_id_of
from retrieval.api.document_body import LINE, read_line
from retrieval.api.documents import Post, PostOf, SourceName
from retrieval.api.lines import Line, Lines, TooManyLinesError
from retrieval.api.problems import HANDLED, refuse
from retrieval.pushing import Told

MEDIA_TYPE: Final = "application/x-ndjson"
MAX_LINE_BYTES: Final = 8 * 1024 * 1024
MAX_LINES: Final = 10_000
_JSONL: Final = frozenset({MEDIA_TYPE, "application/jsonl"})

router = APIRouter(prefix="/v1/sources/{source}", responses=PROBLEMS, route_class=EncodedRoute)

_OPENAPI: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {MEDIA_TYPE: {"schema": LINE.json_schema()}},
    },
}


@router.post(
    "/documents:batch",
    dependencies=guarded(ApiScope.INGEST, takes_body=False),
    operation_id="push_documents",
    openapi_extra=_OPENAPI,
    response_class=Response,
    responses={
        200: {
            "description": "A line for each line, in their order: its number, and the status or "
            "the problem. The last line sums up, and says whether all was read.",
            "content": {MEDIA_TYPE: {}},
        },
        413: {**PROBLEMS[422], "description": f"More than {MAX_BATCH_BYTES // 1024**2} MiB"},
        415: {**PROBLEMS[422], "description": f"Send the body as {MEDIA_TYPE}"},
    },
)
async def push_documents(source: SourceName, post: PostOf) -> Response:
    """Deliver documents, and word that documents are gone, a line of JSON for each.

    Lines are carried out in their order, those of one name too. A line whose result says no
    problem is durable and seen by every next query.
    """
    declared = post.request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared not in _JSONL:
        raise HTTPException(415)
    opened = await post.in_thread(lambda: post.desk.open(post.caller, source))
    return _Results(_Batch(post, opened))


@dataclass(slots=True)
class _Tally:
    """What came of a batch so far. ``stopped`` is why the rest was not looked at."""

    lines: int = 0
    acknowledged: int = 0
    stopped: dict[str, object] | None = None

    def summary(self) -> dict[str, object]:
        """The last line of the reply."""
        said: dict[str, object] = {
            "lines": self.lines,
            "acknowledged": self.acknowledged,
            "failed": self.lines - self.acknowledged,
            "complete": self.stopped is None,
        }
        return {"summary": said if self.stopped is None else {**said, "problem": self.stopped}}


@dataclass(slots=True)
class _Batch:
    """One batch on its way. Once it is ``broken``, nothing more of it is read."""

    post: Post
    source: PushSource
    tally: _Tally = field(default_factory=_Tally)
    broken: bool = False

    async def run(self, said: MemoryObjectSendStream[bytes]) -> None:
        """Read lines, carry them out, say what came of each, and sum up."""
        lines = Lines(max_line_bytes=MAX_LINE_BYTES, max_lines=MAX_LINES)
        with said:
            async with anyio.create_task_group() as group:
                group.start_soon(self._read, lines)
                while taken := await lines.take():
                    results = await self.post.in_thread(partial(self._work, taken))
                    said.send_nowait(b"".join(map(_spelled, results)))
                    if self.broken:
                        break
                group.cancel_scope.cancel()  # what is left unread after a stop
            said.send_nowait(_spelled(self.tally.summary()))

    async def _read(self, lines: Lines) -> None:
        try:
            await lines.read(self.post.request.stream())
        except ClientDisconnect:
            pass  # nobody is left to be told; what was read is carried out
        except TooManyLinesError:
            self.tally.stopped = self._problem(HTTPException(413))
        except HTTPException as error:  # the body as a whole is too large
            self.tally.stopped = self._problem(error)

    def _work(self, lines: list[Line]) -> list[dict[str, object]]:
        """Carry lines out. One result each, in their order."""
        read = [self._delivery(line) for line in lines]
        good = [one for one in read if not isinstance(one, Exception)]
        results: list[Told | Exception] = []
        try:
            results += self.post.desk.push(self.post.caller, self.source, good)
        except HANDLED as error:
            # No fault of these lines, so those that follow would fare no better.
            self.broken, self.tally.stopped = True, self._problem(error)
            results = [error] * len(good)
        told = iter(results)
        return [
            self._said(line, one if isinstance(one, Exception) else next(told))
            for line, one in zip(lines, read, strict=True)
        ]

    def _delivery(self, line: Line) -> Delivery | Exception:
        if line.text is None:
            return HTTPException(413)
        try:
            return read_line(line.text, source=self.source.name)
        except (RequestValidationError, AclError) as error:
            return error

    def _said(self, line: Line, result: Told | Exception) -> dict[str, object]:
        self.tally.lines += 1
        if isinstance(result, Exception):
            return {"line": line.number, "problem": self._problem(result)}
        self.tally.acknowledged += 1
        return {
            "line": line.number,
            "id": result.external_id,
            "document_id": result.document_id,
            "status": result.status.value,
        }

    def _problem(self, error: Exception) -> dict[str, object]:
        problem = refuse(error, request_id=request_id_of(self.post.request)).problem
        return problem.model_dump(exclude_none=True)


def _spelled(said: dict[str, object]) -> bytes:
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


class _Results(Response):
    """A reply whose body is written while the request's is still read."""

    media_type = MEDIA_TYPE

    def __init__(self, batch: _Batch) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._batch = batch

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what is said as it is said."""
        del scope, receive  # the request reads them
        said, to_send = anyio.create_memory_object_stream[bytes](math.inf)
        async with anyio.create_task_group() as group:
            group.start_soon(self._batch.run, said)
            start = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **start})
            with to_send:
                async for some in to_send:
                    await send({"type": "http.response.body", "body": some, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
