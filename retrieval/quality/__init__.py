"""Citation quality: frames of what was retrieved and checked, figures over them, and charts.

For analysts, in a notebook::

    from retrieval import quality

    records = quality.load()
    quality.status_rates(records.retrievals, by=["tenant"])

The functions need pandas, the charts altair: ``pip install clearance-retrieval[notebooks]``.
Importing this package needs neither.

Here live reading, counting and drawing. Text of documents or questions never does: records hold
figures and keyed digests, and so does everything made of them.
"""

from retrieval.quality.calibration import brier, calibration_error, judged_pieces, reliability
from retrieval.quality.cells import SMALL_CELL
from retrieval.quality.checked import checks, citation_outcomes, claim_verdicts, claims
from retrieval.quality.drift import attribute, drift
from retrieval.quality.drill import behind
from retrieval.quality.errors import (
    InvalidPeriodError,
    MissingExtraError,
    NoRecordsError,
    QualityError,
    UnknownFilterError,
    UnknownMetricError,
)
from retrieval.quality.frames import evidence, retrievals, sources
from retrieval.quality.intervals import wilson
from retrieval.quality.load import load
from retrieval.quality.made_up import made_up
from retrieval.quality.metrics import METRICS
from retrieval.quality.rates import (
    conflict_rate,
    degraded_by_reason,
    flagged_share,
    no_evidence_by_reason,
    staleness_exposure,
    status_rates,
)
from retrieval.quality.records import Origin, Records
from retrieval.quality.spread import (
    coverage_by_source,
    evidence_freshness,
    latency,
    relevance_distribution,
)
from retrieval.quality.worst import next_steps, worst_questions

__all__ = [
    "METRICS",
    "SMALL_CELL",
    "InvalidPeriodError",
    "MissingExtraError",
    "NoRecordsError",
    "Origin",
    "QualityError",
    "Records",
    "UnknownFilterError",
    "UnknownMetricError",
    "attribute",
    "behind",
    "brier",
    "calibration_error",
    "checks",
    "citation_outcomes",
    "claim_verdicts",
    "claims",
    "conflict_rate",
    "coverage_by_source",
    "degraded_by_reason",
    "drift",
    "evidence",
    "evidence_freshness",
    "flagged_share",
    "judged_pieces",
    "latency",
    "load",
    "made_up",
    "next_steps",
    "no_evidence_by_reason",
    "relevance_distribution",
    "reliability",
    "retrievals",
    "sources",
    "staleness_exposure",
    "status_rates",
    "wilson",
    "worst_questions",
]
