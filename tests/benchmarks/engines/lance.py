"""LanceDB with a prefilter: over its graph of quantised vectors, and by looking at every row."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import lancedb
import pyarrow as pa

from tests.benchmarks.engines.store import RESULTS, Chunks, Mode

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray


class LanceStore:
    """Implements :class:`tests.benchmarks.engines.store.Store`."""

    _table: Any

    def open(self, world: Path) -> None:
        """Open the table, or write and index it: vectors in a graph, ACLs in a bitmap."""
        place, done = world / "lance", world / "lance" / "done"
        if not done.exists():
            shutil.rmtree(place, ignore_errors=True)
            chunks = Chunks.read(world / "export")
            flat = pa.array(chunks.vectors.reshape(-1))
            rows = {
                "id": pa.array(chunks.ids),
                "acl": pa.array(chunks.acls),
                "text": pa.array(chunks.texts),
                "vector": pa.FixedSizeListArray.from_arrays(flat, chunks.vectors.shape[1]),
            }
            table = lancedb.connect(place).create_table("chunks", pa.table(rows))
            table.create_scalar_index("acl", index_type="BITMAP")
            table.create_index(metric="cosine", index_type="IVF_HNSW_SQ")
            done.touch()
        self._table = lancedb.connect(place).open_table("chunks")

    def search(self, mode: Mode, vector: NDArray[np.float32], acls: list[str]) -> list[str]:
        """With its defaults; the flat search has no index to go by."""
        names = ", ".join(f"'{acl}'" for acl in acls)
        query = self._table.search(vector).distance_type("cosine")
        query = (
            query.where(f"acl IN ({names})", prefilter=True)
            .select(["id", "_distance"])
            .limit(RESULTS)
        )
        if mode is Mode.FLAT:
            query = query.bypass_vector_index()
        return [str(ident) for ident in query.to_arrow()["id"].to_pylist()]

    def close(self) -> None:
        """Nothing is held that the end of the process does not let go of."""
