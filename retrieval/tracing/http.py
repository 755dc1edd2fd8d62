"""The span of an HTTP request, and its trace in log lines.

The web framework has spans of its own, which hold the path and the query as sent; they are switched
off in :mod:`retrieval.api.app`, and this stands in their place.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

import structlog
from starlette.datastructures import Headers

from retrieval.metrics import OK
from retrieval.tracing import names
from retrieval.tracing.remote import NOWHERE, TRACEPARENT, remote, trace_id
from retrieval.tracing.spans import Kind, Span, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.types import Scope

METHODS: Final = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
_SCHEMES: Final = frozenset({"http", "https"})
_OUR_SIDE: Final = 500


@contextmanager
def serving(scope: Scope, *, request_id: str) -> Iterator[Span]:
    """The span of a request; within, log lines have its request id and the trace's id."""
    sent = Headers(scope=scope).getlist(TRACEPARENT)
    origin = remote(sent[0]) if len(sent) == 1 else NOWHERE
    method, scheme = _method(scope), scope.get("scheme")
    attributes = {
        names.HTTP_METHOD: method,
        names.SCHEME: scheme if scheme in _SCHEMES else None,
        names.REQUEST_ID: request_id,
    }
    with span(method, attributes, kind=Kind.SERVER, parent=origin.parent) as made:
        told = {"request_id": request_id}
        if (trace := trace_id(origin.trace_id)) is not None:
            told["trace_id"] = trace
        with structlog.contextvars.bound_contextvars(**told):
            yield made


def served(made: Span, scope: Scope, *, route: str, status: int, code: str) -> None:
    """Say how the request ended. ``route`` is the template, never the path."""
    made.rename(f"{_method(scope)} {route}")
    made.set(names.HTTP_ROUTE, route)
    made.set(names.HTTP_STATUS, status)
    if code != OK:
        made.set(names.CODE, code)
    # By the convention, what the sender did wrong is no error of the server's.
    if status >= _OUR_SIDE:
        made.failed(code)


def _method(scope: Scope) -> str:
    method: str = scope["method"]
    return method if method in METHODS else names.OTHER
