"""The OpenAPI document: what the framework makes of the routes, and what every route may answer.

Which problems an operation can end in follows from its shape (is there a token, a body, a name in
its path), so it is written here once rather than at each route, and none can be forgotten. Each
status lists an example of every problem it can hold. What must never live here: a route.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from fastapi import FastAPI

from retrieval.api.problems import MEDIA_TYPE, TYPE_PREFIX, kinds

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

_PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
_REFUSED_FROM: Final = 400
_REQUEST_ID: Final = "5f1c0e6a7d5b4f0f8d0a6c1b2e3f4a5b"

_SAYS: Final[dict[int, str]] = {
    400: "The body could not be read as JSON",
    401: "No good bearer token",
    403: "The token lacks the API scope, or the tenant is disabled",
    404: "It does not exist, or this caller may not see it",
    413: "The body is too large",
    415: "The body is not declared to be JSON",
    422: "The request is malformed; errors names each field",
    429: "A budget is spent; Retry-After says when to ask again",
    500: "Our mistake; tell the request id to whoever runs the service",
    502: "The source could not be read",
    503: "Something that this needs is away, or the service is busy",
    504: "Time ran out",
}
_WITH_TOKEN: Final = (401, 403, 422, 429, 500, 503, 504)
_WITH_BODY: Final = (400, 413, 415)
_WITH_NAME: Final = (404,)


class DescribedApi(FastAPI):
    """An application whose document says all that its routes may answer."""

    def openapi(self) -> Json:
        """The document; made once."""
        made = self.openapi_schema is None
        document = super().openapi()
        if made:
            complete(document)
        return document


def complete(document: Json) -> None:
    """Add to each operation the problems of its shape, and to each reply an example."""
    components = document.setdefault("components", {})
    components["examples"] = {name: {"value": problem} for name, problem in _problems()}
    components["responses"] = {
        _shared(status): {"description": says, "content": _holding(status)}
        for status, says in _SAYS.items()
    }
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _add_problems(path, operation)
            _show(operation)


def _add_problems(path: str, operation: Json) -> None:
    replies = operation["responses"]
    for status in _WITH_TOKEN if "security" in operation else ():
        replies[str(status)] = {"$ref": f"#/components/responses/{_shared(status)}"}
    for status in (
        *(_WITH_BODY if "requestBody" in operation else ()),
        *(_WITH_NAME if "{" in path else ()),
    ):
        replies.setdefault(str(status), {"$ref": f"#/components/responses/{_shared(status)}"})
    for status, reply in replies.items():
        # The framework lists its own media type for a model; problems have theirs alone.
        if int(status) >= _REFUSED_FROM and MEDIA_TYPE in reply.get("content", {}):
            reply["content"] = _holding(int(status))
    operation["responses"] = dict(sorted(replies.items()))


def _shared(status: int) -> str:
    return f"problem-{status}"


def _holding(status: int) -> Json:
    return {MEDIA_TYPE: {"schema": _PROBLEM, "examples": _named(status)}}


def _show(operation: Json) -> None:
    """Put the example of the operation beside its success."""
    for status, value in _answers().get(operation["operationId"], {}).items():
        for described in operation["responses"][status].get("content", {}).values():
            described["example"] = value


def _named(status: int) -> Json:
    """The examples of every problem with a status, by code."""
    return {
        code: {"$ref": f"#/components/examples/{_name(known, code)}"}
        for known, code in sorted(kinds())
        if known == status
    }


def _name(status: int, code: str) -> str:
    return f"{status}-{code}"  # some codes have two


def _problems() -> Iterator[tuple[str, Json]]:
    """One problem of each kind, as a reply would hold it, by the name of its example."""
    for (status, code), row in sorted(kinds().items()):
        yield (
            _name(status, code),
            {
                "type": TYPE_PREFIX + code,
                "title": row.title,
                "status": status,
                "code": code,
                "detail": row.detail or "It names the cause and the remedy.",
                "request_id": _REQUEST_ID,
            },
        )


@cache
def _answers() -> dict[str, dict[str, Any]]:
    """Recorded replies, by operation and status."""
    text = files("retrieval.api").joinpath("examples.json").read_text("utf-8")
    found: dict[str, dict[str, Any]] = json.loads(text)
    return found
