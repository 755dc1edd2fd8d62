"""LangChain's FAISS store, which filters after the search: what it fetches is all it looks at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_community.vectorstores import FAISS
from langchain_core.embeddings import DeterministicFakeEmbedding

from tests.benchmarks.engines.store import RESULTS, Chunks, Mode

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

_FETCH: Final = {Mode.POST_50: 50, Mode.POST_1000: 1_000}


class ChainStore:
    """Implements :class:`tests.benchmarks.engines.store.Store`; it is in memory alone."""

    _store: Any

    def open(self, world: Path) -> None:
        """Fill it: it finds the exact nearest, over which only its filter may fall short."""
        chunks = Chunks.read(world / "export")
        self._store = FAISS.from_embeddings(
            zip(chunks.texts, chunks.vectors, strict=True),
            DeterministicFakeEmbedding(size=chunks.vectors.shape[1]),  # never asked
            metadatas=[{"acl": acl} for acl in chunks.acls],
            ids=chunks.ids,
        )

    def search(self, mode: Mode, vector: NDArray[np.float32], acls: list[str]) -> list[str]:
        """Fetch, then drop."""
        allowed = set(acls)
        found = self._store.similarity_search_with_score_by_vector(
            vector,
            k=RESULTS,
            filter=lambda metadata: metadata["acl"] in allowed,
            fetch_k=_FETCH[mode],
        )
        return [str(document.id) for document, _ in found]

    def close(self) -> None:
        """Nothing is held that the end of the process does not let go of."""
