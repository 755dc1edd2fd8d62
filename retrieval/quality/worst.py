"""Where to look first, and what to do about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from retrieval.quality.extra import pandas
from retrieval.status import ReasonCode, Status

if TYPE_CHECKING:
    import pandas as pd

REMEDIES: Final[dict[ReasonCode, str]] = {
    ReasonCode.NO_MATCH: "Check that the asker is a member of the groups they should be in.",
    ReasonCode.LOW_RELEVANCE: "Find the document that should answer it, and ingest it.",
    ReasonCode.STALE_EVIDENCE: "Ingest the source again, or set the SLA it can keep.",
    ReasonCode.STALE_SOURCE: "Ingest the source again, and schedule it within its SLA.",
    ReasonCode.SOURCE_FAILING: "Read the report of its last run and mend what it names.",
    ReasonCode.SOURCE_UNKNOWN: "Let a first run of the source finish.",
    ReasonCode.ACL_STALE: "Synchronise the source's permissions; it is closed until then.",
    ReasonCode.PENDING_UPDATE: "Wait for the run to finish; look at it if it does not.",
    ReasonCode.CONFLICTING_EVIDENCE: "Ask the owners which version holds; delete the other.",
    ReasonCode.INJECTION_FLAGGED: "Clean the document at its source, or redact by policy.",
    ReasonCode.INJECTION_REDACTED: "Clean the document at its source.",
    ReasonCode.INJECTION_WITHHELD: "Clean the document at its source, or redact instead.",
    ReasonCode.LEXICAL_ONLY: "Look after the embedder: it was away.",
    ReasonCode.DENSE_ONLY: "Look after the word index: it was away.",
    ReasonCode.VERIFIER_UNAVAILABLE: "Look after the verifier: it was away.",
    ReasonCode.APPROXIMATE: "Give the asker fewer documents, or raise the exact limit.",
    ReasonCode.DEADLINE: "See where the time goes in the latency figures.",
    ReasonCode.SERVED_FROM_CACHE: "Look after the index: it was away.",
}


def worst_questions(retrievals: pd.DataFrame, *, limit: int = 10) -> pd.DataFrame:
    """Questions most often left without full evidence, worst first.

    A question is its digest: the words are not recorded. ``last_request`` leads to them in the
    caller's own logs. Questions that were always answered in full are not listed. The order is by
    times without evidence, then times degraded, then relevance (least sure first).

    Returns:
        ``tenant``, ``query``, ``asked``, ``no_evidence``, ``degraded`` (times), ``callers``,
        ``reasons`` (joined), ``best_relevance`` (median of the answered), ``last_request``.
    """
    marked = retrievals.assign(
        no_evidence=(retrievals["status"] == Status.NO_EVIDENCE.value).astype("int64"),
        degraded=(retrievals["status"] == Status.DEGRADED.value).astype("int64"),
    )
    table = marked.groupby(["tenant", "query"], as_index=False).agg(
        asked=("record_id", "size"),
        no_evidence=("no_evidence", "sum"),
        degraded=("degraded", "sum"),
        callers=("caller", "nunique"),
        reasons=("reasons", _joined),
        best_relevance=("best_relevance", "median"),
        last_request=("request_id", "last"),
    )
    left = table[table["no_evidence"] + table["degraded"] > 0]
    order = ["no_evidence", "degraded", "best_relevance", "query"]
    return left.sort_values(order, ascending=[False, False, True, True]).head(limit)


def next_steps(retrievals: pd.DataFrame) -> pd.DataFrame:
    """What would help most: each reason, how many queries it touched, and its remedy.

    Returns:
        ``reason``, ``queries``, ``what_to_do``, the most frequent reason first.
    """
    exploded = retrievals["reasons"].explode().dropna()
    counted = exploded.value_counts()
    rows = [
        (code.value, int(counted[code.value]), remedy)
        for code, remedy in REMEDIES.items()
        if code.value in counted
    ]
    table = pandas().DataFrame.from_records(rows, columns=["reason", "queries", "what_to_do"])
    typed = table.astype({"reason": "string", "queries": "int64", "what_to_do": "string"})
    return typed.sort_values(["queries", "reason"], ascending=[False, True], ignore_index=True)


def _joined(lists: pd.Series) -> str:
    """The codes of several queries, each once, in the order of the table of reasons."""
    given = {code for codes in lists for code in codes}
    return ", ".join(code.value for code in ReasonCode if code.value in given)
