"""Metric names, and where they are counted. No label ever names a tenant, a caller or a document.

A :class:`Metrics` owns its registry, so that two applications in one process do not add up. Code
far from the application (the recheck of the pipeline, say) reaches the one of its request through
:func:`current`; the web layer binds it for the length of a request.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS: Final = "clearance_requests"
REQUEST_SECONDS: Final = "clearance_request_seconds"
ANSWERS: Final = "clearance_answers"
RETRIEVE_SECONDS: Final = "clearance_retrieve_seconds"
RECHECK_DROPS: Final = "clearance_recheck_drops"
TOOL_CALLS: Final = "clearance_tool_calls"

OK: Final = "ok"
"""The ``code`` label of everything that did not end in a problem."""

_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """The counters and histograms of one application."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._requests = Counter(
            REQUESTS,
            "HTTP requests by route template, HTTP status and problem code ('ok' if none).",
            ["route", "status", "code"],
            registry=self.registry,
        )
        self._request_seconds = Histogram(
            REQUEST_SECONDS,
            "Wall clock of HTTP requests.",
            ["route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._answers = Counter(
            ANSWERS,
            "Answers of retrieve by surface and status.",
            ["surface", "status"],
            registry=self.registry,
        )
        self._retrieve_seconds = Histogram(
            RETRIEVE_SECONDS,
            "Wall clock of retrieve, without the transport.",
            ["surface"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._tool_calls = Counter(
            TOOL_CALLS,
            "MCP tool calls by tool and problem code ('ok' if none).",
            ["tool", "code"],
            registry=self.registry,
        )
        self._recheck_drops = Counter(
            RECHECK_DROPS,
            "Hits that the recheck kept back immediately before they would have left.",
            registry=self.registry,
        )

    def request(self, *, route: str, status: int, code: str, seconds: float) -> None:
        """Count one finished HTTP request. ``route`` is the template, never the path asked for."""
        self._requests.labels(route, str(status), code).inc()
        self._request_seconds.labels(route).observe(seconds)

    def answer(self, *, surface: str, status: str, seconds: float) -> None:
        """Count one answer of retrieve, whatever its status."""
        self._answers.labels(surface, status).inc()
        self._retrieve_seconds.labels(surface).observe(seconds)

    def tool_call(self, *, tool: str, code: str) -> None:
        """Count one MCP tool call."""
        self._tool_calls.labels(tool, code).inc()

    def recheck_drops(self, count: int) -> None:
        """Count hits that were kept back by the recheck."""
        self._recheck_drops.inc(count)

    def exposition(self) -> bytes:
        """Everything counted so far, in the Prometheus text format."""
        return generate_latest(self.registry)


_process = Metrics()
_current: ContextVar[Metrics] = ContextVar("clearance_metrics", default=_process)


def current() -> Metrics:
    """The metrics of the request being served, or the process's own outside of one."""
    return _current.get()


@contextmanager
def bound(metrics: Metrics) -> Iterator[None]:
    """Make ``metrics`` the current ones; worker threads started within inherit them."""
    token = _current.set(metrics)
    try:
        yield
    finally:
        _current.reset(token)
