"""What was measured, as values: plain, frozen, JSON-ready. What never lives here: measuring."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import StrEnum
from statistics import fmean
from typing import Any, Final

import numpy as np

ENOUGH_FOR_P99: Final = 100


class Contender(StrEnum):
    """Who is measured."""

    CLEARANCE = "clearance"
    POST = "post-filter"
    WHERE = "where"


@dataclass(frozen=True, slots=True)
class Answer:
    """One timed question: wall time, results among the first eight, recall of the first ten.

    ``stages`` is what the service says of itself; ``around`` is what it does not see.
    """

    ms: float
    results: int
    recall: float | None
    stages: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class QueryFigures:
    """One contender before one audience.

    ``p99_ms`` is None when too few questions fitted into the time box to speak of one.
    """

    contender: str
    audience: str
    share: float
    visible: int
    acls: int
    asked: int
    p50_ms: float
    p99_ms: float | None
    results: float
    recall: float | None
    exact: bool | None = None
    stages_ms: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineFigures:
    """One way of filtering in one engine before one audience, from a vector to ids."""

    engine: str
    mode: str
    audience: str
    share: float
    visible: int
    acls: int
    asked: int
    p50_ms: float
    p99_ms: float | None
    results: float
    recall: float | None


@dataclass(frozen=True, slots=True)
class TenantFigures:
    """What the clients of one tenant got."""

    tenant: str
    clients: int
    answers_per_s: float
    p50_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, slots=True)
class ConcurrencyFigures:
    """So many clients at once, each asking again as soon as it is answered.

    ``busy_cores`` is what service and index process used of the processors, the clients not
    counted; ``failed`` counts by HTTP status, or by what broke; ``stages_ms`` are medians of the
    service's own account, waiting included.
    """

    clients: str
    answers_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    failed: dict[str, int]
    busy_cores: float
    stages_ms: dict[str, float]
    tenants: list[TenantFigures]


@dataclass(frozen=True, slots=True)
class IngestFigures:
    """All ingested the same chunks in turns; seconds add up over the turns.

    ``embed_s`` is Clearance's embedder alone on the same texts, ``chain_s`` is LangChain's
    indexing API over the peer's model and a store in memory, ``products_s`` what the model's
    matrix products alone would take.
    """

    chunks: int
    clearance_s: float
    peer_s: float | None
    cosine_min: float | None
    embed_s: float | None = None
    chain_s: float | None = None
    products_s: float | None = None


@dataclass(frozen=True, slots=True)
class ColdFigures:
    """Seconds from process start to first answer, median of some trials."""

    trials: int
    query_warm_index_s: float
    query_cold_index_s: float
    serve_cold_index_s: float
    peer_s: float | None


@dataclass(frozen=True, slots=True)
class ResolutionFigures:
    """Milliseconds until it is known what somebody may see, and to change it, on one engine."""

    engine: str
    users: int
    groups: int
    acls: int
    chunks: int
    joined: int
    visible: int
    cold_p50_ms: float
    cold_p99_ms: float
    warm_p50_ms: float
    warm_p99_ms: float
    grant_p50_ms: float
    revoke_p50_ms: float


@dataclass(frozen=True, slots=True)
class Recalled:
    """Shares of the planted variants of one kind that were found, and found to be conflicts."""

    variant: str
    found: float
    conflicts: float


@dataclass(frozen=True, slots=True)
class NearFigures:
    """Near-duplicates among planted ones: what was found, and seconds of each settling.

    ``settle_s`` is for everything at once, ``new_s`` for ``new`` texts among all the others,
    ``idle_s`` for nothing new.
    """

    chunks: int
    texts: int
    families: int
    pairs: int
    conflicts: int
    crowded: int
    settle_s: float
    settle_cpu_s: float
    new: int
    new_s: float
    idle_s: float
    exact_recall: float
    precision: float
    recalled: list[Recalled]


@dataclass(frozen=True, slots=True)
class PhaseFigures:
    """The same questions to the index, in one phase; ``changed`` counts answers of other bits."""

    phase: str
    asked: int
    failed: int
    changed: int
    p50_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True, slots=True)
class DuringFigures:
    """An index at rest, written to, optimised, and at rest again."""

    points: int
    written: int
    phases: list[PhaseFigures]


@dataclass(frozen=True, slots=True)
class RunFigures:
    """One run over a source: seconds, and the most memory of its own the process had, in MB."""

    documents: int
    run: str
    seconds: float
    peak_mb: float | None


@dataclass(frozen=True, slots=True)
class MemoryFigures:
    """Resident MB after the queries."""

    serve_mb: float | None
    index_mb: float | None
    peer_mb: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One whole run."""

    machine: dict[str, Any]
    parameters: dict[str, Any]
    build: dict[str, float]
    ingest: IngestFigures | None
    cold: ColdFigures | None
    queries: list[QueryFigures]
    memory: MemoryFigures | None
    notes: list[str]
    resolution: list[ResolutionFigures] = field(default_factory=list)
    near: NearFigures | None = None
    during: DuringFigures | None = None
    runs: list[RunFigures] = field(default_factory=list)
    engines: list[EngineFigures] = field(default_factory=list)
    engine_mb: dict[str, float | None] = field(default_factory=dict)
    concurrency: list[ConcurrencyFigures] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)

    def of(self, contender: Contender, audience: str) -> QueryFigures | None:
        """One contender's figures before one audience, if it took part."""
        for figures in self.queries:
            if (figures.contender, figures.audience) == (contender, audience):
                return figures
        return None


def percentiles(milliseconds: list[float]) -> tuple[float, float | None]:
    """Median and 99th percentile; None for the latter where there are too few to tell."""
    p99 = float(np.percentile(milliseconds, 99)) if len(milliseconds) >= ENOUGH_FOR_P99 else None
    return float(np.percentile(milliseconds, 50)), p99


def mean(values: list[float]) -> float | None:
    """The mean, or None of nothing."""
    return fmean(values) if values else None
