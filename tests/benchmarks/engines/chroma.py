"""Chroma with its defaults, in the store that the peer of the whole answers keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import chromadb
from chromadb.config import Settings

from tests.benchmarks.engines.store import RESULTS, Mode
from tests.benchmarks.peer import COLLECTION, FETCH

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class ChromaStore:
    """Implements :class:`tests.benchmarks.engines.store.Store`."""

    _collection: Any

    def open(self, world: Path) -> None:
        """The peer has filled it."""
        client = chromadb.PersistentClient(
            str(world / "chroma"), Settings(anonymized_telemetry=False)
        )
        self._collection = client.get_collection(COLLECTION)

    def search(self, mode: Mode, vector: NDArray[np.float32], acls: list[str]) -> list[str]:
        """With the permissions as a filter, or dropping what is not permitted."""
        if mode is Mode.WHERE:
            found = self._collection.query(
                vector[None], n_results=RESULTS, where={"acl": {"$in": acls}}
            )
            return list(found["ids"][0])
        allowed = set(acls)
        found = self._collection.query(vector[None], n_results=FETCH)
        pairs = zip(found["ids"][0], found["metadatas"][0], strict=True)
        return [ident for ident, metadata in pairs if metadata["acl"] in allowed][:RESULTS]

    def close(self) -> None:
        """Nothing is held that the end of the process does not let go of."""
