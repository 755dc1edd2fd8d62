"""What one batch is about to change, worked out before anything is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from acl.digest import keyed, keyed_id

if TYPE_CHECKING:
    from ingestion.documents import SourceItem
    from ingestion.prepare import Prepared, PreparedChunk


@dataclass(frozen=True, slots=True)
class Upsert:
    """A document to be added, changed or moved to another ACL."""

    item: SourceItem
    document_id: str
    acl_id: str
    source_sha256: str
    prepared: Prepared
    chunk_ids: tuple[str, ...]

    @property
    def tags(self) -> tuple[str, ...]:
        """What its source says it is about, or else the document itself."""
        return self.prepared.parsed.tags if self.item.tags is None else self.item.tags

    @property
    def language(self) -> str | None:
        """What language its source says it is in, or else the document itself."""
        return self.item.language or self.prepared.parsed.language

    def chunks(self) -> zip[tuple[str, PreparedChunk]]:
        """Chunk ids beside their chunks, in order."""
        return zip(self.chunk_ids, self.prepared.chunks, strict=True)


def document_id(secret: bytes, tenant: str, source: str, external_id: str, *, life: int = 0) -> str:
    """A document's id: a keyed function of its name, the same in every world it exists in.

    ``life`` counts the documents that were called so and go on under another name.
    """
    lives = (str(life),) if life else ()
    return keyed_id(secret, "document", tenant, source, external_id, *lives)


def chunk_id(secret: bytes, tenant: str, acl_id: str, embedded_sha: str) -> str:
    """A chunk's id: identical embedded text under one ACL is one chunk, and never across ACLs."""
    return keyed_id(secret, "chunk", tenant, acl_id, embedded_sha)


def occurrence_hash(
    secret: bytes, chunk: str, document: str, version: int, *, span: tuple[int, int], label: str
) -> bytes:
    """What one occurrence adds to its ACL's content hash.

    ``label`` (title and uri) is part of it because it is part of what a caller is shown.
    """
    return keyed(secret, "occurrence", chunk, document, version, *span, label)
