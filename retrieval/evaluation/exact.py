"""The nearest documents by brute force, to hold an index's answers against.

What never lives here: an index.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from sqlalchemy import select

from ingestion.models import ChunkRow, ChunkState, DocumentRow, EmbeddingRow, OccurrenceRow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from numpy.typing import NDArray

    from acl.scope import AccessScope
    from ingestion.embedding.port import Embedder
    from ingestion.models import GenerationRow
    from retrieval.runtime import Runtime

# Two float32 dot products of the same vectors differ by less; a tie is no miss.
_TIE: Final = 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """Every visible chunk's vector, and the document it stands in.

    Attributes:
        embedder: makes the vectors of questions.
        vectors: shape ``(chunks, dimensions)``, float32.
        names: of each row, the document.
    """

    embedder: Embedder
    vectors: NDArray[np.float32]
    names: Sequence[str]

    @classmethod
    def of(cls, runtime: Runtime, scope: AccessScope, generation: GenerationRow) -> Self:
        """Read what a scope sees from the catalogue."""
        embedder = runtime.embedder_for(generation.id)
        with runtime.database.read(scope.tenant) as session:
            rows = session.execute(
                select(EmbeddingRow.vector, DocumentRow.external_id)
                .join(ChunkRow, ChunkRow.embedded_sha == EmbeddingRow.sha)
                .join(OccurrenceRow, OccurrenceRow.chunk_id == ChunkRow.id)
                .join(DocumentRow, DocumentRow.id == OccurrenceRow.document_id)
                .where(
                    EmbeddingRow.fingerprint == embedder.fingerprint,
                    ChunkRow.generation == generation.id,
                    ChunkRow.state == ChunkState.LIVE.value,
                    ChunkRow.acl_id.in_(scope.sorted_ids),
                    OccurrenceRow.generation == generation.id,
                )
            ).all()
        vectors = np.frombuffer(b"".join(vector for vector, _ in rows), np.float32)
        return cls(embedder, vectors.reshape(len(rows), -1), [name for _, name in rows])

    def recall(self, question: str, found: Sequence[str], *, depth: int) -> float:
        """Share of the nearest documents that are among those found; 1 if nothing is visible.

        A document is as near as its nearest chunk. One that ties with the last counts as it.
        """
        best: dict[str, float] = {}
        for name, score in zip(
            self.names, (self.vectors @ self.embedder.embed_query(question)).tolist(), strict=True
        ):
            best[name] = max(score, best.get(name, score))
        wanted = min(depth, len(best))
        if not wanted:
            return 1.0
        floor = sorted(best.values(), reverse=True)[wanted - 1] - _TIE
        return min(sum(best.get(name, -2.0) >= floor for name in found[:depth]), wanted) / wanted
