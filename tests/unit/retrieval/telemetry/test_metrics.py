"""The table of metrics: everything that can happen has a place in it, and it cannot overflow."""

from __future__ import annotations

import inspect
from math import prod
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval import metrics, pipeline, status, verify
from retrieval.api import problems
from retrieval.metrics import names
from retrieval.metrics.families import (
    CACHES,
    CIRCUIT,
    DEPENDENCIES,
    FAMILIES,
    OPERATIONS,
    STAGES,
    Kind,
    exposed,
)
from retrieval.metrics.port import Metrics
from retrieval.metrics.prometheus import MOST, OTHER, PrometheusMetrics
from retrieval.resilience import memory
from retrieval.resilience.guard import BreakerState
from retrieval.resilience.guards import Guards
from retrieval.source_gauges import GAUGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

OPEN = {"route", "status", "code", "tool", "version", "python", "catalogue", "index"}
"""The labels whose values the code does not list: bounded by their number."""


def series(counted: PrometheusMetrics) -> dict[str, float]:
    rows = counted.exposition().decode().splitlines()
    return {
        name: float(value)
        for name, _, value in (row.rpartition(" ") for row in rows if not row.startswith("#"))
    }


def every_error() -> Iterable[type[BaseException]]:
    """The classes of the table, and all that are answered by way of one of them."""
    found, left = set(), list(problems.TABLE)
    while left:
        kind = left.pop()
        if kind not in found and kind.__module__.split(".")[0] in {"acl", "ingestion", "verifier"}:
            left.extend(kind.__subclasses__())
        found.add(kind)
    return found


def codes() -> set[str]:
    """Every code that a request can end with."""
    told = {row.code for row in (*problems.TABLE.values(), *problems._BY_STATUS.values())}
    own = {getattr(kind, name, None) for kind in every_error() for name in ("code", "default_code")}
    return {code for code in told | own if isinstance(code, str)} | {"invalid_request"}


@pytest.mark.parametrize("code", sorted(codes()))
def test_every_problem_is_counted_on_every_surface(code: str) -> None:
    counted = PrometheusMetrics()
    counted.request(route="/v1/retrieve", status=400, code=code, seconds=0.1)
    counted.request(route="/console/ask", status=400, code=code, seconds=0.1)
    counted.tool_call(tool="retrieve", code=code)
    told = series(counted)
    for surface in ("http", "console", "mcp"):
        assert told[f'clearance_problems_total{{code="{code}",surface="{surface}"}}'] == 1


@pytest.mark.parametrize(
    ("name", "label", "table"),
    [
        (names.REASONS, "reason", list(status.TABLE)),
        (names.ANSWERS, "status", list(status.Status)),
        (names.ACTIONS, "action", list(status.Action)),
        (names.BREAKER_STATE, "state", list(BreakerState)),
        (names.BREAKER_STATE, "name", [guard.name for guard in Guards()]),
    ],
)
def test_a_label_has_every_value_its_table_has(name: str, label: str, table: list[str]) -> None:
    assert set(FAMILIES[name].labels[label].values or ()) == {str(value) for value in table}


def test_dependencies_and_circuits_are_those_that_are_guarded() -> None:
    assert set(DEPENDENCIES) == {guard.name for guard in Guards()}
    assert set(CIRCUIT) == {state.value for state in BreakerState}


@pytest.mark.parametrize("reason", list(status.TABLE))
def test_every_reason_is_counted_and_starts_at_nothing(reason: status.ReasonCode) -> None:
    counted = PrometheusMetrics()
    line = f'clearance_answer_reasons_total{{reason="{reason}",surface="mcp"}}'
    assert series(counted)[line] == 0
    counted.answer(surface="mcp", status="degraded", seconds=0.1, reasons=[reason, reason])
    assert series(counted)[line] == 1


def test_what_is_kept_is_told_by_the_names_of_the_table() -> None:
    sources = (inspect.getsource(memory), inspect.getsource(pipeline))
    kept = {part.partition('"')[0] for text in sources for part in text.split('.cache(name="')[1:]}
    assert kept == set(CACHES)


def test_the_operations_and_stages_that_are_timed_are_those_of_the_table() -> None:
    sources = (inspect.getsource(pipeline), inspect.getsource(verify))
    laps = {part.partition('"')[0] for text in sources for part in text.split('.lap("')[1:]}
    timed = {part.partition('"')[0] for text in sources for part in text.split('Stopwatch("')[1:]}
    assert laps == set(STAGES)
    assert timed == set(OPERATIONS)


