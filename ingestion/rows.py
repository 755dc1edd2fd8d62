"""Chunks and occurrences: as stored, as indexed, and as they count in an ACL's content hash."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.orm import batches
from ingestion.index.facets import Facets, ordered, ticks
from ingestion.index.lexical import encode_document
from ingestion.index.port import Point
from ingestion.labels import read_tags
from ingestion.models import ChunkRow, ChunkState, DocumentRow, OccurrenceRow
from ingestion.plan import occurrence_hash

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy.orm import Session

    from ingestion.prepare import PreparedChunk


@dataclass(frozen=True, slots=True)
class Cut:
    """A chunk that is to stand under an ACL."""

    id: str
    acl_id: str
    chunk: PreparedChunk


def chunk_values(
    tenant: str, generation: str, cut: Cut, *, state: ChunkState, tokens: int
) -> dict[str, object]:
    """The column values of a chunk."""
    return {
        "tenant": tenant,
        "generation": generation,
        "id": cut.id,
        "acl_id": cut.acl_id,
        "state": state.value,
        "embedded_sha": cut.chunk.embedded_sha,
        "heading_path": "\n".join(cut.chunk.heading_path),
        "text": cut.chunk.text,
        "tokens": tokens,
    }


def point_of(
    tenant: str, cut: Cut, *, places: tuple[Facets, ...], vector: NDArray[np.float32]
) -> Point:
    """The same chunk for the index: what filtering and ranking need of it, and no text."""
    return Point(
        id=cut.id,
        tenant=tenant,
        acl=cut.acl_id,
        places=places,
        dense=vector,
        sparse=encode_document(cut.chunk.embedded),
    )


def chunks_among(
    session: Session,
    tenant: str,
    generation: str,
    ids: Sequence[str],
    *,
    states: Collection[ChunkState],
) -> set[str]:
    """Those of ``ids`` that are stored in one of ``states``."""
    found: set[str] = set()
    for some in batches(ids):
        found.update(
            session.scalars(
                select(ChunkRow.id).where(
                    ChunkRow.tenant == tenant,
                    ChunkRow.generation == generation,
                    ChunkRow.id.in_(some),
                    ChunkRow.state.in_([state.value for state in states]),
                )
            )
        )
    return found


def occurrence_values(
    tenant: str,
    generation: str,
    document: DocumentRow,
    chunk_id: str,
    *,
    ordinal: int,
    chunk: PreparedChunk,
) -> dict[str, object]:
    """The column values of a chunk's occurrence in the document's current version."""
    return {
        "tenant": tenant,
        "generation": generation,
        "document_id": document.id,
        "ordinal": ordinal,
        "version": document.version,
        "chunk_id": chunk_id,
        "start": chunk.start,
        "end": chunk.end,
        "page": chunk.page,
        "text_sha256": chunk.text_sha256,
        "offsets": chunk.offsets,
        "findings": json.dumps([finding.to_dict() for finding in chunk.findings]),
    }


def row_hash(secret: bytes, row: OccurrenceRow, document: DocumentRow) -> int:
    """What a stored occurrence contributes to its ACL's content hash, as an integer."""
    item = occurrence_hash(
        secret,
        row.chunk_id,
        row.document_id,
        row.version,
        span=(row.start, row.end),
        label=_label(document),
    )
    return int.from_bytes(item, "big")


def _label(document: DocumentRow) -> str:
    """What of a document, beside its text, a caller is shown or can ask by.

    Documents without tags and language count as they did before there were any.
    """
    shown = f"{document.title}\0{document.uri}"
    if document.tags == "[]" and document.language is None:
        return shown
    return f"{shown}\0{document.language or ''}\0{document.tags}"


def facets_of(document: DocumentRow) -> Facets:
    """What can be filtered on of a place in a document, as the document now is."""
    return facets(
        document.source,
        document.id,
        document.media_type,
        document.modified_at,
        tags=read_tags(document.tags),
        language=document.language,
    )


def facets(
    source: str,
    document: str,
    media_type: str,
    modified_at: datetime | None,
    *,
    tags: tuple[str, ...],
    language: str | None,
) -> Facets:
    """What can be filtered on of a place in a document of these properties."""
    modified = None if modified_at is None else ticks(modified_at)
    return Facets(source, document, media_type, modified, tags, language)


def places_of(
    session: Session, tenant: str, generation: str, ids: Sequence[str]
) -> dict[str, tuple[Facets, ...]]:
    """What can be filtered on of each chunk's places; a chunk that stands nowhere is absent."""
    found: dict[str, set[Facets]] = {}
    for some in batches(ids):
        rows = session.execute(
            select(
                OccurrenceRow.chunk_id,
                DocumentRow.source,
                DocumentRow.id,
                DocumentRow.media_type,
                DocumentRow.modified_at,
                DocumentRow.tags,
                DocumentRow.language,
            )
            .join(
                DocumentRow,
                (DocumentRow.tenant == OccurrenceRow.tenant)
                & (DocumentRow.id == OccurrenceRow.document_id),
            )
            .where(
                OccurrenceRow.tenant == tenant,
                OccurrenceRow.generation == generation,
                OccurrenceRow.chunk_id.in_(some),
            )
        )
        for ident, source, document, media_type, modified_at, tags, language in rows:
            place = facets(
                source,
                document,
                media_type,
                modified_at,
                tags=read_tags(tags),
                language=language,
            )
            found.setdefault(ident, set()).add(place)
    return {ident: ordered(places) for ident, places in found.items()}
