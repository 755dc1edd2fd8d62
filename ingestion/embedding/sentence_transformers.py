"""Any model the sentence-transformers library can load, by name or by path.

Slower to start than the default and far larger in memory; the library is imported only when such
an embedder is made. What must never live here: an import of it at module level.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any, Final

import numpy as np

from ingestion.embedding.batching import WINDOW
from ingestion.embedding.identity import EmbedderIdentity, Pooling, Runtime
from ingestion.embedding.port import Matrix, TextProgress, Vector
from ingestion.errors import EmbeddingError

_BATCH: Final = 32
# Models that name no limit are cut where a chunk would have ended long ago.
_UNLIMITED: Final = 8192


class SentenceTransformerEmbedder:
    """A model run by sentence-transformers; calls from several threads wait for each other."""

    def __init__(
        self, model: str, *, device: str | None = None, threads: int | None = None
    ) -> None:
        """Load a model.

        Args:
            model: A name on the model hub, fetched unless it is cached, or the path of a folder.
            device: Where to run it, such as ``cpu`` or ``cuda``; the library chooses by default.
            threads: Processor threads of this process for the library; its default if not given.

        Raises:
            EmbeddingError: The model cannot be loaded.
        """
        import torch  # noqa: PLC0415 - seconds and hundreds of megabytes, so only when asked for
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - likewise

        if threads is not None:
            torch.set_num_threads(threads)
        try:
            self._model: Any = SentenceTransformer(model, device=device)
        except Exception as error:  # whatever the hub, the files or the library raise
            raise EmbeddingError(
                f"sentence-transformers cannot load {model!r} ({type(error).__name__}: {error}); "
                "give the path of a model folder, or a name that can be fetched or is cached"
            ) from error
        self._model.eval()
        # The tokenizer keeps its padding and truncation as state, so it is not to be shared.
        self._lock = Lock()
        self.name = Path(model).name if Path(model).is_dir() else model
        limit = min(self._model.max_seq_length or _UNLIMITED, _UNLIMITED)
        identity = EmbedderIdentity(
            weights=_weights_hash(self._model.state_dict()),
            runtime=Runtime.SENTENCE_TRANSFORMERS,
            pooling=Pooling.OWN,
            max_tokens=limit,
            dimensions=self._model.get_embedding_dimension(),
        )
        self.dimensions = identity.dimensions
        self.max_tokens = limit - self._model.tokenizer.num_special_tokens_to_add()
        self.fingerprint = identity.fingerprint

    def embed_documents(
        self, texts: Sequence[str], *, progress: TextProgress | None = None
    ) -> Matrix:
        """Embed texts as documents, with the model's own prompt for them if it has one."""
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for start in range(0, len(texts), WINDOW):
            window = list(texts[start : start + WINDOW])
            rows[start : start + len(window)] = self._encode("encode_document", window)
            if progress is not None:
                progress(start + len(window))
        return rows

    def embed_query(self, text: str) -> Vector:
        """Embed one text as a query, with the model's own prompt for it if it has one."""
        vector: Vector = self._encode("encode_query", [text])[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, without those the model adds around every text."""
        with self._lock:
            tokenizer = self._loaded().tokenizer
            return len(tokenizer.encode(text, add_special_tokens=False, verbose=False))

    def close(self) -> None:
        """Let go of the model; calls under way finish first."""
        with self._lock:
            self._model = None

    def _loaded(self) -> Any:
        if self._model is None:
            raise EmbeddingError(
                f"the embedder {self.name} is closed; create another", code="embedder_closed"
            )
        return self._model

    def _encode(self, method: str, texts: list[str]) -> Matrix:
        with self._lock:
            encode = getattr(self._loaded(), method)
            try:
                vectors = encode(
                    texts,
                    batch_size=_BATCH,
                    normalize_embeddings=True,
                    show_progress_bar=False,
                )
            except Exception as error:  # the library's errors have no other root
                raise EmbeddingError(
                    f"the model {self.name} failed on {len(texts)} texts ({type(error).__name__})"
                ) from error
        return np.asarray(vectors, dtype=np.float32)


def _weights_hash(state: Any) -> str:
    """Hash the tensors themselves, so that a name which moves to new weights is noticed."""
    import torch  # noqa: PLC0415 - see above

    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        # As bytes: NumPy does not know every type that weights come in.
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
