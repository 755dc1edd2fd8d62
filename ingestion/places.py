"""Where chunks stand in one generation: places are taken away, put, and chunks follow them.

A place is an occurrence of a chunk in a document's current version. What never lives here:
documents, versions, tombstones, which are the same for every generation.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from acl.content import Delta, Guarded
from acl.orm import batches
from ingestion.models import ChunkRow, ChunkState, OccurrenceRow
from ingestion.rows import occurrence_values, row_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.orm import Session

    from ingestion.models import DocumentRow
    from ingestion.prepare import PreparedChunk


class Tally:
    """What a write adds to and takes from each ACL, source by source."""

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


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the chunks that gained or lost a place.

    Attributes:
        counts: live chunks more or fewer, by ACL id.
        orphans: chunks left without a place.
        released: chunks that lost one but live on.
    """

    counts: Mapping[str, int]
    orphans: frozenset[str]
    released: frozenset[str]


def take_places(
    session: Session,
    tenant: str,
    generation: str,
    documents: Mapping[str, DocumentRow],
    *,
    tally: Tally,
    secret: bytes,
) -> set[str]:
    """Remove every place of the documents, as they still are. Returns the chunks that stood there.

    Args:
        session: the transaction of the write.
        tenant: whose.
        generation: in which.
        documents: by id, before anything about them is changed: their label is in the hash.
        tally: books what is taken away.
        secret: keys hashes.
    """
    taken = _take(session, tenant, generation, sorted(documents))
    acl_of = _acls_of(session, tenant, generation, {row.chunk_id for row in taken})
    for row in taken:
        document = documents[row.document_id]
        where = Guarded(acl_of[row.chunk_id], document.source)
        tally.book(where, -1, row_hash(secret, row, document))
    return {row.chunk_id for row in taken}


def put_places(
    session: Session,
    tenant: str,
    generation: str,
    documents: Mapping[str, DocumentRow],
    chunks: Mapping[str, Sequence[tuple[str, PreparedChunk]]],
    *,
    tally: Tally,
    secret: bytes,
) -> set[str]:
    """Put chunks into documents, as they now are. Returns the ids of the chunks.

    Args:
        session: the transaction of the write.
        tenant: whose.
        generation: in which.
        documents: by id, already changed.
        chunks: ids and chunks of each document in order, by document id.
        tally: books what is added.
        secret: keys hashes.
    """
    added = [
        occurrence_values(tenant, generation, documents[name], ident, ordinal=ordinal, chunk=chunk)
        for name, own in chunks.items()
        for ordinal, (ident, chunk) in enumerate(own)
    ]
    if added:
        session.execute(insert(OccurrenceRow), added)
    for values in added:
        row = OccurrenceRow(**values)
        document = documents[row.document_id]
        where = Guarded(document.acl_id, document.source)
        tally.book(where, 1, row_hash(secret, row, document))
    return {ident for own in chunks.values() for ident, _ in own}


def settle_chunks(
    session: Session, tenant: str, generation: str, *, gained: set[str], lost: set[str]
) -> Settled:
    """Pending chunks that gained a place go live; chunks that lost their last one, go."""
    occurring: set[str] = set()
    counts: dict[str, int] = defaultdict(int)
    orphans: set[str] = set()
    for ids in batches(sorted(gained | lost)):
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
    return Settled(counts, frozenset(orphans), frozenset(lost - orphans))


def _take(
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
