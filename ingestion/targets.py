"""What a batch means to each generation it goes to: its own cut, its own vectors.

Everything here is worked out before the writer lock is taken, and nothing is written but vectors
into the cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.models import GenerationState
from ingestion.plan import chunk_id
from ingestion.prepare import cut
from ingestion.rows import Cut
from ingestion.vectors import vectors_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ingestion.context import IngestContext
    from ingestion.embedding.port import Embedder
    from ingestion.models import GenerationRow
    from ingestion.plan import Upsert
    from ingestion.prepare import PreparedChunk

    Chunks = Mapping[str, Sequence[tuple[str, PreparedChunk]]]


@dataclass(frozen=True, slots=True)
class Target:
    """One generation, and what a batch puts into it.

    Attributes:
        generation: its id.
        active: whether it is the one being served.
        embedder: counts tokens for it.
        chunks: ids and chunks of each document in order, by document id.
        cuts: each distinct chunk by its id, with the ACL it is to stand under.
        vectors: by the hash of the embedded text.
    """

    generation: str
    active: bool
    embedder: Embedder
    chunks: Chunks
    cuts: Mapping[str, Cut]
    vectors: Mapping[str, NDArray[np.float32]]


def aim(
    context: IngestContext, tenant: str, row: GenerationRow, upserts: Sequence[Upsert]
) -> Target:
    """Cut and embed what a batch upserts, as one generation wants it.

    Raises:
        EmbeddingError: the generation's embedder cannot be had, or fails.
    """
    embedder = context.embedder_of(row)
    chunks = _chunks(context, tenant, row, upserts)
    cuts = {
        ident: Cut(ident, up.acl_id, chunk)
        for up in upserts
        for ident, chunk in chunks[up.document_id]
    }
    return Target(
        row.id,
        row.state == GenerationState.ACTIVE,
        embedder,
        chunks,
        cuts,
        vectors_for(context, tenant, [made.chunk for made in cuts.values()], embedder=embedder),
    )


def _chunks(
    context: IngestContext, tenant: str, row: GenerationRow, upserts: Sequence[Upsert]
) -> Chunks:
    """The batch's own chunks if they were cut for this generation; else the extraction cut anew."""
    same_tokens = row.fingerprint == context.embedder.fingerprint
    if same_tokens and row.chunker == context.chunker().version:
        return {up.document_id: tuple(up.chunks()) for up in upserts}
    chunker = context.chunker_of(row)
    made = {}
    for up in upserts:
        made[up.document_id] = tuple(
            (chunk_id(context.secret, tenant, up.acl_id, chunk.embedded_sha), chunk)
            for chunk in cut(up.prepared.parsed, chunker).chunks
        )
    return made
