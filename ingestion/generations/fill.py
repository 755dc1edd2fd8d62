"""Filling a generation that nobody reads yet: a few stored documents, cut and embedded for it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from ingestion.books import book
from ingestion.generations.missing import missing_documents
from ingestion.lock import exclusive
from ingestion.models import DocumentRow, GenerationState, VersionRow, is_current
from ingestion.offer import offer
from ingestion.places import Tally, put_places, settle_chunks
from ingestion.plan import chunk_id
from ingestion.prepare import cut, unpack
from ingestion.recovery import recover
from ingestion.register import stored
from ingestion.rows import Cut, facets_of
from ingestion.targets import Target
from ingestion.vectors import vectors_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.index.facets import Facets
    from ingestion.models import GenerationRow


def fill(
    context: IngestContext, row: GenerationRow, tenant: str, documents: Sequence[str]
) -> set[str]:
    """Put stored documents into a generation that is building.

    Those that change, move or go between the reading and the writing are passed over: the write
    that did it has put them in, or out.

    Args:
        context: the installation.
        row: the generation.
        tenant: whose documents.
        documents: ids of documents that stand nowhere in it.

    Returns:
        Those without any text to put in.

    Raises:
        EmbeddingError: the generation's embedder cannot be had, or fails.
        GenerationError: the generation is no longer building.
    """
    seen, target = _read(context, row, tenant, documents)
    with exclusive(context.lock_path):
        recover(context)
        with context.database.unguarded("generations belong to no tenant") as session:
            stored(session, row.id, GenerationState.BUILDING)
        with context.database.read(tenant) as session:
            due = _due(session, tenant, row.id, seen)
        target = _only(target, due)
        if target.cuts:
            places = defaultdict(set)
            for name, chunks in target.chunks.items():
                for ident, _ in chunks:
                    places[ident].add(facets_of(seen[name]))
            offer(context, tenant, target, places)
            with context.database.write(tenant) as session:
                _place(session, context, tenant, target)
    return {name for name, chunks in target.chunks.items() if not chunks}


def _read(
    context: IngestContext, row: GenerationRow, tenant: str, documents: Sequence[str]
) -> tuple[dict[str, DocumentRow], Target]:
    """The documents as they are now, cut and embedded, outside every lock."""
    embedder, chunker = context.embedder_of(row), context.chunker_of(row)
    seen, chunks, cuts = {}, {}, {}
    with context.database.read(tenant) as session:
        rows = session.execute(
            select(DocumentRow, VersionRow.extraction)
            .join(
                VersionRow,
                is_current(),
            )
            .where(DocumentRow.tenant == tenant, DocumentRow.id.in_(documents))
        ).all()
        session.expunge_all()
    for document, extraction in rows:
        seen[document.id] = document
        prepared = cut(unpack(extraction), chunker)
        made = [
            (chunk_id(context.secret, tenant, document.acl_id, chunk.embedded_sha), chunk)
            for chunk in prepared.chunks
        ]
        chunks[document.id] = made
        for ident, chunk in made:
            cuts[ident] = Cut(ident, document.acl_id, chunk)
    vectors = vectors_for(
        context, tenant, [made.chunk for made in cuts.values()], embedder=embedder
    )
    return seen, Target(
        row.id, active=False, embedder=embedder, chunks=chunks, cuts=cuts, vectors=vectors
    )


def _due(
    session: Session, tenant: str, generation: str, seen: Mapping[str, DocumentRow]
) -> set[str]:
    """The documents that are still as they were seen, and still stand nowhere."""
    rows = session.scalars(
        select(DocumentRow).where(
            DocumentRow.tenant == tenant,
            DocumentRow.id.in_(seen),
            DocumentRow.deleted_at.is_(None),
        )
    )
    same = {row.id for row in rows if _state(row) == _state(seen[row.id])}
    return same & set(missing_documents(session, tenant, generation, among=seen))


def _state(row: DocumentRow) -> tuple[int, str, Facets]:
    return row.version, row.acl_id, facets_of(row)


def _only(target: Target, documents: AbstractSet[str]) -> Target:
    chunks = {name: made for name, made in target.chunks.items() if name in documents}
    wanted = {ident for made in chunks.values() for ident, _ in made}
    cuts = {ident: made for ident, made in target.cuts.items() if ident in wanted}
    return replace(target, chunks=chunks, cuts=cuts)


def _place(session: Session, context: IngestContext, tenant: str, target: Target) -> None:
    """One transaction: the documents stand in the generation, and its books say so."""
    rows = session.scalars(
        select(DocumentRow).where(DocumentRow.tenant == tenant, DocumentRow.id.in_(target.chunks))
    )
    documents = {row.id: row for row in rows}
    tally, name = Tally(), target.generation
    gained = put_places(
        session, tenant, name, documents, target.chunks, tally=tally, secret=context.secret
    )
    settled = settle_chunks(session, tenant, name, gained=gained, lost=set())
    book(session, tenant, name, active=False, deltas=tally.deltas(), chunks=settled.counts)
