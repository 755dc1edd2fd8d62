"""Records as units: one row for each query or source in one, with what is summed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from retrieval.quality.extra import pandas
from retrieval.quality.metrics import Unit
from retrieval.status import Status
from retrieval.verify_quotes import GOOD, REFUSED, CitationResult
from verifier.support import SupportVerdict

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from retrieval.quality.records import Records

    Places = NDArray[np.intp]

NOTHING: Final = "(no evidence)"
NOTHING_CITED: Final = "(nothing cited)"
UNKNOWN: Final = "(not recorded)"
NAMELESS: Final = frozenset({NOTHING, NOTHING_CITED, UNKNOWN})
"""Groups that are the lack of one, and no cause of anything."""

_OUTCOMES: Final = tuple(result.value for result in CitationResult)
_QUOTES: Final = tuple(r.value for r in (CitationResult.QUOTED, *sorted(REFUSED)))
_OF_CHECK: Final = ("at", "caller", "model", "generation", "tenant")
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
    # Where each piece's query stands: found once, as comparing ids is what costs most here.
    place = (
        pandas().Index(records.retrievals["record_id"]).get_indexer(records.evidence["record_id"])
    )
    queries = _queries(records, place, slow_ms, groups or {})
    return queries if unit is Unit.QUERY else _cited(records.evidence, place, queries)


def _queries(
    records: Records, place: Places, slow_ms: float, groups: Mapping[str, str]
) -> pd.DataFrame:
    rows = records.retrievals
    relevance = rows["best_relevance"].to_numpy()
    answered = (rows["evidence"] > 0).to_numpy()
    return pandas().DataFrame(
        {
            "at": rows["at"].array,
            "source": _first_source(records, place),
            "generation": rows["generation"].astype("category").array,
            "tenant": rows["tenant"].astype("category").array,
            "group": _grouped(rows["query"], groups),
            "caller": rows["caller"].astype("category").array,
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


def _first_source(records: Records, place: Places) -> pd.Categorical:
    """Of each query, the source of its best piece."""
    source = records.evidence["source"].astype("category").cat
    names = [*source.categories.astype("object"), NOTHING]
    first = (records.evidence["rank"] == 1).to_numpy() & (place >= 0)
    codes = np.full(len(records.retrievals), len(names) - 1)
    codes[place[first]] = source.codes.to_numpy()[first]
    return pandas().Categorical.from_codes(codes, categories=names)


def _grouped(queries: pd.Series, groups: Mapping[str, str]) -> pd.Series:
    """What each question belongs to: the group that is named for it, or itself."""
    asked = queries.astype("category").cat
    names = [groups.get(name, name) for name in asked.categories.astype("object")]
    codes, kinds = pandas().factorize(np.array(names, object))
    return pandas().Categorical.from_codes(codes[asked.codes.to_numpy()], categories=kinds)


def _cited(evidence: pd.DataFrame, place: Places, queries: pd.DataFrame) -> pd.DataFrame:
    """A source in a query: what it was cited for counts once, its pieces each."""
    marked = pandas().DataFrame(
        {
            "place": place,
            "source": evidence["source"].astype("category").array,
            "stale": (evidence["freshness"] != "fresh").to_numpy(int),
            "flagged": (evidence["verdict"] != "clean").to_numpy(int),
            "pieces": 1,
            "cited": 1,
        }
    )
    cited = (
        marked[place >= 0]
        .groupby(["place", "source"], as_index=False, sort=False, observed=True)
        .agg(
            stale=("stale", "max"),
            flagged=("flagged", "sum"),
            pieces=("pieces", "sum"),
            cited=("cited", "max"),
        )
    )
    of_query = queries[["at", "generation", "tenant", "group"]].take(cited["place"])
    return cited.drop(columns="place").assign(**{name: of_query[name].array for name in of_query})


def counted(cells: Any) -> pd.Series:
    """How many units each cell of a grouped frame of units holds; a check counts once in each."""
    return cells["check"].nunique() if "check" in cells.obj else cells.size()


def _checks(claims: pd.DataFrame) -> pd.DataFrame:
    """A source in a check, with what the claims that rest on it came to; ``check`` numbers checks.

    Checks are drawn whole: they are what came about independently.
    """
    outcomes = claims[list(_OUTCOMES)].fillna(0)
    good = outcomes[list(_GOOD)].sum(axis=1)
    supported = claims["verdict"] == SupportVerdict.SUPPORTED.value
    check = pandas().factorize(claims["record_id"])[0]
    marked = pandas().DataFrame(
        {
            "check": check,
            "source": claims["source"].astype("object").fillna(NOTHING_CITED).astype("category"),
            "claims": 1,
            "supported": supported.astype(int),
            "contradicted": (claims["verdict"] == SupportVerdict.CONTRADICTED.value).astype(int),
            "citations": outcomes.sum(axis=1),
            "helpful": good.where(supported, 0),
            "cited_claims": (good > 0).astype(int),
            "supported_cited": (supported & (good > 0)).astype(int),
            "misplaced": outcomes[CitationResult.MISPLACED.value],
            "quoted": outcomes[CitationResult.QUOTED.value],
            "quotes": outcomes[list(_QUOTES)].sum(axis=1),
        }
    )
    cells = marked.groupby(["check", "source"], as_index=False, sort=False, observed=True).sum()
    first = np.unique(check, return_index=True)[1]
    of_check = claims[list(_OF_CHECK)].take(first).take(cells["check"])
    # Of records from before it was kept.
    of_check["generation"] = of_check["generation"].astype("object").fillna(UNKNOWN)
    named = of_check.astype(dict.fromkeys(_OF_CHECK[1:], "category"))
    return cells.assign(**{name: named[name].array for name in named})
