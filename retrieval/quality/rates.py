"""Rates: of how many queries, or pieces of evidence, something holds.

Every function returns one row a group: the columns grouped by, then ``count`` (how many), ``total``
(of how many), ``rate`` and its 95 % Wilson interval ``low`` to ``high``, and ``hidden`` (a small
cell, see :mod:`retrieval.quality.cells`). Groups follow their names. No records, no rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from retrieval.quality.cells import grouped, hide_small, threshold
from retrieval.quality.extra import pandas
from retrieval.quality.intervals import wilson
from retrieval.status import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

FIGURES: Final = ("count", "total", "rate", "low", "high")


def status_rates(
    retrievals: pd.DataFrame, *, by: Sequence[str] = ("tenant",), minimum: int | None = None
) -> pd.DataFrame:
    """How answers stand: the share of each status among all queries of a group.

    The shares of a group add up to 1; a status that did not occur has a row with 0. The row of
    ``no_evidence`` is the *no-evidence rate*, the row of ``degraded`` the *degraded rate*.
    """
    pd = pandas()
    tables = [
        share(retrievals, retrievals["status"] == status.value, by=by, minimum=minimum).assign(
            status=status.value
        )
        for status in Status
    ]
    table = pd.concat(tables, ignore_index=True)[[*by, "status", *FIGURES, "hidden"]]
    return table.sort_values([*by], kind="stable", ignore_index=True) if by else table


def no_evidence_by_reason(
    retrievals: pd.DataFrame, *, by: Sequence[str] = (), minimum: int | None = None
) -> pd.DataFrame:
    """Why there was no evidence: queries without any that give a reason, among all queries.

    A query may give several reasons, so the rates of a group may add up to more than its
    no-evidence rate.
    """
    return _by_reason(retrievals, Status.NO_EVIDENCE, by, minimum)


def degraded_by_reason(
    retrievals: pd.DataFrame, *, by: Sequence[str] = (), minimum: int | None = None
) -> pd.DataFrame:
    """Why answers carry a caveat: degraded queries that give a reason, among all queries.

    A query may give several reasons, so the rates of a group may add up to more than its degraded
    rate.
    """
    return _by_reason(retrievals, Status.DEGRADED, by, minimum)


def conflict_rate(
    retrievals: pd.DataFrame, *, by: Sequence[str] = (), minimum: int | None = None
) -> pd.DataFrame:
    """Answers whose evidence disagrees with itself, among all queries that got evidence."""
    answered = retrievals[retrievals["evidence"] > 0]
    return share(answered, answered["conflicts"] > 0, by=by, minimum=minimum)


def flagged_share(
    evidence: pd.DataFrame,
    *,
    by: Sequence[str] = ("tenant", "source"),
    minimum: int | None = None,
) -> pd.DataFrame:
    """Pieces of evidence in which the verifier found injected instructions, among all served.

    That is a verdict other than ``clean``. Pieces that were withheld were not served, and are
    counted by :func:`no_evidence_by_reason` and :func:`degraded_by_reason`.
    """
    flagged = evidence["verdict"] != "clean"
    return share(evidence, flagged, by=by, minimum=minimum, queries="record_id")


def staleness_exposure(
    evidence: pd.DataFrame,
    *,
    by: Sequence[str] = ("tenant", "source"),
    minimum: int | None = None,
) -> pd.DataFrame:
    """Answers resting on old text: those that cite a source with at least one piece not fresh.

    Among the answers that cite the source at all, so that a source turned stale goes to 1 however
    rarely it is cited. Not fresh is ``stale``, ``failing`` or ``unknown`` when it was served.
    """
    old = evidence.assign(old=evidence["freshness"] != "fresh")
    unit = list(dict.fromkeys([*by, "tenant", "record_id"]))
    answers = old.groupby(unit, as_index=False)["old"].any()
    return share(answers, answers["old"].astype("bool"), by=by, minimum=minimum)


def share(
    frame: pd.DataFrame,
    holds: pd.Series,
    *,
    by: Sequence[str],
    minimum: int | None = None,
    queries: str | None = None,
) -> pd.DataFrame:
    """The share of a frame's rows for which something holds.

    Args:
        frame: one row a query, or one row a piece of evidence.
        holds: for each row, whether it counts.
        by: columns to group by; none for one row over everything.
        minimum: the smallest group that is shown; None for the default of
            :func:`retrieval.quality.cells.threshold`.
        queries: the column that tells the query of a row; None where a row is a query.
    """
    cells = grouped(frame.assign(holds=holds.astype("int64")), by)
    size = ("holds", "size") if queries is None else (queries, "nunique")
    table = cells.agg(count=("holds", "sum"), total=("holds", "size"), queries=size)
    shown = with_interval(table, threshold(by, minimum), size="queries")
    return shown[[*by, *FIGURES, "hidden"]]


def with_interval(table: pd.DataFrame, minimum: int, *, size: str = "total") -> pd.DataFrame:
    """A table of ``count`` and ``total``, with rate and interval, its small cells hidden."""
    counted = table.astype({"count": "float64", "total": "float64"})
    ends = [
        wilson(hits, total) for hits, total in zip(counted["count"], counted["total"], strict=True)
    ]
    filled = counted.assign(
        rate=counted["count"] / counted["total"],
        low=[low for low, _ in ends],
        high=[high for _, high in ends],
    )
    return hide_small(filled, size, minimum, figures=FIGURES)


def _by_reason(
    retrievals: pd.DataFrame, status: Status, by: Sequence[str], minimum: int | None
) -> pd.DataFrame:
    """One row for each reason that queries of a status give, most frequent first."""
    pd = pandas()
    concerned = retrievals["status"] == status.value
    given = sorted({code for codes in retrievals.loc[concerned, "reasons"] for code in codes})
    tables = [
        share(
            retrievals,
            concerned & retrievals["reasons"].map(lambda codes, code=code: code in codes),
            by=by,
            minimum=minimum,
        ).assign(reason=code)
        for code in given
    ]
    columns = [*by, "reason", *FIGURES, "hidden"]
    if not tables:
        nothing = share(retrievals.iloc[:0], concerned.iloc[:0], by=by)
        return nothing.assign(reason=pd.Series(dtype="string"))[columns]
    table = pd.concat(tables, ignore_index=True)[columns]
    return table.sort_values(
        [*by, "count", "reason"],
        ascending=[*(True for _ in by), False, True],
        ignore_index=True,
    )
