"""Records as units: one row for each query, cited source or check, with what is summed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from retrieval.quality.extra import pandas
from retrieval.quality.metrics import Unit
from retrieval.status import Status
from retrieval.verify_quotes import GOOD, REFUSED, CitationResult
from verifier.support import SupportVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from retrieval.quality.records import Records

NOTHING: Final = "(no evidence)"
_OUTCOMES: Final = tuple(result.value for result in CitationResult)
_QUOTES: Final = tuple(r.value for r in (CitationResult.QUOTED, *sorted(REFUSED)))
_GOOD: Final = tuple(result.value for result in sorted(GOOD))


def units(
    records: Records,
    unit: Unit,
    *,
    slow_ms: float = float("inf"),
    groups: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """The units of some records.

    Args:
        records: as :func:`retrieval.quality.load` gives them.
        unit: of which kind.
        slow_ms: a query that takes longer counts as slow.
        groups: a name for each question's digest that has one; the others are a group each.

    Returns:
        ``at``, the dimensions of :data:`retrieval.quality.metrics.DIMENSIONS`, and a column of
        numbers for everything that a metric of this unit sums.
    """
    if unit is Unit.CHECK:
        return _checks(records.claims)
    queries = _queries(records, slow_ms, groups or {})
    return queries if unit is Unit.QUERY else _cited(records.evidence, queries)


def _queries(records: Records, slow_ms: float, groups: Mapping[str, str]) -> pd.DataFrame:
    rows = records.retrievals
    first = records.evidence.loc[records.evidence["rank"] == 1, ["record_id", "source"]]
    joined = rows.merge(first, on="record_id", how="left")
    relevance = rows["best_relevance"].to_numpy()
    answered = (rows["evidence"] > 0).to_numpy()
    return pandas().DataFrame(
        {
            "record_id": rows["record_id"].to_numpy(),
            "at": rows["at"].array,
            "source": joined["source"].astype("object").fillna(NOTHING).to_numpy(),
            "generation": rows["generation"].to_numpy(),
            "tenant": rows["tenant"].to_numpy(),
            "group": rows["query"].astype("object").map(lambda q: groups.get(q, q)).to_numpy(),
            "caller": rows["caller"].to_numpy(),
            "queries": 1,
            "no_evidence": (rows["status"] == Status.NO_EVIDENCE.value).to_numpy(int),
            "degraded": (rows["status"] == Status.DEGRADED.value).to_numpy(int),
            # What is no number is no candidate: it can be summed with nothing.
            "relevance": rows["best_relevance"].fillna(0.0).to_numpy(),
            "with_candidate": (relevance == relevance).astype(int),  # noqa: PLR0124 - not NaN
            "answered": answered.astype(int),
            "conflicts": ((rows["conflicts"] > 0).to_numpy() & answered).astype(int),
            "duplicates": rows["duplicates_collapsed"].to_numpy(),
            "candidates": (rows["duplicates_collapsed"] + rows["evidence"]).to_numpy(),
            "slow": (rows["latency_ms"] > slow_ms).to_numpy(int),
        }
    )


def _cited(evidence: pd.DataFrame, queries: pd.DataFrame) -> pd.DataFrame:
    """A source in a query: what it was cited for counts once, its pieces each."""
    marked = evidence[["record_id", "source"]].assign(
        stale=(evidence["freshness"] != "fresh").astype(int),
        flagged=(evidence["verdict"] != "clean").astype(int),
        pieces=1,
        cited=1,
    )
    cited = marked.groupby(["record_id", "source"], as_index=False, sort=False).agg(
        stale=("stale", "max"),
        flagged=("flagged", "sum"),
        pieces=("pieces", "sum"),
        cited=("cited", "max"),
    )
    of_query = queries[["record_id", "at", "generation", "tenant", "group"]]
    return cited.merge(of_query, on="record_id")


def _checks(claims: pd.DataFrame) -> pd.DataFrame:
    counted = claims[list(_OUTCOMES)].fillna(0)
    good = counted[list(_GOOD)].sum(axis=1)
    supported = claims["verdict"] == SupportVerdict.SUPPORTED.value
    marked = claims[["record_id", "at", "caller", "model", "tenant"]].assign(
        claims=1,
        supported=supported.astype(int),
        contradicted=(claims["verdict"] == SupportVerdict.CONTRADICTED.value).astype(int),
        citations=counted.sum(axis=1),
        helpful=good.where(supported, 0),
        cited_claims=(good > 0).astype(int),
        supported_cited=(supported & (good > 0)).astype(int),
        misplaced=counted[CitationResult.MISPLACED.value],
        quoted=counted[CitationResult.QUOTED.value],
        quotes=counted[list(_QUOTES)].sum(axis=1),
    )
    same = ["record_id", "at", "caller", "model", "tenant"]
    return marked.groupby(same, as_index=False, sort=False, observed=True).sum()
