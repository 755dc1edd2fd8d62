"""Metric names, and where things are counted. No label ever names a tenant, a caller or a document.

Code far from the application (the recheck of the pipeline, say) reaches the metrics of its request
through :func:`current`; the web layer binds them for the length of a request. Outside of one, on
the command line for instance, counting costs nothing and needs no library.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

REQUESTS: Final = "clearance_requests"
REQUEST_SECONDS: Final = "clearance_request_seconds"
ANSWERS: Final = "clearance_answers"
RETRIEVE_SECONDS: Final = "clearance_retrieve_seconds"
RECHECK_DROPS: Final = "clearance_recheck_drops"
TOKENS_REFUSED: Final = "clearance_tokens_refused"
TOOL_CALLS: Final = "clearance_tool_calls"
BUDGET_REFUSALS: Final = "clearance_budget_refusals"

OK: Final = "ok"
"""The ``code`` label of everything that did not end in a problem."""

_SECONDS: Final = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Metrics:
    """What can be counted. This one counts nothing."""

    def request(self, *, route: str, status: int, code: str, seconds: float) -> None:
        """Count one finished HTTP request. ``route`` is the template, never the path asked for."""

    def answer(self, *, surface: str, status: str, seconds: float) -> None:
        """Count one answer of retrieve, whatever its status."""

    def tool_call(self, *, tool: str, code: str) -> None:
        """Count one MCP tool call."""

    def token_refused(self, *, fault: str) -> None:
        """Count one bearer token that was refused, by what was wrong with it."""

    def budget_refusal(self, *, budget: str, scope: str) -> None:
        """Count one request refused by a budget of a user or tenant, or for want of a slot."""

    def recheck_drops(self, count: int) -> None:
        """Count hits that the recheck kept back immediately before they would have left."""


class PrometheusMetrics(Metrics):
    """The counters and histograms of one application, in a registry of its own."""

    def __init__(self) -> None:
        from prometheus_client import (  # noqa: PLC0415 - only a service needs it
            CollectorRegistry,
            Counter,
            Histogram,
        )

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
        self._tokens_refused = Counter(
            TOKENS_REFUSED,
            "Bearer tokens refused, by what was wrong (whoever sent them is not told).",
            ["fault"],
            registry=self.registry,
        )
        self._budget_refusals = Counter(
            BUDGET_REFUSALS,
            "Requests refused by a budget ('queue' for want of a slot), by user or tenant.",
            ["budget", "scope"],
            registry=self.registry,
        )
        self._recheck_drops = Counter(
            RECHECK_DROPS,
            "Hits that the recheck kept back immediately before they would have left.",
            registry=self.registry,
        )

    def request(self, *, route: str, status: int, code: str, seconds: float) -> None:
        """Count one finished HTTP request."""
        self._requests.labels(route, str(status), code).inc()
        self._request_seconds.labels(route).observe(seconds)

    def answer(self, *, surface: str, status: str, seconds: float) -> None:
        """Count one answer of retrieve."""
        self._answers.labels(surface, status).inc()
        self._retrieve_seconds.labels(surface).observe(seconds)

    def tool_call(self, *, tool: str, code: str) -> None:
        """Count one MCP tool call."""
        self._tool_calls.labels(tool, code).inc()

    def token_refused(self, *, fault: str) -> None:
        """Count one refused token."""
        self._tokens_refused.labels(fault).inc()

    def budget_refusal(self, *, budget: str, scope: str) -> None:
        """Count one refusal by a budget."""
        self._budget_refusals.labels(budget, scope).inc()

    def recheck_drops(self, count: int) -> None:
        """Count hits kept back."""
        self._recheck_drops.inc(count)

    def exposition(self) -> bytes:
        """Everything counted so far, in the Prometheus text format."""
        from prometheus_client import generate_latest  # noqa: PLC0415 - as above

        return generate_latest(self.registry)


_current: ContextVar[Metrics] = ContextVar("clearance_metrics", default=Metrics())  # noqa: B039 - it holds no state


def current() -> Metrics:
    """The metrics of the request being served; outside of one, some that count nothing."""
    return _current.get()


@contextmanager
def bound(metrics: Metrics) -> Iterator[None]:
    """Make ``metrics`` the current ones; worker threads started within inherit them."""
    token = _current.set(metrics)
    try:
        yield
    finally:
        _current.reset(token)
