"""Checks of claims as frames, and what came of them: verdicts, and outcomes of citations.

As of answers, one tenant each, figures and digests alone: no claim, no quote, no evidence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import and_, select

from retrieval.quality.cells import grouped, threshold
from retrieval.quality.extra import pandas
from retrieval.quality.frames import period
from retrieval.quality.rates import FIGURES, share, with_interval
from retrieval.quality.reading import TIME, frame_of, microseconds
from retrieval.records import CheckRow, ClaimRow
from retrieval.verify_quotes import CitationResult
from verifier.support import SupportVerdict

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import pandas as pd

    from acl.orm import Database

OUTCOMES: Final = tuple(result.value for result in CitationResult)

CHECK_COLUMNS: Final = {
    "tenant": "string",
    "record_id": "string",
    "request_id": "string",
    "at": TIME,
    "caller": "string",
    "view": "string",
    "model": "string",
    "claims": "int64",
    "recall": "float64",
    "precision": "float64",
    "latency_ms": "float64",
    "generation": "string",
}
CLAIM_COLUMNS: Final = {
    "tenant": "string",
    "record_id": "string",
    "at": TIME,
    "caller": "string",
    "model": "string",
    "generation": "string",
    "source": "string",
    "place": "int64",
    "verdict": "string",
    "score": "float64",
    "contradiction": "float64",
    "reasons": "object",
    "differs_in": "object",
    **dict.fromkeys(OUTCOMES, "int64"),
}


def checks(
    database: Database,
    tenant: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """One row for each check of claims, oldest first.

    Args:
        database: the catalogue.
        tenant: whose checks.
        since: the first instant, inclusive; aware.
        until: the end, exclusive; aware.

    Returns:
        Columns :data:`CHECK_COLUMNS`. ``recall`` is the share of claims that their citations
        support, ``precision`` of citations that help; NaN where there are none. ``generation`` is
        the one that was active.

    Raises:
        InvalidPeriodError: the period is no period.
        MissingExtraError: pandas is not installed.
    """
    row = CheckRow
    statement = (
        select(
            row.tenant,
            row.record_id,
            row.request_id,
            microseconds(row.at),
            row.caller_digest,
            row.view,
            row.model,
            row.claims,
            row.recall,
            row.precision,
            row.latency_ms,
            row.generation,
        )
        .where(*period(row, tenant, since, until))
        .order_by(row.at, row.record_id)
    )
    with database.read(tenant) as session:
        return frame_of(session, statement, CHECK_COLUMNS)


def claims(
    database: Database,
    tenant: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """One row for each claim that was checked, in the order of :func:`checks`, then of the request.

    Args:
        database: the catalogue.
        tenant: whose checks.
        since: the first instant, inclusive; aware.
        until: the end, exclusive; aware.

    Returns:
        Columns :data:`CLAIM_COLUMNS`: ``place`` counts from 1; ``source`` is what the claim rests
        on, if that is there; ``reasons`` and ``differs_in`` are lists of codes; each outcome of a
        citation has a column that says how many of the claim's citations had it.

    Raises:
        InvalidPeriodError: the period is no period.
        MissingExtraError: pandas is not installed.
    """
    claim, row = ClaimRow, CheckRow
    statement = (
        select(
            claim.tenant,
            claim.record_id,
            microseconds(row.at),
            row.caller_digest,
            row.model,
            row.generation,
            claim.source,
            claim.place,
            claim.verdict,
            claim.score,
            claim.contradiction,
            claim.reasons,
            claim.differs_in,
            *(getattr(claim, outcome) for outcome in OUTCOMES),
        )
        .join(row, and_(row.tenant == claim.tenant, row.record_id == claim.record_id))
        .where(*period(row, tenant, since, until))
        .order_by(row.at, row.record_id, claim.place)
    )
    with database.read(tenant) as session:
        return frame_of(session, statement, CLAIM_COLUMNS)


def claim_verdicts(
    claims: pd.DataFrame, *, by: Sequence[str] = ("tenant",), minimum: int | None = None
) -> pd.DataFrame:
    """How claims stand: the share of each verdict among all claims of a group.

    Returns:
        The columns grouped by, ``verdict``, and a rate as in :mod:`retrieval.quality.rates`; a
        verdict that did not occur has a row with 0. Small cells are told by their checks.
    """
    tables = [
        share(
            claims, claims["verdict"] == verdict.value, by=by, minimum=minimum, queries="record_id"
        ).assign(verdict=verdict.value)
        for verdict in SupportVerdict
    ]
    return _stacked(tables, by, "verdict")


def citation_outcomes(
    claims: pd.DataFrame, *, by: Sequence[str] = ("tenant",), minimum: int | None = None
) -> pd.DataFrame:
    """What became of citations: the share of each outcome among all citations of a group.

    Returns:
        The columns grouped by, ``outcome``, and a rate as in :mod:`retrieval.quality.rates`; an
        outcome that did not occur has a row with 0. Small cells are told by their checks.
    """
    cited = claims.assign(citations=claims[list(OUTCOMES)].sum(axis=1))
    cited = cited[cited["citations"] > 0]
    tables = []
    for outcome in OUTCOMES:
        table = grouped(cited, by).agg(
            count=(outcome, "sum"), total=("citations", "sum"), checks=("record_id", "nunique")
        )
        shown = with_interval(table, threshold(by, minimum), size="checks")
        tables.append(shown[[*by, *FIGURES, "hidden"]].assign(outcome=outcome))
    return _stacked(tables, by, "outcome")


def _stacked(tables: Sequence[pd.DataFrame], by: Sequence[str], name: str) -> pd.DataFrame:
    table = pandas().concat(tables, ignore_index=True)[[*by, name, *FIGURES, "hidden"]]
    return table.sort_values([*by], kind="stable", ignore_index=True) if by else table
