"""Haystack's document store in memory, which filters before it compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from haystack.dataclasses import Document
from haystack.document_stores.in_memory import InMemoryDocumentStore

from tests.benchmarks.engines.store import RESULTS, Chunks, Mode

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class HaystackStore:
    """Implements :class:`tests.benchmarks.engines.store.Store`; it is in memory alone."""

    _store: Any

    def open(self, world: Path) -> None:
        """Fill it."""
        chunks = Chunks.read(world / "export")
        self._store = InMemoryDocumentStore(
            embedding_similarity_function="cosine", return_embedding=False
        )
        rows = zip(chunks.ids, chunks.texts, chunks.acls, chunks.vectors, strict=True)
        self._store.write_documents(
            [
                Document(id=ident, content=text, meta={"acl": acl}, embedding=vector.tolist())
                for ident, text, acl, vector in rows
            ]
        )

    def search(self, mode: Mode, vector: NDArray[np.float32], acls: list[str]) -> list[str]:
        """There is one way."""
        del mode
        filters = {"field": "meta.acl", "operator": "in", "value": acls}
        found = self._store.embedding_retrieval(vector.tolist(), filters=filters, top_k=RESULTS)
        return [str(document.id) for document in found]

    def close(self) -> None:
        """Nothing is held that the end of the process does not let go of."""
