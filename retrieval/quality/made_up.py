"""A made-up history as records, without any catalogue: what a notebook shows out of the box."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from retrieval.quality.checked import CHECK_COLUMNS, CLAIM_COLUMNS
from retrieval.quality.extra import pandas
from retrieval.quality.frames import (
    EVIDENCE_COLUMNS,
    FEEDBACK_COLUMNS,
    RETRIEVAL_COLUMNS,
    SOURCE_COLUMNS,
)
from retrieval.quality.planted import Fault, Planted
from retrieval.quality.records import Origin, Records
from retrieval.quality.synthetic import DAY, SOURCES, THRESHOLD, Plan, history
from retrieval.records import CheckRow, ClaimRow, EvidenceRecordRow, FeedbackRow, RetrievalRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

SHOWN: Final = Plan(
    planted=(
        Planted(Fault.STALE_SOURCE, "policies", 6),
        Planted(Fault.MISATTRIBUTING_AGENT, "drafter", 5),
        Planted(Fault.WORSE_MODEL, "g2", 7),
    )
)
"""What the notebooks show: eight weeks in which three things go wrong, one after the other."""

_RENAMED: Final = {"caller_digest": "caller", "query_digest": "query"}
_OF_WHOLE: Final = ("at", "caller_digest", "model", "generation")
_CODES: Final = ("reasons", "differs_in")


def made_up(plan: Plan = SHOWN) -> Records:
    """The records of a plan.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
    for _, tables in history(plan):
        for table, some in tables.items():
            rows[table] += some
    when = {row["record_id"]: row for table in (RetrievalRow, CheckRow) for row in rows[table]}
    for table in (EvidenceRecordRow, ClaimRow):
        for row in rows[table]:
            whole = when[row["record_id"]]
            row |= {name: whole[name] for name in _OF_WHOLE if name in whole}
    for row in rows[EvidenceRecordRow]:
        row |= {"document": row["document_id"], "chunk": row["chunk_id"]}
        row["max_age_seconds"] = SOURCES[row["source"]] * DAY
    for row in rows[FeedbackRow]:
        row["chunk"] = row["chunk_id"] = row["target_id"]
    said = {(r["tenant"], r["target_id"], r["caller_digest"]): r for r in rows[FeedbackRow]}
    return Records(
        retrievals=_frame(rows[RetrievalRow], RETRIEVAL_COLUMNS),
        evidence=_frame(rows[EvidenceRecordRow], EVIDENCE_COLUMNS),
        sources=_frame(_sources(plan, rows[EvidenceRecordRow]), SOURCE_COLUMNS),
        claims=_frame(rows[ClaimRow], CLAIM_COLUMNS),
        checks=_frame(rows[CheckRow], CHECK_COLUMNS),
        feedback=_frame(list(said.values()), FEEDBACK_COLUMNS),
        threshold=THRESHOLD,
        origin=Origin.MADE_UP,
    )


def _frame(rows: list[dict[str, Any]], columns: Mapping[str, str]) -> pd.DataFrame:
    frame = pandas().DataFrame(rows).rename(columns=_RENAMED).reindex(columns=list(columns))
    for name in set(_CODES) & set(columns):
        frame[name] = frame[name].map(json.loads).astype("object")
    return (
        frame.astype(dict(columns)).sort_values("at", kind="stable", ignore_index=True)
        if ("at" in columns)
        else frame.astype(dict(columns))
    )


def _sources(plan: Plan, pieces: list[dict[str, Any]]) -> list[dict[str, Any]]:
    found = []
    for tenant in plan.tenants:
        for name, days in SOURCES.items():
            documents = {
                p["document"] for p in pieces if (p["tenant"], p["source"]) == (tenant, name)
            }
            stale = [p for p in plan.planted if (p.fault, p.where) == (Fault.STALE_SOURCE, name)]
            weeks = plan.weeks - stale[0].week if stale else 0
            age = timedelta(weeks=weeks) if stale else timedelta(hours=5)
            found.append(
                {
                    "tenant": tenant,
                    "source": name,
                    "state": "stale" if age > timedelta(days=days) else "fresh",
                    "age_seconds": age.total_seconds(),
                    "max_age_seconds": days * DAY,
                    "on_stale": "flag",
                    "documents": len(documents) + 3,
                }
            )
    return found
