"""Statements over the tables of records: the rows of each dataset, in keyset order.

What they find is raw, and leaves through :mod:`retrieval.quality.analyst` alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_, select

from acl.orm import instant
from retrieval.quality.datasets import SHAPES, Dataset
from retrieval.records import CheckRow, ClaimRow, EvidenceRecordRow, FeedbackRow, RetrievalRow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import ColumnElement, Select

    Statement = tuple[Select[Any], Any, tuple[Any, ...]]


def statement_of(dataset: Dataset) -> Statement:
    """How to read a dataset: the statement, the table that has the time, and the key behind it."""
    return _STATEMENTS[dataset]()


def behind(columns: Sequence[Any], position: Sequence[Any]) -> ColumnElement[bool]:
    """That a row stands behind a position: time in microseconds, then the rest of the key.

    Written out, as comparing rows as such is not alike on every engine.
    """
    values = [instant(position[0]), *position[1:]]
    cases = []
    for n, column in enumerate(columns):
        same = (c == v for c, v in zip(columns[:n], values[:n], strict=True))
        cases.append(and_(*same, column > values[n]))
    # The first alone bounds what an index has to walk.
    return and_(columns[0] >= values[0], or_(*cases))


def resting_on(source: str, tenant: str, dataset: Dataset) -> ColumnElement[bool]:
    """That a row of ``retrievals`` or ``evidence`` rests on a source."""
    piece = EvidenceRecordRow
    if dataset is Dataset.EVIDENCE:
        return piece.source == source
    citing = select(piece.record_id).where(piece.tenant == tenant, piece.source == source)
    return RetrievalRow.record_id.in_(citing)


def _retrievals() -> Statement:
    row = RetrievalRow
    named = (row.caller_digest.label("caller"), row.query_digest.label("query"))
    return select(*_same(row, Dataset.RETRIEVALS), *named), row, (row.record_id,)


def _evidence() -> Statement:
    row, piece = RetrievalRow, EvidenceRecordRow
    statement = select(*_same(piece, Dataset.EVIDENCE), row.at).join(row, _of_one(piece, row))
    return statement, row, (row.record_id, piece.rank)


def _checks() -> Statement:
    row = CheckRow
    named = row.caller_digest.label("caller")
    return select(*_same(row, Dataset.CHECKS), named), row, (row.record_id,)


def _claims() -> Statement:
    row, claim = CheckRow, ClaimRow
    of_check = (row.at, row.caller_digest.label("caller"), row.model, row.generation)
    statement = select(*_same(claim, Dataset.CLAIMS), *of_check).join(row, _of_one(claim, row))
    return statement, row, (row.record_id, claim.place)


def _feedback() -> Statement:
    row = FeedbackRow
    told: list[Any] = [row.tenant, row.at, row.about, row.useful, row.target_id]
    statement = select(*told, row.caller_digest.label("caller"))
    return statement, row, (row.about, row.target_id, row.caller_digest)


def _same(row: Any, dataset: Dataset) -> list[Any]:
    """Those columns of a table that stand in the dataset under their own names."""
    return [getattr(row, name) for name in SHAPES[dataset].names if hasattr(row, name)]


def _of_one(part: Any, whole: Any) -> ColumnElement[bool]:
    return and_(whole.tenant == part.tenant, whole.record_id == part.record_id)


_STATEMENTS: Final[dict[Dataset, Callable[[], Statement]]] = {
    Dataset.RETRIEVALS: _retrievals,
    Dataset.EVIDENCE: _evidence,
    Dataset.CHECKS: _checks,
    Dataset.CLAIMS: _claims,
    Dataset.FEEDBACK: _feedback,
}
