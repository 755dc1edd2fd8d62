"""The peer: sentence-transformers and Chroma as their documentation shows them, in a process alone.

Started as ``python -m tests.benchmarks.peer`` it takes one JSON command a line and answers with one
line. Its answers are timed in here, so it pays for no transport; the ids of the ACLs that a caller
may see are handed to it, so it pays for no access decision either. Nothing of Clearance is
imported: the process must cost what the peer costs.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import IO, Any, Final

COLLECTION: Final = "chunks"
FETCH: Final = 50
RESULTS: Final = 10
ENCODE_BATCH: Final = 32
_ADD_BATCH: Final = 2_000


class Peer:
    """A model and a collection. ``load`` comes first; nothing heavy is imported before it."""

    def __init__(self) -> None:
        self._model: Any = None
        self._client: Any = None
        self._collection: Any = None
        self._chain: Any = None

    def load(self, model: str, store: str) -> dict[str, Any]:
        """Load the model from a folder and open the collection of a store, made if absent."""
        import chromadb  # noqa: PLC0415 - its import is part of what a cold start costs
        from chromadb.config import Settings  # noqa: PLC0415
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        self._model = SentenceTransformer(model, device="cpu")
        self._client = chromadb.PersistentClient(store, Settings(anonymized_telemetry=False))
        self._collection = self._client.get_or_create_collection(
            COLLECTION, configuration={"hnsw": {"space": "cosine"}}
        )
        return {"count": self._collection.count()}

    def fill(self, export: str) -> dict[str, Any]:
        """Add an exported world: the same chunks, texts and vectors."""
        import numpy as np  # noqa: PLC0415

        vectors = np.load(Path(export) / "vectors.npy")
        with (Path(export) / "chunks.jsonl").open(encoding="utf-8") as lines:
            rows = [json.loads(line) for line in lines]
        started = time.perf_counter()
        for first in range(0, len(rows), _ADD_BATCH):
            some = rows[first : first + _ADD_BATCH]
            self._collection.add(
                ids=[row["id"] for row in some],
                embeddings=vectors[first : first + _ADD_BATCH],
                metadatas=[{"acl": row["acl"]} for row in some],
                documents=[row["text"] for row in some],
            )
        return {"seconds": time.perf_counter() - started}

    def where(self, text: str, acls: list[str]) -> dict[str, Any]:
        """Ask with the permissions as a filter."""
        started = time.perf_counter()
        vector = self._model.encode([text], normalize_embeddings=True, show_progress_bar=False)
        found = self._collection.query(vector, n_results=RESULTS, where={"acl": {"$in": acls}})
        return {"seconds": time.perf_counter() - started, "ids": found["ids"][0]}

    def post(self, text: str, acls: list[str]) -> dict[str, Any]:
        """Ask for more than is wanted and drop what is not permitted."""
        allowed = set(acls)
        started = time.perf_counter()
        vector = self._model.encode([text], normalize_embeddings=True, show_progress_bar=False)
        found = self._collection.query(vector, n_results=FETCH)
        pairs = zip(found["ids"][0], found["metadatas"][0], strict=True)
        kept = [ident for ident, metadata in pairs if metadata["acl"] in allowed]
        return {"seconds": time.perf_counter() - started, "ids": kept[:RESULTS]}

    def ingest(self, texts: list[str], first: int, vectors: str) -> dict[str, Any]:
        """Encode texts and add them; the vectors are saved for comparison, untimed."""
        import numpy as np  # noqa: PLC0415

        started = time.perf_counter()
        rows = self._model.encode(
            texts, batch_size=ENCODE_BATCH, normalize_embeddings=True, show_progress_bar=False
        )
        self._collection.add(
            ids=[str(first + number) for number in range(len(texts))],
            embeddings=rows,
            metadatas=[{"acl": "staff"}] * len(texts),
            documents=texts,
        )
        seconds = time.perf_counter() - started
        np.save(vectors, rows)
        return {"seconds": seconds}

    def chain(self, texts: list[str], first: int) -> dict[str, Any]:
        """Index texts with LangChain as its documentation shows it, into a store in memory.

        The model is this peer's own, with the batches it has elsewhere.
        """
        from langchain_core.documents import Document  # noqa: PLC0415
        from langchain_core.embeddings import Embeddings  # noqa: PLC0415
        from langchain_core.indexing import InMemoryRecordManager, index  # noqa: PLC0415
        from langchain_core.vectorstores import InMemoryVectorStore  # noqa: PLC0415

        model = self._model

        class Encoder(Embeddings):
            def embed_documents(self, texts: list[str]) -> list[list[float]]:
                rows = model.encode(
                    texts,
                    batch_size=ENCODE_BATCH,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
                return rows.tolist()  # type: ignore[no-any-return] - numpy's, untyped here

            def embed_query(self, text: str) -> list[float]:
                return self.embed_documents([text])[0]

        if self._chain is None:
            manager = InMemoryRecordManager("bench")
            manager.create_schema()
            self._chain = manager, InMemoryVectorStore(Encoder())
        manager, store = self._chain
        documents = [
            Document(text, metadata={"source": str(first + number)})
            for number, text in enumerate(texts)
        ]
        started = time.perf_counter()
        index(
            documents,
            manager,
            store,
            cleanup="incremental",
            source_id_key="source",
            key_encoder="blake2b",
        )
        return {"seconds": time.perf_counter() - started}

    def versions(self) -> dict[str, Any]:
        """What is measured here."""
        from importlib.metadata import version  # noqa: PLC0415

        return {name: version(name) for name in ("sentence-transformers", "torch", "chromadb")}


def main() -> None:
    """Answer commands until standard input ends."""
    with own_channel() as out:
        peer = Peer()
        for line in sys.stdin:
            command = json.loads(line)
            answer = getattr(peer, command.pop("do"))(**command)
            out.write(json.dumps(answer) + "\n")
            out.flush()


def own_channel() -> IO[str]:
    """Standard output for answers alone; whatever libraries print goes to standard error."""
    channel = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return channel


if __name__ == "__main__":
    main()
