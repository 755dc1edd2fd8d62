"""Occurrences: as stored, as they count in an ACL's content hash, and the sources they make."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.orm import batches
from ingestion.models import DocumentRow, OccurrenceRow
from ingestion.plan import occurrence_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from ingestion.prepare import PreparedChunk


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
        label=f"{document.title}\0{document.uri}",
    )
    return int.from_bytes(item, "big")


def sources_of(
    session: Session, tenant: str, generation: str, ids: Sequence[str]
) -> dict[str, tuple[str, ...]]:
    """The sources each chunk occurs in, sorted; a chunk that occurs nowhere is absent."""
    found: dict[str, set[str]] = {}
    for some in batches(ids):
        rows = session.execute(
            select(OccurrenceRow.chunk_id, DocumentRow.source)
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
            .distinct()
        )
        for ident, source in rows:
            found.setdefault(ident, set()).add(source)
    return {ident: tuple(sorted(sources)) for ident, sources in found.items()}
