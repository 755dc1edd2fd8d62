"""One occurrence, as stored and as it counts in its ACL's content hash."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ingestion.plan import occurrence_hash

if TYPE_CHECKING:
    from ingestion.models import DocumentRow, OccurrenceRow
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
