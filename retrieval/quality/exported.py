"""Reading the datasets batch by batch, in one order, as an analyst of the tenant may have them.

Each batch is a transaction of its own, so that nobody who reads slowly holds one open, and memory
is bounded by a batch. The position is the key of the last row, never a count: rows that come in
meanwhile neither repeat nor skip others.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from acl.audit.events import microseconds
from retrieval.quality.analyst import Analyst
from retrieval.quality.datasets import SHAPES, Dataset, Filter
from retrieval.quality.errors import InvalidPeriodError, UnknownFilterError
from retrieval.quality.finished_days import days
from retrieval.quality.record_rows import behind, resting_on, statement_of
from retrieval.quality.standing_sources import standing
from retrieval.quality.told import told
from retrieval.records import EvidenceRecordRow, RetrievalRow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from acl.orm import Database
    from retrieval.runtime import Runtime

    Row = dict[str, Any]
    Position = list[Any]

BATCH: Final = 2_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of which dataset.

    Attributes:
        dataset: of which.
        since: at or after; aware.
        until: before; aware.
        source: only rows that rest on this source, by the label the analyst knows it by.
        generation: only rows answered by this build of the index.
    """

    dataset: Dataset
    since: datetime | None = None
    until: datetime | None = None
    source: str | None = None
    generation: str | None = None

    def check(self) -> None:
        """Refuse what cannot be asked of the dataset: a filter is never ignored.

        Raises:
            UnknownFilterError: the dataset has no such filter; it is named.
            InvalidPeriodError: the period is no period.
        """
        for name in Filter:
            if getattr(self, name) is not None and name not in SHAPES[self.dataset].filters:
                raise UnknownFilterError(
                    name, f"{self.dataset} cannot be narrowed by {name}: leave it out"
                )
        if self.since is not None and self.until is not None and self.since >= self.until:
            raise InvalidPeriodError("since is not before until: swap them")


@dataclass(frozen=True, slots=True)
class Part:
    """Some rows in order, and the position to go on from; None where there are no more."""

    rows: Sequence[Row]
    after: Position | None


def read(
    runtime: Runtime, caller: Caller, wanted: Wanted, *, after: Position | None, limit: int
) -> Part:
    """The rows behind a position.

    Args:
        runtime: the installation.
        caller: the analyst; their tenant is the one read.
        wanted: which rows.
        after: the position, as of a part before; None for the beginning.
        limit: rows at most.

    Raises:
        UnknownFilterError, InvalidPeriodError: as of :meth:`Wanted.check`.
    """
    wanted.check()
    with runtime.database.read(caller.tenant) as session:
        analyst = Analyst.of(runtime, session, caller)
        if wanted.dataset is Dataset.SOURCES:
            rows = standing(session, analyst, wanted.source, now=runtime.clock())
            return _sliced(rows, ("source",), after=after, limit=limit)
        if wanted.dataset is Dataset.CITATIONS:
            period = (wanted.since, wanted.until)
            rows = days(session, caller.tenant, period, now=runtime.clock())
            return _sliced(rows, ("day", "model"), after=after, limit=limit)
        conditions = _narrowed(session, analyst, wanted)
        if conditions is None:
            return Part([], None)
        # Feedback lives beside the receipts it is about.
        beside = wanted.dataset is Dataset.FEEDBACK
        home = runtime.audit_database if beside else runtime.database
        raw, position = _raw(home, analyst, wanted, conditions, after=after, limit=limit)
        return Part(told(session, analyst, wanted.dataset, raw), position)


def batches_of(runtime: Runtime, caller: Caller, wanted: Wanted) -> Iterator[Sequence[Row]]:
    """Every row of a dataset, a batch at a time; at least one batch, if an empty one."""
    after: Position | None = None
    while True:
        part = read(runtime, caller, wanted, after=after, limit=BATCH)
        yield part.rows
        after = part.after
        if after is None:
            return


def _raw(
    home: Database,
    analyst: Analyst,
    wanted: Wanted,
    conditions: Sequence[ColumnElement[bool]],
    *,
    after: Position | None,
    limit: int,
) -> tuple[list[Row], Position | None]:
    """Rows as recorded, and the position behind them if there are more."""
    statement, whole, inner = statement_of(wanted.dataset)
    key = (whole.at, *inner)
    where = [*conditions, whole.tenant == analyst.scope.tenant]  # the guard's; here for the index
    if wanted.since is not None:
        where.append(whole.at >= wanted.since)
    if wanted.until is not None:
        where.append(whole.at < wanted.until)
    if after is not None:
        where.append(behind(key, after))
    # With its key, which need not be among what is told.
    keyed = statement.add_columns(*(c.label(f"key_{n}") for n, c in enumerate(key)))
    with home.read(analyst.scope.tenant) as session:
        found = session.execute(keyed.where(*where).order_by(*key).limit(limit + 1))
        names = tuple(found.keys())
        rows = [dict(zip(names, row, strict=True)) for row in found]
    if len(rows) <= limit:
        return rows, None
    last = [rows[limit - 1][f"key_{n}"] for n in range(len(key))]
    return rows[:limit], [microseconds(last[0]), *last[1:]]


def _narrowed(
    session: Session, analyst: Analyst, wanted: Wanted
) -> list[ColumnElement[bool]] | None:
    """What narrows a request besides its period.

    None where a source is named that the analyst knows none by: nothing rests on it.
    """
    conditions = []
    if wanted.generation is not None:
        conditions.append(RetrievalRow.generation == wanted.generation)
    if wanted.source is not None:
        names = session.scalars(select(EvidenceRecordRow.source).distinct())
        source = analyst.source_named(wanted.source, names)
        if source is None:
            return None
        conditions.append(resting_on(source, analyst.scope.tenant, wanted.dataset))
    return conditions


def _sliced(rows: Sequence[Row], key: Sequence[str], *, after: Position | None, limit: int) -> Part:
    """A part of rows that are few, by the values of their key."""
    left = [row for row in rows if after is None or [row[name] for name in key] > after]
    taken = left[:limit]
    more = len(left) > limit
    return Part(taken, [taken[-1][name] for name in key] if more else None)
