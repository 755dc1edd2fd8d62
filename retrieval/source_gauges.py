"""How fresh each source is, as Prometheus gauges: for operators, and naming nobody.

Metrics span tenants, so a source is told by a keyed digest of its tenant and name, which
``clearance status --json`` shows beside the name. What never lives here: deciding what is fresh.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from acl.digest import keyed
from acl.models import Tenant
from ingestion.freshness import FreshnessState, source_freshness

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.freshness import SourceFreshness
    from retrieval.runtime import Runtime

MAX_SOURCES: Final = 1_000
"""More are left out, and counted: a metric has to stay readable."""

SOURCES: Final = "clearance_sources"
STATE: Final = "clearance_source_state"


def _lag(source: SourceFreshness) -> float | None:
    if source.age_seconds is None or source.max_age_seconds is None:
        return None
    return max(0, source.age_seconds - source.max_age_seconds)


GAUGES: Final[dict[str, tuple[str, Callable[[SourceFreshness], float | None]]]] = {
    "clearance_source_age_seconds": (
        "Since the source was last synchronised completely.",
        lambda source: source.age_seconds,
    ),
    "clearance_source_max_age_seconds": (
        "How old the source may be.",
        lambda source: source.max_age_seconds,
    ),
    "clearance_source_lag_seconds": (
        "How much older the source is than it may be; 0 if it is not.",
        _lag,
    ),
    "clearance_source_documents": (
        "Documents of the source that can be served.",
        lambda source: source.documents,
    ),
    "clearance_source_backlog_documents": (
        "Listed documents that the last run left undone.",
        lambda source: source.backlog,
    ),
    "clearance_source_pending_documents": (
        "Documents of which a newer version is known than is served.",
        lambda source: source.pending,
    ),
    "clearance_source_permissions_close_seconds": (
        "How long the source's permissions still admit anybody; 0 or less if they do not.",
        lambda source: None if source.permissions is None else source.permissions.closes_in_seconds,
    ),
}
"""By name: what it says, and where it is taken from. What is not known is left out."""


def label_of(runtime: Runtime, tenant: str, source: str) -> str:
    """What stands for a source in metrics."""
    return keyed(runtime.secret, "source label", tenant, source).hex()[:16]


def source_gauges(runtime: Runtime) -> bytes:
    """The gauges of every source, in the Prometheus text format."""
    from prometheus_client import (  # noqa: PLC0415 - only a service needs it
        CollectorRegistry,
        Gauge,
        generate_latest,
    )

    registry = CollectorRegistry()
    found = _sources(runtime)
    Gauge(SOURCES, "Sources, those beyond the first thousand too.", registry=registry).set(
        len(found)
    )
    shown = sorted(found.items())[:MAX_SOURCES]
    for name, (said, value_of) in GAUGES.items():
        gauge = Gauge(name, said, ["source"], registry=registry)
        for label, source in shown:
            value = value_of(source)
            if value is not None:
                gauge.labels(label).set(value)
    states = Gauge(
        STATE, "1 for the state the source is in.", ["source", "state"], registry=registry
    )
    for label, source in shown:
        for state in FreshnessState:
            states.labels(label, state.value).set(source.state is state)
    return generate_latest(registry)


def _sources(runtime: Runtime) -> dict[str, SourceFreshness]:
    with runtime.database.unguarded("metrics tell of the whole installation") as session:
        tenants = list(session.scalars(select(Tenant.name)))
    found = {}
    for tenant in tenants:
        with runtime.database.read(tenant) as session:
            for source in source_freshness(session, tenant, runtime.clock()):
                found[label_of(runtime, tenant, source.name)] = source
    return found
