"""From a line of configuration to an embedder.

Every runtime is imported only when its embedder is asked for.
"""

from pathlib import Path
from typing import Final

from ingestion.embedding.hashing import HashEmbedder
from ingestion.embedding.port import Embedder
from ingestion.embedding.store import MessageProgress, ensure_exported
from ingestion.embedding.weights import MINILM
from ingestion.errors import EmbeddingError

DEFAULT_SPEC: Final = f"onnx:{MINILM.name}"
BULK_SPEC: Final = f"openvino:{MINILM.name}"
VALID_SPECS: Final = (
    DEFAULT_SPEC,
    BULK_SPEC,
    "sentence-transformers:NAME_OR_PATH",
    "hash:DIMENSIONS",
)


def create_embedder(
    spec: str = DEFAULT_SPEC,
    *,
    model_dir: Path | None = None,
    threads: int | None = None,
    on_progress: MessageProgress | None = None,
) -> Embedder:
    """Make the embedder a specification names.

    Args:
        spec: ``onnx:all-MiniLM-L6-v2``, ``openvino:all-MiniLM-L6-v2`` (documents in bfloat16),
            ``sentence-transformers:NAME_OR_PATH`` or ``hash:64``.
        model_dir: Where exported models are kept; see ``store.default_model_dir``.
        threads: Processor threads one call may use; by default all this process may run on.
        on_progress: Told what is being done when the default model has to be exported first.

    Raises:
        EmbeddingError: The specification is none of these, or the model cannot be loaded.
    """
    runtime, _, model = spec.partition(":")
    if spec == DEFAULT_SPEC:
        from ingestion.embedding.onnx import OnnxEmbedder  # noqa: PLC0415 - loads a runtime

        exported = ensure_exported(model_dir=model_dir, on_progress=on_progress)
        return OnnxEmbedder(exported, threads=threads)
    if spec == BULK_SPEC:
        from ingestion.embedding.openvino import (  # noqa: PLC0415 - loads a runtime
            OpenVinoEmbedder,
        )

        exported = ensure_exported(model_dir=model_dir, on_progress=on_progress)
        return OpenVinoEmbedder(exported, threads=threads)
    if runtime == "sentence-transformers" and model:
        from ingestion.embedding.sentence_transformers import (  # noqa: PLC0415 - rarely asked for
            SentenceTransformerEmbedder,
        )

        return SentenceTransformerEmbedder(model, threads=threads)
    if runtime == "hash" and model.isascii() and model.isdecimal():
        return HashEmbedder(int(model))
    raise EmbeddingError(
        f"unknown embedder {spec!r}; give one of {', '.join(VALID_SPECS)}", code="unknown_embedder"
    )
