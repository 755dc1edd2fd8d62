"""Which documents a generation lacks, asked of the catalogue page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import exists, func, select

from ingestion.models import DocumentRow, OccurrenceRow

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session


def missing_documents(
    session: Session,
    tenant: str,
    generation: str,
    *,
    among: Iterable[str] | None = None,
    after: str = "",
    limit: int | None = None,
) -> list[str]:
    """Ids of live documents that stand nowhere in a generation, in order, beyond ``after``.

    Documents without any text are among them: they have nothing to stand with.
    """
    statement = select(DocumentRow.id).where(
        *_live(tenant), DocumentRow.id > after, ~_stands(generation)
    )
    if among is not None:
        statement = statement.where(DocumentRow.id.in_(list(among)))
    return list(session.scalars(statement.order_by(DocumentRow.id).limit(limit)))


def count_documents(session: Session, tenant: str, generation: str) -> tuple[int, int]:
    """How many live documents there are, and how many of them stand in a generation."""
    live = session.scalar(select(func.count()).select_from(DocumentRow).where(*_live(tenant)))
    there = session.scalar(
        select(func.count()).select_from(DocumentRow).where(*_live(tenant), _stands(generation))
    )
    return live or 0, there or 0


def _live(tenant: str) -> tuple[ColumnElement[bool], ...]:
    return DocumentRow.tenant == tenant, DocumentRow.deleted_at.is_(None)


def _stands(generation: str) -> ColumnElement[bool]:
    return exists().where(
        OccurrenceRow.tenant == DocumentRow.tenant,
        OccurrenceRow.generation == generation,
        OccurrenceRow.document_id == DocumentRow.id,
    )
