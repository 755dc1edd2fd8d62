"""The records of an installation, or of one tenant, as frames."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from acl.orm import utc_now
from retrieval.quality.errors import InvalidPeriodError

if TYPE_CHECKING:
    import pandas as pd


class Origin(StrEnum):
    """Where records come from."""

    INSTALLATION = "Your installation"
    SERVICE = "Your service"
    DEMO = "The demo"
    MADE_UP = "A made-up history"


@dataclass(frozen=True, slots=True)
class Records:
    """Frames over all tenants of one installation, or over the tenant of a token.

    Attributes:
        retrievals: one answered query a row; see :mod:`retrieval.quality.datasets`, as for all.
        evidence: one piece served a row.
        sources: one source a row, as it stands.
        claims: one checked claim a row.
        checks: one check of claims a row.
        feedback: one opinion a row.
        threshold: relevance below which ``no_evidence`` is answered.
        origin: where all this comes from.
        remark: what the reader should know before believing the figures; empty if nothing.
    """

    retrievals: pd.DataFrame
    evidence: pd.DataFrame
    sources: pd.DataFrame
    claims: pd.DataFrame
    checks: pd.DataFrame
    feedback: pd.DataFrame
    threshold: float
    origin: Origin
    remark: str = ""

    @property
    def is_demo(self) -> bool:
        """Whether this is no installation of the reader's own."""
        return self.origin in {Origin.DEMO, Origin.MADE_UP}

    def __repr__(self) -> str:
        """In a few words; never a path or an address, as notebooks are shared."""
        asked = self.retrievals["at"]
        tenants = self.retrievals["tenant"].nunique()
        span = "" if asked.empty else f", {asked.min():%d %b %Y %H:%M} to {asked.max():%H:%M} UTC"
        if not asked.empty and asked.min().date() != asked.max().date():
            span = f", {asked.min():%d %b %Y} to {asked.max():%d %b %Y} UTC"
        return (
            f"{self.origin}: {len(asked):,} queries of {tenants} tenant"
            f"{'' if tenants == 1 else 's'}, {len(self.evidence):,} pieces of evidence{span}"
            f"{self.remark and '. '}{self.remark}"
        )

    def turn(self, days: int = 14) -> datetime:
        """A midnight (UTC) so many days before the last record: where two periods meet."""
        last = self.retrievals["at"].max() if len(self.retrievals) else utc_now()
        day = datetime(last.year, last.month, last.day, tzinfo=UTC)
        return day - timedelta(days=days - 1)

    def between(self, since: datetime | None = None, until: datetime | None = None) -> Records:
        """The records of a half-open period; sources stand as they are.

        Raises:
            InvalidPeriodError: an end has no time zone.
        """
        frames = {
            "retrievals": self.retrievals,
            "evidence": self.evidence,
            "claims": self.claims,
            "checks": self.checks,
            "feedback": self.feedback,
        }
        for name, at in (("since", since), ("until", until)):
            if at is not None and at.tzinfo is None:
                raise InvalidPeriodError(f"{name}={at.isoformat()}: give it a time zone")
        if since is not None:
            frames = {name: frame[frame["at"] >= since] for name, frame in frames.items()}
        if until is not None:
            frames = {name: frame[frame["at"] < until] for name, frame in frames.items()}
        return replace(self, **frames)
