"""Dashboard, rules and alerts ask for what there is, and each alert says what to do about it."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from retrieval.metrics import names
from retrieval.metrics.families import FAMILIES, Label, exposed
from retrieval.source_gauges import GAUGES, SOURCES, STATE
from tests.docs.documents import anchors
from tests.support.promql import Selector, grouped, selectors

ROOT: Final = Path(__file__).parents[4]
RULES: Final = sorted((ROOT / "deploy" / "prometheus").glob("*.yaml"))
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "clearance.json"
RUNBOOK: Final = "docs/runbook.md"
SEVERITIES: Final = {"page", "ticket"}

OF_PROCESSES: Final = {
    f"{prefix}{name}"
    for prefix in ("process_", f"{names.INDEX_PROCESS}_process_")
    for name in ("resident_memory_bytes", "cpu_seconds_total", "open_fds", "max_fds")
}
OF_PROMETHEUS: Final = {"up"}
SCRAPED: Final = {"instance", "job", "le"}
"""Labels that Prometheus adds."""


def rules() -> list[dict[str, Any]]:
    documents = (yaml.safe_load(path.read_text("utf-8")) for path in RULES)
    return [
        rule for document in documents for group in document["groups"] for rule in group["rules"]
    ]


def alerts() -> list[dict[str, Any]]:
    return [rule for rule in rules() if "alert" in rule]


def panels() -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return [panel for panel in told if panel["type"] != "row"]


RECORDED: Final = {rule["record"]: rule for rule in rules() if "record" in rule}
EXPRESSIONS: Final = [rule["expr"] for rule in rules()] + [
    target["expr"] for panel in panels() for target in panel["targets"]
]


def labels_of(series: str) -> dict[str, Label]:
    """The labels of a series of ours."""
    for name, family in FAMILIES.items():
        if series in exposed(name):
            return dict(family.labels)
    if series in GAUGES or series == STATE:
        return {"source": Label(""), "state": Label("")}
    if series in RECORDED:
        return {label: Label("") for label in grouped(RECORDED[series]["expr"])}
    assert series in OF_PROCESSES | OF_PROMETHEUS | {SOURCES}, f"there is no metric {series}"
    return {}


def check(asked: Selector) -> None:
    labels = labels_of(asked.name)
    for label, value in asked.labels:
        if label in SCRAPED:
            continue
        assert label in labels, f"{asked.name} has no label {label}"
        values = labels[label].values
        assert values is None or value in values, f"{asked.name}: {label} is never {value}"


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_asks_for_metrics_labels_and_values_that_exist(expression: str) -> None:
    named = selectors(expression)
    assert named
    for asked in named:
        check(asked)
    known = {label for asked in named for label in labels_of(asked.name)} | SCRAPED
    assert grouped(expression) <= known


@pytest.mark.parametrize(
    "expression",
    [
        "rate(clearance_nonsense_total[5m])",
        'clearance_answers_total{status="splendid"}',
        'clearance_answers_total{status=~"ok|splendid"}',
        'clearance_answers_total{tenant="acme"}',
        "clearance_answers > 1",
    ],
)
def test_one_that_does_not_exist_is_noticed(expression: str) -> None:
    (asked,) = selectors(expression)
    with pytest.raises(AssertionError):
        check(asked)


def test_what_is_parsed_is_what_is_asked() -> None:
    expression = 'sum by (le, a) (rate(x:y{a="b", c=~"d|e"}[5m])) > 0.5 * (z offset 1d) and w == 1'
    assert selectors(expression) == [
        Selector("x:y", (("a", "b"), ("c", "d"), ("c", "e"))),
        Selector("z", ()),
        Selector("w", ()),
    ]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])
def test_an_alert_says_what_is_wrong_and_where_it_stands_what_to_do(alert: dict[str, Any]) -> None:
    assert set(alert) <= {"alert", "expr", "for", "labels", "annotations"}
    assert alert["alert"].startswith("Clearance")
    assert alert["labels"]["severity"] in SEVERITIES
    assert set(alert["annotations"]) == {"summary", "description", "runbook_url"}
    assert alert["annotations"]["runbook_url"].startswith(f"{RUNBOOK}#")


def test_every_alert_leads_to_a_section_of_the_runbook() -> None:
    asked = {alert["annotations"]["runbook_url"].partition("#")[2] for alert in alerts()}
    assert asked <= anchors(RUNBOOK), asked - anchors(RUNBOOK)


def test_names_of_alerts_and_recordings_are_each_given_once() -> None:
    given = [rule.get("alert") or rule["record"] for rule in rules()]
    assert len(given) == len(set(given))


def test_the_dashboard_explains_each_panel_and_reads_the_source_that_is_chosen() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(ids) == len(set(ids))
    for panel in panels():
        assert panel["title"]
        assert panel["description"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"


def test_every_metric_is_watched_somewhere() -> None:
    """One that nobody looks at is one that nobody misses."""
    asked = {found.name for expression in EXPRESSIONS for found in selectors(expression)}
    unwatched = {name for name in FAMILIES if not asked & set(exposed(name))}
    assert unwatched == {names.CHECKS, names.RECORDS_QUEUED}, unwatched


def test_prometheus_accepts_the_rules() -> None:
    tool = shutil.which("promtool")
    if tool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    done = subprocess.run(  # noqa: S603 - the tool found above, our own files
        [tool, "check", "rules", *map(str, RULES)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