EVERYTHING: list[Callable[[Metrics], object]] = [
    lambda m: m.request(route="/livez", status=200, code="ok", seconds=0.1),
    lambda m: m.request(route="/mcp", status=401, code="http_401", seconds=0.1),
    lambda m: m.tool_call(tool="retrieve", code="ok", seconds=0.1),
    lambda m: m.answer(
        surface="http", status="ok", seconds=0.1, action="answer", reasons=["approximate"]
    ),
    lambda m: m.evidence(verdict="clean", findings=[("injection", "high")]),
    lambda m: m.evidence_tokens(5),
    lambda m: m.duplicates(2),
    lambda m: m.check(
        surface="http",
        seconds=0.1,
        verdicts=["supported"],
        reasons=["no_citation"],
        results=["quoted"],
    ),
    lambda m: m.stage(operation="retrieve", stage="embed", seconds=0.1),
    lambda m: m.withdrawn(),
    lambda m: m.token_refused(fault="expired"),
    lambda m: m.budget_refusal(budget="queue", scope="tenant"),
    lambda m: m.waited(seconds=0.1, admitted=False),
    lambda m: m.recheck_drops(1),
    lambda m: m.breaker_changed(name="index", state="open"),
    lambda m: m.fallback(name="lexical_only"),
    lambda m: m.cache(name="findings", hit=False),
]


def test_everything_that_can_be_counted_moves_a_series_and_nothing_is_left_over() -> None:
    counted, methods = PrometheusMetrics(), set()
    before = series(counted)
    for count in EVERYTHING:
        count(Metrics())  # on a command line it is called all the same
        count(counted)
        methods |= set(count.__code__.co_names)
    after = series(counted)
    moved = {name.partition("{")[0] for name, value in after.items() if value != before.get(name)}
    expected = {
        name
        for family, row in FAMILIES.items()
        if row.kind is not Kind.GAUGE and family != names.RECORDS_DROPPED
        for name in exposed(family)
    }
    assert expected <= moved
    assert not [name for name in after if f'="{OTHER}"' in name]
    public = {name for name in vars(Metrics) if not name.startswith("_")}
    assert methods == public


def test_a_text_that_was_sent_cannot_become_a_label() -> None:
    counted = PrometheusMetrics()
    sent = 'per diem for "Initech"'
    counted.answer(surface=sent, status=sent, seconds=0, action=sent, reasons=[sent])
    counted.request(route=sent, status=200, code=sent, seconds=0)
    counted.tool_call(tool=sent, code=sent)
    counted.budget_refusal(budget=sent, scope=sent)
    counted.breaker_changed(name=sent, state=sent)
    text = counted.exposition().decode()
    assert "Initech" not in text
    assert f'status="{OTHER}"' in text


@given(st.lists(st.text(min_size=1), max_size=40), st.text(min_size=1))
def test_whatever_is_counted_the_number_of_series_is_bounded(routes: list[str], code: str) -> None:
    counted = PrometheusMetrics()
    for number in range(3 * MOST):
        counted.tool_call(tool=f"tool-{number}", code="ok")
    for route in routes:
        counted.request(route=route, status=200, code=code, seconds=0)
    tools = [name for name in series(counted) if name.startswith("clearance_tool_calls_total")]
    assert len(tools) == MOST + 1


def test_the_series_of_closed_metrics_are_few() -> None:
    for name, family in FAMILIES.items():
        if family.closed:
            assert prod(len(label.values or ()) for label in family.labels.values()) <= 100, name
        else:
            assert {label for label, row in family.labels.items() if row.values is None} <= OPEN


def test_no_label_is_called_after_a_tenant_a_caller_or_a_document() -> None:
    labels = {label for family in FAMILIES.values() for label in family.labels}
    assert not labels & {"tenant", "user", "caller", "subject", "document", "source", "query"}


def test_no_metric_is_declared_twice() -> None:
    assert not set(FAMILIES) & set(GAUGES)


def test_outside_of_a_request_counting_is_for_nobody() -> None:
    assert type(metrics.current()) is Metrics
    counted = PrometheusMetrics()
    with metrics.bound(counted):
        assert metrics.current() is counted
    assert type(metrics.current()) is Metrics
