"""Short writes beside the documents themselves: confirmations, pending versions, last words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from acl.orm import batches
from ingestion.deliveries import last_words
from ingestion.lock import exclusive
from ingestion.models import DocumentRow
from ingestion.records import DeliveryRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.run.outcome import Confirmed, Word


def note_words(context: IngestContext, tenant: str, words: Sequence[Word]) -> None:
    """Keep the source's latest word on each document; any other changes nothing."""
    if not words:
        return
    now = context.clock()
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        rows = dict(last_words(session, tenant, [word.document_id for word in words]))
        for word in words:
            row = rows.get(word.document_id)
            if row is None:
                row = rows[word.document_id] = DeliveryRow(
                    tenant=tenant, document_id=word.document_id
                )
                session.add(row)
            elif row.sequence > word.sequence:
                continue  # what it says of a name that was left
            row.sequence, row.deleted, row.at = word.sequence, word.deleted, now


def confirm(
    context: IngestContext, tenant: str, confirmed: Sequence[Confirmed], *, pending: Sequence[str]
) -> None:
    """Note which documents are as their source has them, and which wait for a newer version."""
    if not confirmed and not pending:
        return
    now = context.clock()
    with exclusive(context.lock_path), context.database.write(tenant) as session:
        for some in batches([one.document_id for one in confirmed]):
            _set(session, tenant, some, {"checked_at": now, "pending_since": None})
        _note_revisions(session, tenant, confirmed)
        mark_pending(session, tenant, pending, now=now)


def mark_pending(session: Session, tenant: str, documents: Sequence[str], *, now: datetime) -> None:
    """Mark documents of which the source holds a newer version; since when, stays as it was."""
    for some in batches(documents):
        session.execute(
            update(DocumentRow)
            .where(
                DocumentRow.tenant == tenant,
                DocumentRow.id.in_(some),
                DocumentRow.pending_since.is_(None),
                DocumentRow.deleted_at.is_(None),
            )
            .values(pending_since=now)
            .execution_options(synchronize_session=False)
        )


def _note_revisions(session: Session, tenant: str, confirmed: Sequence[Confirmed]) -> None:
    """Note the marks of content that changed although the content did not."""
    marks = {one.document_id: one.revision for one in confirmed if one.revision is not None}
    for some in batches(sorted(marks)):
        rows = session.execute(
            select(DocumentRow.id, DocumentRow.revision).where(
                DocumentRow.tenant == tenant, DocumentRow.id.in_(some)
            )
        ).all()
        for ident, revision in rows:
            if revision != marks[ident]:
                _set(session, tenant, [ident], {"revision": marks[ident]})


def _set(
    session: Session, tenant: str, documents: Sequence[str], values: dict[str, object]
) -> None:
    session.execute(
        update(DocumentRow)
        .where(DocumentRow.tenant == tenant, DocumentRow.id.in_(documents))
        .values(**values)
        .execution_options(synchronize_session=False)
    )
