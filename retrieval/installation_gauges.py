"""How the installation stands at this moment, as Prometheus gauges: read when they are asked for.

Reading must be prompt and change nothing: no index process is started for it, and while the
catalogue does not answer, what the catalogue would tell is left out.
"""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    ProcessCollector,
    generate_latest,
)
from sqlalchemy import func, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from ingestion.errors import CatalogError
from ingestion.models import RunRow
from ingestion.report import RunStatus
from retrieval.metrics import names
from retrieval.metrics.families import FAMILIES
from retrieval.source_gauges import source_gauges

if TYPE_CHECKING:
    from retrieval.metrics import PrometheusMetrics
    from retrieval.resilience.guards import Guards
    from retrieval.runtime import Runtime

MEDIA_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_INDEX_MODULE: Final = b"ingestion.index."


def exposition(metrics: PrometheusMetrics, runtime: Runtime, *, ready: bool) -> bytes:
    """Everything there is to tell, in the Prometheus text format."""
    parts = [metrics.exposition(), _of_the_process(runtime, ready=ready)]
    try:
        # Here, not in the middle of the others: half of what a catalogue tells would mislead.
        told = _of_the_catalogue(runtime) + source_gauges(runtime)
    except (SQLAlchemyError, CatalogError):
        told = _up(answers=False)
    return b"".join((*parts, told))


def _of_the_process(runtime: Runtime, *, ready: bool) -> bytes:
    registry = CollectorRegistry()
    _gauge(names.READY, registry).set(ready)
    settings = runtime.settings
    _gauge(names.BUILD_INFO, registry).labels(
        version("clearance-retrieval"),
        platform.python_version(),
        make_url(settings.catalogue_url).get_backend_name(),
        "embedded" if settings.qdrant_url is None else "server",
    ).set(1)
    _breakers(runtime.guards, registry)
    room = runtime.admission.room
    _gauge(names.QUEUE_WAITING, registry).set(room.waiting())
    _gauge(names.QUEUE_WORKING, registry).set(room.working())
    _gauge(names.QUEUE_SLOTS, registry).set(room.slots)
    _gauge(names.RECORDS_QUEUED, registry).set(runtime.recorder.waiting)
    said = FAMILIES[names.RECORDS_DROPPED].said
    Counter(names.RECORDS_DROPPED, said, registry=registry).inc(runtime.recorder.dropped)
    if settings.qdrant_url is None and (pid := index_pid(settings.data_dir)) is not None:
        ProcessCollector(namespace=names.INDEX_PROCESS, pid=lambda: pid, registry=registry)
    return generate_latest(registry)


def _breakers(guards: Guards, registry: CollectorRegistry) -> None:
    gauge = _gauge(names.BREAKER_STATE, registry)
    label = FAMILIES[names.BREAKER_STATE].labels["state"]
    for guard in guards:
        for state in label.values or ():
            gauge.labels(guard.name, state).set(guard.state == state)


def _of_the_catalogue(runtime: Runtime) -> bytes:
    with runtime.database.unguarded("metrics tell of the whole installation") as session:
        counted = select(RunRow.status, func.count()).group_by(RunRow.status)
        runs = dict(session.execute(counted).all())
    registry = CollectorRegistry()
    gauge = _gauge(names.RUNS, registry)
    for status in RunStatus:
        gauge.labels(status.value).set(runs.get(status.value, 0))
    return _up(answers=True) + generate_latest(registry)


def _up(*, answers: bool) -> bytes:
    registry = CollectorRegistry()
    _gauge(names.CATALOGUE_UP, registry).set(answers)
    return generate_latest(registry)


def _gauge(name: str, registry: CollectorRegistry) -> Gauge:
    family = FAMILIES[name]
    return Gauge(name, family.said, list(family.labels), registry=registry)


def index_pid(data_dir: Path) -> int | None:
    """The index process of a data directory, if one runs; nothing is started or waited for."""
    try:
        pid = int((data_dir / "index" / "process.lock").read_text("ascii"))
        # The number may have gone to another process since.
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if _INDEX_MODULE in command else None
