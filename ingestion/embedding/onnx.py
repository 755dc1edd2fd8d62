"""The default embedder: an exported sentence encoder in ONNX Runtime, on the processor.

A text has one vector, the same to the last bit, alone or in any batch and by either method. What
must never live here: an import of torch or of anything built on it.
"""

import os
from collections.abc import Sequence
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Tokenizer

from ingestion.embedding.batching import WINDOW, bucket_of, plan_batches
from ingestion.embedding.exported import ExportedModel
from ingestion.embedding.pooling import mean_pooled
from ingestion.embedding.port import Matrix, TextProgress, Vector
from ingestion.errors import EmbeddingError

_SPECIAL_TOKENS: Final = 2  # [CLS] before every text and [SEP] behind it
_ERRORS_ONLY: Final = 3
# Threads that wait for work spin this long before they sleep. With the runtime's own, far longer
# default a query takes twice as long once other processes want the processors; without spinning
# it takes a quarter longer when none does.
_SPIN_MICROSECONDS: Final = 50


class OnnxEmbedder:
    """An exported sentence encoder; safe to share between threads."""

    def __init__(self, model: ExportedModel, *, threads: int | None = None) -> None:
        """Load the graph and the tokenizer.

        Args:
            model: A checked export.
            threads: Processor threads one call may use; by default as many as this process may
                run on.

        Raises:
            EmbeddingError: ``threads`` is below 1, or the runtime cannot load the export.
        """
        if threads is not None and threads < 1:
            raise EmbeddingError(f"threads is {threads}; give at least 1, or leave it out")
        self.name = model.name
        self.dimensions = model.identity.dimensions
        self.max_tokens = model.identity.max_tokens - _SPECIAL_TOKENS
        self.fingerprint = model.identity.fingerprint
        options = _session_options(threads or len(os.sched_getaffinity(0)))
        try:
            self._session: onnxruntime.InferenceSession | None = onnxruntime.InferenceSession(
                str(model.graph), options, providers=["CPUExecutionProvider"]
            )
            self._tokenizer = Tokenizer.from_file(str(model.tokenizer))
        # Neither library has a root for its errors short of Exception.
        except Exception as error:
            raise EmbeddingError(
                f"the export in {model.folder} cannot be loaded ({type(error).__name__}); "
                "remove it to export the model anew"
            ) from error
        # The file asks for padding and a length that are not the model's; both are done here.
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        # What the tokenizer puts around an empty text is what it puts around every text.
        self._before, self._behind = ([token] for token in self._tokenizer.encode("").ids)

    def embed_documents(
        self, texts: Sequence[str], *, progress: TextProgress | None = None
    ) -> Matrix:
        """Embed texts in batches of like length; see ``Embedder.embed_documents``."""
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        done = 0
        for start in range(0, len(texts), WINDOW):
            tokens = self.tokens_of(texts[start : start + WINDOW])
            for batch in plan_batches([len(ids) for ids in tokens]):
                vectors = self._run([tokens[i] for i in batch.members], batch.padded_length)
                rows[[start + i for i in batch.members]] = vectors
                done += len(batch.members)
                if progress is not None:
                    progress(done)
        return rows

    def embed_query(self, text: str) -> Vector:
        """Embed one text; see ``Embedder.embed_query``."""
        encoding = self._tokenizer.encode(_encodable(text), add_special_tokens=False)
        tokens = self._framed(encoding.ids)
        vector: Vector = self._run([tokens], bucket_of(len(tokens)))[0]
        return vector

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, without those the model adds around every text."""
        return len(self._tokenizer.encode(_encodable(text), add_special_tokens=False).ids)

    def tokens_of(self, texts: Sequence[str]) -> list[list[int]]:
        """The tokens of each text as the model gets them, cut and framed."""
        whole = [_encodable(text) for text in texts]
        encodings = self._tokenizer.encode_batch_fast(whole, add_special_tokens=False)
        return [self._framed(encoding.ids) for encoding in encodings]

    def close(self) -> None:
        """Let go of the runtime's memory; calls under way finish first."""
        self._session = None

    def _framed(self, ids: list[int]) -> list[int]:
        return self._before + ids[: self.max_tokens] + self._behind

    def _run(self, tokens: Sequence[Sequence[int]], padded_length: int) -> Matrix:
        """Run one batch; every row is padded to the same length, its own bucket."""
        session = self._session
        if session is None:
            raise EmbeddingError(
                f"the embedder {self.name} is closed; create another", code="embedder_closed"
            )
        ids = np.zeros((len(tokens), padded_length), dtype=np.int32)
        mask = np.zeros_like(ids)
        for row, text_ids in enumerate(tokens):
            ids[row, : len(text_ids)] = text_ids
            mask[row, : len(text_ids)] = 1
        try:
            states = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        except Exception as error:  # the runtime's errors have no other root
            raise EmbeddingError(
                f"the model {self.name} failed on a batch of {ids.shape[0]} texts of up to "
                f"{padded_length} tokens ({type(error).__name__})"
            ) from error
        return _pooled(states, tokens)


def _pooled(states: NDArray[np.float32], tokens: Sequence[Sequence[int]]) -> Matrix:
    return np.stack([mean_pooled(row[: len(ids)]) for row, ids in zip(states, tokens, strict=True)])


def _encodable(text: str) -> str:
    """Replace lone surrogates, which are no characters and which the tokenizer refuses."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _session_options(threads: int) -> onnxruntime.SessionOptions:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    options.add_session_config_entry("session.intra_op.spin_duration_us", str(_SPIN_MICROSECONDS))
    return options
