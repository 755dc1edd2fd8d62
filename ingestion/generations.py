"""Generations: which build of the index is served, and building another beside it.

No query ever mixes two generations, and no vectors of two models meet in one. Exactly one
generation is active; the first is made when something is first ingested.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete, insert, select, update

from acl.content import Delta, Guarded, replace_content
from acl.models import AclRow, Tenant
from ingestion.active import current_generation, require_embedder, require_generation
from ingestion.lock import exclusive
from ingestion.models import (
    ChunkRow,
    ChunkState,
    DocumentRow,
    GenerationRow,
    GenerationState,
    OccurrenceRow,
    VersionRow,
)
from ingestion.plan import chunk_id
from ingestion.prepare import PREPARED_BY, Prepared, cut, unpack
from ingestion.recovery import recover
from ingestion.rows import (
    Cut,
    chunk_values,
    chunks_among,
    occurrence_values,
    point_of,
    row_hash,
    sources_of,
)
from ingestion.vectors import vectors_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.orm import Session

    from acl.orm import Database
    from ingestion.context import IngestContext

_DOCUMENTS = 32


def active_generation(context: IngestContext) -> str:
    """The id of the active generation, made now if there is none.

    Raises:
        EmbeddingError: the configured embedder is not the one that made the vectors.
        IndexUnavailableError: the index was lost while the catalogue holds chunks.
    """
    row = current_generation(context.database)
    if row is None:
        with exclusive(context.lock_path):
            row = current_generation(context.database) or _create(
                context, "g1", GenerationState.ACTIVE
            )
    require_embedder(context.embedder, row)
    if _live_chunks(context.database):
        require_generation(context.host, row.id)
    return row.id


def _live_chunks(database: Database) -> bool:
    with database.unguarded("a generation covers every tenant") as session:
        return session.scalar(select(AclRow.id).where(AclRow.live_chunks > 0).limit(1)) is not None


def rebuild(context: IngestContext, on_progress: Callable[[int, int], None] | None = None) -> str:
    """Build the index anew from the catalogue alone, beside the active one; then switch.

    Queries go on against the active generation until one transaction makes the new one active.
    Ingestion waits meanwhile. A rebuild that dies leaves the active generation as it was.

    Returns:
        The id of the generation now active.
    """
    with exclusive(context.lock_path):
        recover(context)
        old = current_generation(context.database)
        new = _create(context, _next_id(context), GenerationState.BUILDING).id
        tenants = _tenants(context)
        total = sum(len(_live_documents(context, tenant)) for tenant in tenants)
        done = 0
        for tenant in tenants:
            documents = _live_documents(context, tenant)
            for first in range(0, len(documents), _DOCUMENTS):
                batch = documents[first : first + _DOCUMENTS]
                _build(context, tenant, new, batch)
                done += len(batch)
                if on_progress is not None:
                    on_progress(done, total)
        context.index(new).optimise()
        context.index(new).flush()
        _switch(context, None if old is None else old.id, new, tenants)
        if old is not None:
            context.host.drop(old.id)
    return new


def _next_id(context: IngestContext) -> str:
    """A fresh id; leftovers of builds that died are removed on the way."""
    with context.database.unguarded("generations belong to no tenant") as session:
        states = {row.id: row.state for row in session.scalars(select(GenerationRow))}
    # The engine may hold one the catalogue has forgotten: its drop was what a rebuild died before.
    for ident in sorted({*states, *context.host.generations()}):
        if states.get(ident) == GenerationState.ACTIVE.value:
            continue
        context.host.drop(ident)
        with context.database.unguarded("dropping a dead generation", writable=True) as session:
            _forget(session, ident)
    return f"g{max((int(ident[1:]) for ident in states), default=0) + 1}"


def _create(context: IngestContext, ident: str, state: GenerationState) -> GenerationRow:
    row = GenerationRow(
        id=ident,
        state=state.value,
        embedder=context.embedder.name,
        fingerprint=context.embedder.fingerprint,
        dimensions=context.embedder.dimensions,
        chunker=context.chunker().version,
        sanitiser=PREPARED_BY,
        created_at=context.clock(),
    )
    with context.database.unguarded("generations belong to no tenant", writable=True) as session:
        session.add(row)
        session.flush()
        session.expunge(row)
    return row


def _tenants(context: IngestContext) -> list[str]:
    with context.database.unguarded("a generation covers every tenant") as session:
        return list(session.scalars(select(Tenant.name).order_by(Tenant.name)))


def _live_documents(context: IngestContext, tenant: str) -> list[str]:
    with context.database.read(tenant) as session:
        return list(
            session.scalars(
                select(DocumentRow.id)
                .where(DocumentRow.tenant == tenant, DocumentRow.deleted_at.is_(None))
                .order_by(DocumentRow.id)
            )
        )


@dataclass(frozen=True, slots=True)
class _Rebuilt:
    """A stored document cut anew."""

    document: DocumentRow
    prepared: Prepared


def _extractions(context: IngestContext, tenant: str, documents: list[str]) -> Iterator[_Rebuilt]:
    chunker = context.chunker()
    with context.database.read(tenant) as session:
        rows = session.execute(
            select(DocumentRow, VersionRow.extraction)
            .join(
                VersionRow,
                (VersionRow.tenant == DocumentRow.tenant)
                & (VersionRow.document_id == DocumentRow.id)
                & (VersionRow.number == DocumentRow.version),
            )
            .where(DocumentRow.tenant == tenant, DocumentRow.id.in_(documents))
        ).all()
        for document, extraction in rows:
            session.expunge(document)
            yield _Rebuilt(document, cut(unpack(extraction), chunker))


def _build(context: IngestContext, tenant: str, generation: str, documents: list[str]) -> None:
    """Chunk, embed and index some stored documents into a generation that nobody reads yet."""
    rebuilt = list(_extractions(context, tenant, documents))
    vectors = vectors_for(
        context, tenant, [c for r in rebuilt for c in r.prepared.chunks], locked=True
    )
    cuts: dict[str, Cut] = {}
    occurrences: list[dict[str, object]] = []
    for item in rebuilt:
        for ordinal, chunk in enumerate(item.prepared.chunks):
            ident = chunk_id(context.secret, tenant, item.document.acl_id, chunk.embedded_sha)
            document = item.document
            cuts[ident] = Cut(ident, document.acl_id, document.media_type, chunk)
            occurrences.append(
                occurrence_values(
                    tenant, generation, item.document, ident, ordinal=ordinal, chunk=chunk
                )
            )
    ids = sorted(cuts)
    with context.database.write(tenant) as session:
        # What an earlier batch has written already: the same text in another document.
        held = chunks_among(session, tenant, generation, ids, states=[ChunkState.LIVE])
        fresh = [
            chunk_values(
                tenant,
                generation,
                cut,
                state=ChunkState.LIVE,
                tokens=context.embedder.count_tokens(cut.chunk.text),
            )
            for ident, cut in cuts.items()
            if ident not in held
        ]
        if fresh:
            session.execute(insert(ChunkRow), fresh)
        if occurrences:
            session.execute(insert(OccurrenceRow), occurrences)
        # From the catalogue, because an earlier batch may have put a chunk into other sources.
        sources = sources_of(session, tenant, generation, ids)
    context.index(generation).upsert(
        [
            point_of(tenant, cut, sources=sources[ident], vector=vectors[cut.chunk.embedded_sha])
            for ident, cut in cuts.items()
        ]
    )


def _switch(context: IngestContext, old: str | None, new: str, tenants: list[str]) -> None:
    """One transaction: the new generation is active, ACL counters are its own, the old is gone."""
    with context.database.unguarded("a generation covers every tenant", writable=True) as session:
        for tenant in tenants:
            _recount(session, tenant, new, context.secret)
        session.execute(update(Tenant).values(content_version=Tenant.content_version + 1))
        if old is not None:
            _forget(session, old)
        session.execute(
            update(GenerationRow)
            .where(GenerationRow.id == new)
            .values(state=GenerationState.ACTIVE.value)
        )


def _forget(session: Session, generation: str) -> None:
    for model in (OccurrenceRow, ChunkRow):
        session.execute(delete(model).where(model.generation == generation))
    session.execute(delete(GenerationRow).where(GenerationRow.id == generation))


def _recount(session: Session, tenant: str, generation: str, secret: bytes) -> None:
    counts: dict[str, int] = defaultdict(int)
    occurrences: dict[Guarded, int] = defaultdict(int)
    hashes: dict[Guarded, int] = defaultdict(int)
    acl_of = {}
    for ident, acl_id in session.execute(
        select(ChunkRow.id, ChunkRow.acl_id).where(
            ChunkRow.tenant == tenant, ChunkRow.generation == generation
        )
    ):
        counts[acl_id] += 1
        acl_of[ident] = acl_id
    pairs = session.execute(
        select(OccurrenceRow, DocumentRow)
        .join(
            DocumentRow,
            (DocumentRow.tenant == OccurrenceRow.tenant)
            & (DocumentRow.id == OccurrenceRow.document_id),
        )
        .where(OccurrenceRow.tenant == tenant, OccurrenceRow.generation == generation)
        .execution_options(yield_per=1_000)
    )
    for row, document in pairs:
        where = Guarded(acl_of[row.chunk_id], document.source)
        occurrences[where] += 1
        hashes[where] += row_hash(secret, row, document)
    for acl in session.scalars(select(AclRow).where(AclRow.tenant == tenant)):
        acl.live_chunks = counts.get(acl.id, 0)
    replace_content(
        session, tenant, {where: Delta(occurrences[where], hashes[where]) for where in hashes}
    )
