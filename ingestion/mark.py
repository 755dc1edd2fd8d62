"""The mark: the one transaction in which a batch becomes visible."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from acl.content import Delta, Guarded, change_content
from acl.models import AclRow, Tenant
from acl.orm import batches
from ingestion.models import ChunkRow, ChunkState, DocumentRow, OccurrenceRow, VersionRow
from ingestion.prepare import PREPARED_BY, pack
from ingestion.rows import occurrence_values, row_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from ingestion.plan import Upsert
    from ingestion.writer import Batch


@dataclass(frozen=True, slots=True)
class Outcome:
    """Chunks left without an occurrence, and chunks that lost one but live on."""

    orphans: frozenset[str]
    released: frozenset[str]


class _Tally:
    """What a batch adds to and takes from each ACL, source by source."""

    def __init__(self) -> None:
        self._counts: dict[Guarded, int] = defaultdict(int)
        self._hashes: dict[Guarded, int] = defaultdict(int)

    def book(self, where: Guarded, sign: int, value: int) -> None:
        """One occurrence more (sign 1) or fewer (sign -1), with its hash."""
        self._counts[where] += sign
        self._hashes[where] += sign * value

    def deltas(self) -> dict[Guarded, Delta]:
        """The sum of what was booked."""
        return {where: Delta(self._counts[where], self._hashes[where]) for where in self._counts}


def mark(
    session: Session, batch: Batch, *, generation: str, secret: bytes, now: datetime
) -> Outcome:
    """Make versions, occurrences, chunk states, ACL content hashes and tombstones agree."""
    tenant = batch.tenant
    ids = [up.document_id for up in batch.upserts] + list(batch.deletions)
    documents = {row.id: row for row in _documents(session, tenant, ids)}
    removed = _take_occurrences(session, tenant, generation, ids)
    tally = _Tally()
    acl_of = _acls_of(session, tenant, generation, {row.chunk_id for row in removed})
    for row in removed:
        document = documents[row.document_id]
        where = Guarded(acl_of[row.chunk_id], document.source)
        tally.book(where, -1, row_hash(secret, row, document))
    for ident in batch.deletions:
        documents[ident].deleted_at = now
    for up in batch.upserts:
        document = _upsert_document(session, batch, up, documents.get(up.document_id), now=now)
        documents[document.id] = document
    session.flush()
    added = [
        occurrence_values(
            tenant, generation, documents[up.document_id], ident, ordinal=ordinal, chunk=chunk
        )
        for up in batch.upserts
        for ordinal, (ident, chunk) in enumerate(up.chunks())
    ]
    if added:
        session.execute(insert(OccurrenceRow), added)
    for values in added:
        row = OccurrenceRow(**values)
        document = documents[row.document_id]
        where = Guarded(document.acl_id, document.source)
        tally.book(where, 1, row_hash(secret, row, document))
    counts, orphans, released = _settle_chunks(
        session,
        tenant,
        generation,
        gained={ident for up in batch.upserts for ident in up.chunk_ids},
        lost={row.chunk_id for row in removed},
    )
    for acl_id, chunks in sorted(counts.items()):
        session.get_one(AclRow, (tenant, acl_id)).live_chunks += chunks
    change_content(session, tenant, tally.deltas())
    session.execute(
        update(Tenant)
        .where(Tenant.name == tenant)
        .values(content_version=Tenant.content_version + 1)
    )
    return Outcome(frozenset(orphans), frozenset(released))


def _documents(session: Session, tenant: str, ids: Sequence[str]) -> Iterable[DocumentRow]:
    for some in batches(ids):
        yield from session.scalars(
            select(DocumentRow).where(DocumentRow.tenant == tenant, DocumentRow.id.in_(some))
        )


def _take_occurrences(
    session: Session, tenant: str, generation: str, documents: Sequence[str]
) -> list[OccurrenceRow]:
    """Remove and return every occurrence of the documents."""
    taken: list[OccurrenceRow] = []
    for some in batches(documents):
        where = (
            OccurrenceRow.tenant == tenant,
            OccurrenceRow.generation == generation,
            OccurrenceRow.document_id.in_(some),
        )
        taken.extend(session.scalars(select(OccurrenceRow).where(*where)))
        session.execute(
            delete(OccurrenceRow).where(*where).execution_options(synchronize_session=False)
        )
    for row in taken:
        session.expunge(row)
    return taken


def _acls_of(
    session: Session, tenant: str, generation: str, chunks: Iterable[str]
) -> dict[str, str]:
    ids = sorted(chunks)
    found: dict[str, str] = {}
    for some in batches(ids):
        rows = session.execute(
            select(ChunkRow.id, ChunkRow.acl_id).where(
                ChunkRow.tenant == tenant,
                ChunkRow.generation == generation,
                ChunkRow.id.in_(some),
            )
        )
        found.update((ident, acl_id) for ident, acl_id in rows)
    return found


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


def _settle_chunks(
    session: Session, tenant: str, generation: str, *, gained: set[str], lost: set[str]
) -> tuple[dict[str, int], set[str], set[str]]:
    """Pending chunks that gained an occurrence go live; chunks that lost their last one, go.

    Returns:
        Change of the number of live chunks by ACL, the orphans, and the lost that live on.
    """
    touched = sorted(gained | lost)
    occurring: set[str] = set()
    counts: dict[str, int] = defaultdict(int)
    orphans: set[str] = set()
    for ids in batches(touched):
        where = (ChunkRow.tenant == tenant, ChunkRow.generation == generation)
        occurring.update(
            session.scalars(
                select(OccurrenceRow.chunk_id)
                .where(
                    OccurrenceRow.tenant == tenant,
                    OccurrenceRow.generation == generation,
                    OccurrenceRow.chunk_id.in_(ids),
                )
                .distinct()
            )
        )
        rows = session.execute(
            select(ChunkRow.id, ChunkRow.acl_id, ChunkRow.state).where(*where, ChunkRow.id.in_(ids))
        ).all()
        alive = [r.id for r in rows if r.id in occurring and r.state == ChunkState.PENDING]
        gone = [r.id for r in rows if r.id not in occurring]
        for row in rows:
            if row.id not in occurring:
                counts[row.acl_id] -= row.state == ChunkState.LIVE
            elif row.state == ChunkState.PENDING:
                counts[row.acl_id] += 1
        for state, changed in ((ChunkState.LIVE, alive), (ChunkState.DELETING, gone)):
            if changed:
                session.execute(
                    update(ChunkRow)
                    .where(*where, ChunkRow.id.in_(changed))
                    .values(state=state.value)
                    .execution_options(synchronize_session=False)
                )
        orphans.update(gone)
    return counts, orphans, lost - orphans
