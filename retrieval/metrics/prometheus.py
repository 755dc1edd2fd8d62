"""Counting in a service: the instruments of one application, in a registry of its own.

Every value of a label passes :class:`_Values`, which holds it to its list or, where the list is
open, to a shape and a number: what does not fit is counted as ``other``.
"""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any, Final

from retrieval.metrics import names
from retrieval.metrics.port import OK, Metrics

if TYPE_CHECKING:
    from collections.abc import Iterable

    from retrieval.metrics.families import Label

OTHER: Final = "other"
MOST: Final = 128
"""Values of one open label: more than there are routes, tools and codes together."""

_SHAPE: Final = re.compile(r"[A-Za-z0-9_./:{}*+-]{1,128}", re.ASCII)
_MCP: Final = "/mcp"
_CONSOLE: Final = "/console"


class PrometheusMetrics(Metrics):
    """Counts. Thread-safe, as its instruments are."""

    def __init__(self) -> None:
        from prometheus_client import (  # noqa: PLC0415 - only a service needs it
            CollectorRegistry,
            ProcessCollector,
            disable_created_metrics,
        )

        from retrieval.metrics.families import FAMILIES, Kind  # noqa: PLC0415 - as above

        # When each series began is twice the lines, and nobody asks.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # untyped in the library
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._counted = {
            name: _Instrument(name, self.registry)
            for name, family in FAMILIES.items()
            if family.kind is not Kind.GAUGE and name != names.RECORDS_DROPPED
        }

    def request(self, *, route: str, status: int, code: str, seconds: float) -> None:
        """Count one finished HTTP request."""
        self._add(names.REQUESTS, route, str(status), code)
        self._observe(names.REQUEST_SECONDS, seconds, route)
        if code != OK:
            self._add(names.PROBLEMS, surface_of(route), code)

    def tool_call(self, *, tool: str, code: str, seconds: float | None = None) -> None:
        """Count one MCP tool call."""
        self._add(names.TOOL_CALLS, tool, code)
        if seconds is not None:
            self._observe(names.TOOL_SECONDS, seconds, tool)
        if code != OK:
            self._add(names.PROBLEMS, "mcp", code)

    def answer(
        self,
        *,
        surface: str,
        status: str,
        seconds: float,
        action: str | None = None,
        reasons: Iterable[str] = (),
    ) -> None:
        """Count one answer of retrieve."""
        self._add(names.ANSWERS, surface, status)
        self._observe(names.RETRIEVE_SECONDS, seconds, surface)
        if action is not None:
            self._add(names.ACTIONS, surface, action)
        for reason in set(reasons):
            self._add(names.REASONS, surface, reason)

    def evidence(self, *, verdict: str, findings: Iterable[tuple[str, str]]) -> None:
        """Count one piece of evidence that was served."""
        self._add(names.EVIDENCE, verdict)
        for kind, severity in findings:
            self._add(names.FINDINGS, kind, severity)

    def evidence_tokens(self, count: int) -> None:
        """Count tokens of evidence."""
        self._add(names.EVIDENCE_TOKENS, amount=count)

    def duplicates(self, count: int) -> None:
        """Count pieces folded into others."""
        self._add(names.DUPLICATES, amount=count)

    def check(
        self,
        *,
        surface: str,
        seconds: float,
        verdicts: Iterable[str],
        reasons: Iterable[str],
        results: Iterable[str],
    ) -> None:
        """Count one check of claims."""
        self._add(names.CHECKS, surface)
        self._observe(names.CHECK_SECONDS, seconds, surface)
        for verdict in verdicts:
            self._add(names.CLAIMS, verdict)
        for reason in reasons:
            self._add(names.CLAIM_REASONS, reason)
        for result in results:
            self._add(names.CITATIONS, result)

    def stage(self, *, operation: str, stage: str, seconds: float) -> None:
        """Note how long a stage took."""
        self._observe(names.STAGE_SECONDS, seconds, operation, stage)

    def withdrawn(self) -> None:
        """Count an answer that did not leave."""
        self._add(names.WITHDRAWN)

    def token_refused(self, *, fault: str) -> None:
        """Count one refused token."""
        self._add(names.TOKENS_REFUSED, fault)

    def budget_refusal(self, *, budget: str, scope: str) -> None:
        """Count one refusal for want of budget."""
        self._add(names.BUDGET_REFUSALS, budget, scope)

    def waited(self, *, seconds: float, admitted: bool) -> None:
        """Note how long a request waited for its turn."""
        self._observe(names.QUEUE_SECONDS, seconds, "admitted" if admitted else "refused")

    def recheck_drops(self, count: int) -> None:
        """Count hits kept back."""
        self._add(names.RECHECK_DROPS, amount=count)

    def breaker_changed(self, *, name: str, state: str) -> None:
        """Count a change of a circuit; how it stands is read when metrics are asked for."""
        self._add(names.BREAKER_CHANGES, name, state)

    def fallback(self, *, name: str) -> None:
        """Count one answer without a dependency."""
        self._add(names.FALLBACKS, name)

    def cache(self, *, name: str, hit: bool) -> None:
        """Count one look into what is kept."""
        self._add(names.CACHE_LOOKUPS, name, "hit" if hit else "miss")

    def exposition(self) -> bytes:
        """Everything counted so far, in the Prometheus text format."""
        from prometheus_client import generate_latest  # noqa: PLC0415 - only a service needs it

        return generate_latest(self.registry)

    def _add(self, name: str, *values: str, amount: float = 1) -> None:
        self._counted[name].of(values).inc(amount)

    def _observe(self, name: str, seconds: float, *values: str) -> None:
        self._counted[name].of(values).observe(seconds)


