"""The mark: the one transaction in which a batch becomes visible, in every generation at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from acl.models import Tenant
from acl.orm import batches
from ingestion.books import book
from ingestion.labels import tags_text
from ingestion.models import DocumentRow, VersionRow
from ingestion.places import Settled, Tally, put_places, settle_chunks, take_places
from ingestion.prepare import PREPARED_BY, pack

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from ingestion.plan import Upsert
    from ingestion.prepare import PreparedChunk
    from ingestion.writer import Batch


@dataclass(frozen=True, slots=True)
class Part:
    """What a batch puts into one generation.

    Attributes:
        generation: its id.
        active: whether it is the one being served.
        chunks: ids and chunks of each document in order, by document id. A document of the batch
            that is not in it loses its places in this generation and gets no new ones.
    """

    generation: str
    active: bool
    chunks: Mapping[str, Sequence[tuple[str, PreparedChunk]]]


def mark(
    session: Session, batch: Batch, parts: Sequence[Part], *, secret: bytes, now: datetime
) -> dict[str, Settled]:
    """Make versions, occurrences, chunk states, ACL content hashes and tombstones agree.

    Returns:
        What became of the chunks of each generation, by its id.
    """
    tenant = batch.tenant
    ids = [up.document_id for up in batch.upserts] + list(batch.deletions)
    documents = {row.id: row for row in _documents(session, tenant, ids)}
    tallies = {part.generation: Tally() for part in parts}
    # In every generation before anything about the documents changes: what is taken away was
    # booked under the title and ACL of then.
    lost = {
        name: take_places(session, tenant, name, documents, tally=tally, secret=secret)
        for name, tally in tallies.items()
    }
    for ident in batch.deletions:
        documents[ident].deleted_at = now
    for up in batch.upserts:
        document = _upsert_document(session, batch, up, documents.get(up.document_id), now=now)
        documents[document.id] = document
    session.flush()
    settled = {}
    for part in parts:
        name, tally = part.generation, tallies[part.generation]
        gained = put_places(
            session, tenant, name, documents, part.chunks, tally=tally, secret=secret
        )
        after = settle_chunks(session, tenant, name, gained=gained, lost=lost[name])
        settled[name] = after
        book(
            session,
            tenant,
            name,
            active=part.active,
            deltas=tally.deltas(),
            chunks=after.counts,
        )
    session.execute(
        update(Tenant)
        .where(Tenant.name == tenant)
        .values(content_version=Tenant.content_version + 1)
    )
    return settled


def _documents(session: Session, tenant: str, ids: Sequence[str]) -> Iterable[DocumentRow]:
    for some in batches(ids):
        yield from session.scalars(
            select(DocumentRow).where(DocumentRow.tenant == tenant, DocumentRow.id.in_(some))
        )


def _upsert_document(
    session: Session, batch: Batch, up: Upsert, row: DocumentRow | None, *, now: datetime
) -> DocumentRow:
    parsed = up.prepared.parsed
    if row is None:
        row = DocumentRow(
            tenant=batch.tenant,
            id=up.document_id,
            source=batch.source,
            external_id=up.item.external_id,
            version=0,
        )
        session.add(row)
    # A document that was renamed keeps its id and gets the new name.
    row.external_id = up.item.external_id
    row.title = up.item.title or parsed.title or up.item.external_id.rsplit("/", 1)[-1]
    row.uri = up.item.uri
    row.media_type = parsed.media_type
    row.tags = tags_text(up.tags)
    row.language = up.language
    row.acl_id = up.acl_id
    row.checked_at = now
    row.modified_at = up.item.modified_at
    row.deleted_at = None
    row.revision = up.item.revision
    row.pending_since = None
    held = None
    if row.version:
        held = session.get(VersionRow, (batch.tenant, row.id, row.version))
    if held is not None and _made_of(held) == (up.source_sha256, parsed.parser):
        # The same extraction, so the same version: citations into it stay what they are.
        held.sanitiser = PREPARED_BY
    else:
        row.version += 1
        session.add(
            VersionRow(
                tenant=batch.tenant,
                document_id=row.id,
                number=row.version,
                source_sha256=up.source_sha256,
                text_sha256=up.prepared.text_sha256,
                extraction=pack(parsed),
                parser=parsed.parser,
                sanitiser=PREPARED_BY,
                modified_at=up.item.modified_at,
                recorded_at=now,
            )
        )
    return row


def _made_of(version: VersionRow) -> tuple[str, str]:
    return version.source_sha256, version.parser
