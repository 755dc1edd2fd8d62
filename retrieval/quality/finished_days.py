"""What became of citations, day by day, with small cells left out.

A day is told once it is over, and whole: of two requests for periods that differ by a minute the
figures do not differ, so nobody can find a single check by subtraction. Whoever needs single
records and may have them reads ``claims``.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import BigInteger, and_, func, select, type_coerce

from acl.orm import instant
from retrieval.quality.cells import SMALL_CELL
from retrieval.quality.errors import InvalidPeriodError
from retrieval.records import CheckRow, ClaimRow
from retrieval.verify_quotes import CitationResult
from verifier.support import SupportVerdict

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    Period = tuple[datetime | None, datetime | None]

_DAY: Final = 86_400_000_000  # microseconds
_SETTLING: Final = timedelta(minutes=5)  # records are written a moment after what they tell of
_OUTCOMES: Final = tuple(result.value for result in CitationResult)
_FIGURES: Final = ("checks", "claims", "supported", "contradicted", "citations", *_OUTCOMES)


def days(session: Session, tenant: str, period: Period, *, now: datetime) -> list[dict[str, Any]]:
    """One row for each finished day and model, oldest first.

    Args:
        session: confined to the tenant.
        tenant: whose checks.
        period: from and to, aware; whole days.
        now: days that are not over by then are not told.

    Raises:
        InvalidPeriodError: an end of the period is within a day.
    """
    for name, at in zip(("since", "until"), period, strict=True):
        if at is not None and at != _midnight(at):
            raise InvalidPeriodError(f"{name}: give a midnight (UTC), as days are told whole")
    since, until = period
    until = min(until or now, _midnight(now - _SETTLING))
    conditions = [CheckRow.tenant == tenant, CheckRow.at < until]
    if since is not None:
        conditions.append(CheckRow.at >= since)
    day = (type_coerce(CheckRow.at, BigInteger) // _DAY).label("day")
    claim = ClaimRow
    totals: list[ColumnElement[Any]] = [
        func.count(CheckRow.record_id.distinct()).label("checks"),
        func.count(claim.place).label("claims"),
        *(_said(verdict) for verdict in (SupportVerdict.SUPPORTED, SupportVerdict.CONTRADICTED)),
        *(func.coalesce(func.sum(getattr(claim, o)), 0).label(o) for o in _OUTCOMES),
    ]
    of_check = and_(claim.tenant == CheckRow.tenant, claim.record_id == CheckRow.record_id)
    rows = session.execute(
        select(day, CheckRow.model, *totals)
        .join(claim, of_check, isouter=True)
        .where(*conditions)
        .group_by(day, CheckRow.model)
    ).mappings()
    found = [_row(tenant, dict(row)) for row in rows]
    return sorted(found, key=lambda row: (row["day"], row["model"]))


def _row(tenant: str, counted: dict[str, Any]) -> dict[str, Any]:
    figures = {name: int(counted[name]) for name in _FIGURES if name != "citations"}
    figures["citations"] = sum(figures[outcome] for outcome in _OUTCOMES)
    hidden = figures["checks"] < SMALL_CELL
    return {
        "tenant": tenant,
        "day": instant(int(counted["day"]) * _DAY).date().isoformat(),
        "model": counted["model"],
        **{name: None if hidden else figures[name] for name in _FIGURES},
        "hidden": hidden,
    }


def _said(verdict: SupportVerdict) -> ColumnElement[Any]:
    return func.count().filter(ClaimRow.verdict == verdict.value).label(verdict.value)


def _midnight(at: datetime) -> datetime:
    return instant(int((at - instant(0)) / timedelta(days=1) // 1) * _DAY)
