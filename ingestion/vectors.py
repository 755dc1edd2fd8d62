"""Vectors by content: equal text is embedded once per tenant and model, then read back."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import insert, select

from acl.orm import batches
from ingestion.lock import exclusive
from ingestion.models import EmbeddingRow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingestion.context import IngestContext
    from ingestion.embedding.port import Embedder
    from ingestion.prepare import PreparedChunk


def vectors_for(
    context: IngestContext,
    tenant: str,
    chunks: Sequence[PreparedChunk],
    *,
    embedder: Embedder | None = None,
    locked: bool = False,
) -> dict[str, NDArray[np.float32]]:
    """A vector for each distinct embedded text, from the cache or made now (and then cached).

    Args:
        context: the installation.
        tenant: whose texts they are; the cache is never shared between tenants.
        chunks: what to embed.
        embedder: makes the vectors; None for the context's own.
        locked: whether the writer lock is already held.
    """
    embedder = context.embedder if embedder is None else embedder
    fingerprint = embedder.fingerprint
    texts = {chunk.embedded_sha: chunk.embedded for chunk in chunks}
    vectors: dict[str, NDArray[np.float32]] = {}
    shas = sorted(texts)
    with context.database.read(tenant) as session:
        for some in batches(shas):
            rows = session.execute(
                select(EmbeddingRow.sha, EmbeddingRow.vector).where(
                    EmbeddingRow.tenant == tenant,
                    EmbeddingRow.fingerprint == fingerprint,
                    EmbeddingRow.sha.in_(some),
                )
            )
            vectors.update((sha, np.frombuffer(vector, np.float32)) for sha, vector in rows)
    missing = [sha for sha in texts if sha not in vectors]
    if not missing:
        return vectors
    made = embedder.embed_documents([texts[sha] for sha in missing])
    vectors.update(zip(missing, made, strict=True))
    lock = nullcontext() if locked else exclusive(context.lock_path)
    with lock, context.database.write(tenant) as session:
        held = set(
            session.scalars(
                select(EmbeddingRow.sha).where(
                    EmbeddingRow.tenant == tenant,
                    EmbeddingRow.fingerprint == fingerprint,
                    EmbeddingRow.sha.in_(missing),
                )
            )
        )
        rows_to_add = [
            {
                "tenant": tenant,
                "fingerprint": fingerprint,
                "sha": sha,
                "vector": np.ascontiguousarray(vectors[sha], np.float32).tobytes(),
            }
            for sha in missing
            if sha not in held
        ]
        if rows_to_add:
            session.execute(insert(EmbeddingRow), rows_to_add)
    return vectors