class _Instrument:
    """A metric and the values its labels may take. Every series of a closed one starts at 0."""

    def __init__(self, name: str, registry: Any) -> None:
        from prometheus_client import Counter, Histogram  # noqa: PLC0415 - only a service needs it

        from retrieval.metrics.families import FAMILIES, Kind  # noqa: PLC0415 - as above

        family = FAMILIES[name]
        labels = list(family.labels)
        self._values = tuple(_Values(label) for label in family.labels.values())
        self._series: dict[tuple[str, ...], Any] = {}
        self._metric: Any
        if family.kind is Kind.COUNTER:
            self._metric = Counter(name, family.said, labels, registry=registry)
        else:
            self._metric = Histogram(
                name, family.said, labels, registry=registry, buckets=family.buckets
            )
        if family.closed and labels and family.kind is Kind.COUNTER:
            # A series that appears with its first event has no increase: no alert would see it.
            for values in product(*(label.values or () for label in family.labels.values())):
                self._metric.labels(*values)

    def of(self, values: tuple[str, ...]) -> Any:
        """The series with these values."""
        if not values:
            return self._metric
        found = self._series.get(values)
        if found is None:
            held = tuple(map(_Values.hold, self._values, values))
            found = self._metric.labels(*held)
            if held == values:  # so it is one of a bounded number
                self._series[values] = found
        return found


class _Values:
    """The values one label may take."""

    def __init__(self, label: Label) -> None:
        self._known = set(label.values or ())
        self._open = label.values is None

    def hold(self, value: str) -> str:
        """``value``, or ``other`` if it is not one the label may take."""
        value = str(value)
        if value in self._known:
            return value
        # Two threads may each add a last one: the bound is there against growth, not to the letter.
        if self._open and len(self._known) < MOST and _SHAPE.fullmatch(value):
            self._known.add(value)
            return value
        return OTHER


def surface_of(route: str) -> str:
    """The surface that a route belongs to."""
    if route.startswith(_MCP):
        return "mcp"
    return "console" if route.startswith(_CONSOLE) else "http"
