"""Distributions: relevance, age of evidence, latency, and how far each source is drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from retrieval.quality.cells import grouped, hide_small, threshold
from retrieval.quality.extra import pandas
from retrieval.quality.rates import FIGURES, with_interval

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd


def relevance_distribution(retrievals: pd.DataFrame, *, bins: int = 20) -> pd.DataFrame:
    """How sure the best evidence was: queries by status and best relevance, in equal bins.

    Relevance is the calibrated probability that a piece bears on the question, of the best
    candidate whether it was served or not. Where there was no candidate at all none is recorded;
    those queries stand in one row with NaN for both ends.

    Returns:
        Columns ``status``, ``low`` and ``high`` (ends of the bin; the last includes 1), ``count``.
    """
    # A small allowance, so that 0.35 does not fall below 0.35 for want of a binary fraction.
    place = (retrievals["best_relevance"] * bins + 1e-9).clip(0, bins - 1) // 1
    counted = (
        retrievals[["status"]]
        .assign(place=place)
        .groupby(["status", "place"], dropna=False, as_index=False)
        .size()
    )
    return pandas().DataFrame(
        {
            "status": counted["status"],
            "low": counted["place"] / bins,
            "high": (counted["place"] + 1) / bins,
            "count": counted["size"].astype("int64"),
        }
    )


def evidence_freshness(
    evidence: pd.DataFrame,
    *,
    by: Sequence[str] = ("tenant", "source"),
    minimum: int | None = None,
) -> pd.DataFrame:
    """How old evidence was when it was served, against what its source allows.

    Age is the time since the source last confirmed the document. ``median_of_sla`` and
    ``p95_of_sla`` are ages as a share of the SLA: above 1 is too old; NaN without an SLA.

    Returns:
        The columns grouped by, then ``queries`` (answers that cite the group), ``pieces``,
        ``median_age`` and ``p95_age`` in seconds, ``max_age`` (the tightest SLA, seconds),
        ``median_of_sla``, ``p95_of_sla``, ``fresh`` (share of pieces), ``hidden``.
    """
    aged = evidence.assign(
        of_sla=evidence["age_seconds"] / evidence["max_age_seconds"],
        is_fresh=(evidence["freshness"] == "fresh").astype("float64"),
    )
    figures = {
        "queries": ("record_id", "nunique"),
        "pieces": ("record_id", "size"),
        "median_age": ("age_seconds", "median"),
        "p95_age": ("age_seconds", _p95),
        "max_age": ("max_age_seconds", "min"),
        "median_of_sla": ("of_sla", "median"),
        "p95_of_sla": ("of_sla", _p95),
        "fresh": ("is_fresh", "mean"),
    }
    table = grouped(aged, by).agg(**figures)[[*by, *figures]]
    return hide_small(table, "queries", threshold(by, minimum), figures=list(figures))


def coverage_by_source(
    evidence: pd.DataFrame,
    sources: pd.DataFrame,
    *,
    minimum: int | None = None,
) -> pd.DataFrame:
    """How far each source is drawn on: the answers citing it, among all answers of its tenant.

    Sources never cited have a row with 0, as they are what to ask about; those without a live
    document have none.

    Returns:
        ``tenant``, ``source``, ``documents`` (live), ``cited_documents``, and a rate as in
        :mod:`retrieval.quality.rates`.
    """
    unit = ["tenant", "source"]
    cited = evidence.groupby(unit, as_index=False).agg(
        count=("record_id", "nunique"), cited_documents=("document", "nunique")
    )
    answers = evidence.groupby("tenant", as_index=False).agg(total=("record_id", "nunique"))
    table = (
        sources.loc[sources["documents"] > 0, [*unit, "documents"]]
        .merge(cited, on=unit, how="left")
        .merge(answers, on="tenant", how="left")
        .fillna({"count": 0, "cited_documents": 0, "total": 0})
    )
    shown = with_interval(table, threshold(unit, minimum), size="count")
    shown["cited_documents"] = shown["cited_documents"].astype("float64").mask(shown["hidden"])
    shown["total"] = table["total"].astype("float64")  # of the tenant, not of the cell
    return shown[[*unit, "documents", "cited_documents", *FIGURES, "hidden"]]


def latency(
    retrievals: pd.DataFrame, *, by: Sequence[str] = ("tenant",), minimum: int | None = None
) -> pd.DataFrame:
    """How long queries took inside the service: p50, p95, p99 and the slowest, in milliseconds.

    Returns:
        The columns grouped by, then ``queries``, ``p50``, ``p95``, ``p99``, ``max``, ``hidden``.
    """
    figures = {
        "queries": ("latency_ms", "size"),
        "p50": ("latency_ms", "median"),
        "p95": ("latency_ms", _p95),
        "p99": ("latency_ms", _p99),
        "max": ("latency_ms", "max"),
    }
    table = grouped(retrievals, by).agg(**figures)[[*by, *figures]]
    return hide_small(table, "queries", threshold(by, minimum), figures=list(figures))


def _p95(values: pd.Series) -> float:
    return float(values.quantile(0.95))


def _p99(values: pd.Series) -> float:
    return float(values.quantile(0.99))
