"""Records as frames: one tenant each, read through the session that is confined to it.

An empty period gives an empty frame with the same columns and types.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, select

from acl.orm import utc_now
from ingestion.freshness import source_freshness
from ingestion.models import SourceRow
from retrieval.quality.errors import InvalidPeriodError
from retrieval.quality.extra import pandas
from retrieval.quality.reading import TIME, frame_of, microseconds
from retrieval.records import CheckRow, EvidenceRecordRow, FeedbackRow, RetrievalRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    import pandas as pd
    from sqlalchemy import ColumnElement

    from acl.orm import Database

RETRIEVAL_COLUMNS: Final = {
    "tenant": "string",
    "record_id": "string",
    "request_id": "string",
    "at": TIME,
    "caller": "string",
    "query": "string",
    "view": "string",
    "status": "string",
    "action": "string",
    "reasons": "object",
    "mode": "string",
    "exactness": "string",
    "evidence": "int64",
    "best_relevance": "float64",
    "duplicates_collapsed": "int64",
    "conflicts": "int64",
    "evidence_tokens": "int64",
    "latency_ms": "float64",
    "generation": "string",
}
EVIDENCE_COLUMNS: Final = {
    "tenant": "string",
    "record_id": "string",
    "at": TIME,
    "rank": "int64",
    "document": "string",
    "document_id": "string",
    "chunk": "string",
    "chunk_id": "string",
    "version": "int64",
    "source": "string",
    "relevance": "float64",
    "age_seconds": "int64",
    "max_age_seconds": "float64",
    "freshness": "string",
    "verdict": "string",
    "findings": "int64",
}
SOURCE_COLUMNS: Final = {
    "tenant": "string",
    "source": "string",
    "state": "string",
    "age_seconds": "float64",
    "max_age_seconds": "float64",
    "on_stale": "string",
    "documents": "int64",
}
FEEDBACK_COLUMNS: Final = {
    "tenant": "string",
    "at": TIME,
    "caller": "string",
    "about": "string",
    "chunk": "string",
    "chunk_id": "string",
    "useful": "bool",
}


def retrievals(
    database: Database,
    tenant: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """One row for each answered query, oldest first.

    Args:
        database: the catalogue.
        tenant: whose queries.
        since: the first instant, inclusive; aware.
        until: the end, exclusive; aware.

    Returns:
        Columns :data:`RETRIEVAL_COLUMNS`. ``caller`` and ``query`` are keyed digests; ``reasons``
        is a list of reason codes; ``best_relevance`` is NaN where there was no evidence.

    Raises:
        InvalidPeriodError: the period is no period.
        MissingExtraError: pandas is not installed.
    """
    row = RetrievalRow
    statement = (
        select(
            row.tenant,
            row.record_id,
            row.request_id,
            microseconds(row.at),
            row.caller_digest,
            row.query_digest,
            row.view,
            row.status,
            row.action,
            row.reasons,
            row.mode,
            row.exactness,
            row.evidence,
            row.best_relevance,
            row.duplicates_collapsed,
            row.conflicts,
            row.evidence_tokens,
            row.latency_ms,
            row.generation,
        )
        .where(*period(RetrievalRow, tenant, since, until))
        .order_by(row.at, row.record_id)
    )
    with database.read(tenant) as session:
        return frame_of(session, statement, RETRIEVAL_COLUMNS)


def evidence(
    database: Database,
    tenant: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """One row for each piece of evidence served, in the order of :func:`retrievals`, then rank.

    Args:
        database: the catalogue.
        tenant: whose queries.
        since: the first instant, inclusive; aware.
        until: the end, exclusive; aware.

    Returns:
        Columns :data:`EVIDENCE_COLUMNS`; ``document`` and ``chunk`` are what to group by, and here
        the ids themselves. ``age_seconds`` and ``freshness`` are as they were when
        the piece was served; ``max_age_seconds`` is what its source allows *today* (NaN where it
        sets no limit or no longer exists).

    Raises:
        InvalidPeriodError: the period is no period.
        MissingExtraError: pandas is not installed.
    """
    piece, row = EvidenceRecordRow, RetrievalRow
    statement = (
        select(
            piece.tenant,
            piece.record_id,
            microseconds(row.at),
            piece.rank,
            piece.document_id.label("document"),
            piece.document_id,
            piece.chunk_id.label("chunk"),
            piece.chunk_id,
            piece.version,
            piece.source,
            piece.relevance,
            piece.age_seconds,
            SourceRow.max_age_seconds,
            piece.freshness,
            piece.verdict,
            piece.findings,
        )
        .join(row, and_(row.tenant == piece.tenant, row.record_id == piece.record_id))
        .outerjoin(
            SourceRow, and_(SourceRow.tenant == piece.tenant, SourceRow.name == piece.source)
        )
        .where(*period(RetrievalRow, tenant, since, until))
        .order_by(row.at, row.record_id, piece.rank)
    )
    with database.read(tenant) as session:
        return frame_of(session, statement, EVIDENCE_COLUMNS)


def feedback(
    database: Database,
    tenant: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> pd.DataFrame:
    """One row for each opinion of an answer or a piece, oldest first; no comments.

    Args:
        database: where receipts live.
        tenant: whose.
        since: the first instant, inclusive; aware.
        until: the end, exclusive; aware.

    Returns:
        Columns :data:`FEEDBACK_COLUMNS`.

    Raises:
        InvalidPeriodError: the period is no period.
        MissingExtraError: pandas is not installed.
    """
    row = FeedbackRow
    statement = (
        select(row.tenant, row.at, row.caller_digest, row.about, row.target_id, row.useful)
        .where(*period(row, tenant, since, until))
        .order_by(row.at, row.about, row.target_id, row.caller_digest)
    )
    with database.read(tenant) as session:
        found = session.execute(statement).all()
    pieces = (r.target_id if r.about == "chunk" else None for r in found)
    rows = [
        (r.tenant, r.at, r.caller_digest, r.about, chunk, chunk, r.useful)
        for r, chunk in zip(found, pieces, strict=True)
    ]
    return typed(rows, FEEDBACK_COLUMNS)


def sources(database: Database, tenant: str, *, now: datetime | None = None) -> pd.DataFrame:
    """One row for each source of a tenant, as it stands: the standard evidence is held to.

    Args:
        database: the catalogue.
        tenant: whose sources.
        now: the instant ages are counted to; aware, the present by default.

    Returns:
        Columns :data:`SOURCE_COLUMNS`; ``documents`` counts the live ones under every ACL, so
        this is for operators and analysts of the tenant, never for callers.

    Raises:
        MissingExtraError: pandas is not installed.
    """
    with database.read(tenant) as session:
        rows = [
            (
                tenant,
                source.name,
                source.state.value,
                source.age_seconds,
                source.max_age_seconds,
                source.on_stale,
                source.documents,
            )
            for source in source_freshness(session, tenant, now or utc_now())
        ]
    return typed(rows, SOURCE_COLUMNS)


def period(
    row: type[RetrievalRow | CheckRow | FeedbackRow],
    tenant: str,
    since: datetime | None,
    until: datetime | None,
) -> list[ColumnElement[bool]]:
    """Conditions for one tenant's rows of a half-open period.

    Raises:
        InvalidPeriodError: the period is no period.
    """
    for name, instant in (("since", since), ("until", until)):
        if instant is not None and instant.tzinfo is None:
            raise InvalidPeriodError(f"{name}={instant.isoformat()}: give it a time zone")
    if since is not None and until is not None and since >= until:
        raise InvalidPeriodError(
            f"since={since.isoformat()} is not before until={until.isoformat()}: swap them"
        )
    # The session's guard says the same; said here too, the index on (tenant, at) is used.
    conditions = [row.tenant == tenant]
    if since is not None:
        conditions.append(row.at >= since)
    if until is not None:
        conditions.append(row.at < until)
    return conditions


def typed(rows: Iterable[Sequence[Any]], columns: dict[str, str]) -> pd.DataFrame:
    """Rows as a frame of the columns and types given, also where there are none."""
    return (
        pandas()
        .DataFrame.from_records([tuple(row) for row in rows], columns=list(columns))
        .astype(columns)
    )
