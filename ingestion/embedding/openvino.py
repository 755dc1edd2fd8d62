"""Bulk embedding in bfloat16, where the processor multiplies it: documents by OpenVINO.

Queries of such a generation are embedded by ONNX Runtime in float32, as everywhere: it is faster
for one text, and a service needs no further library. The two agree to a cosine of 0.9999 or the
embedder refuses to be made.

A vector must not depend on the company its text is in, or a hidden document could change a visible
score. So the runtime is only ever given batches of one shape per length, filled up with rows of
padding, and is tried at the start: the same text, first and last, among short and long, must have
one vector to the last bit. What must never live here: an import of the runtime at module level.
"""

import itertools
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Any, Final

import numpy as np

from ingestion.embedding.exported import ExportedModel
from ingestion.embedding.graph import IDS_INPUT, MASK_INPUT
from ingestion.embedding.identity import Runtime
from ingestion.embedding.onnx import OnnxEmbedder
from ingestion.embedding.pooling import mean_pooled
from ingestion.embedding.port import Matrix, TextProgress, Vector
from ingestion.embedding.reference import Reference
from ingestion.errors import EmbeddingError

ROWS: Final = 8
"""Rows of every batch, whatever it holds: the shape must not tell how many texts there are."""

BUCKET: Final = 32
"""Lengths are rounded up to a multiple of this; fewer shapes mean fuller batches."""

WINDOW: Final = 1024
"""Texts sorted by length at a time."""

_CAPABILITY: Final = "BF16"


class Precision(StrEnum):
    """What the runtime multiplies in; float32 is for tests on processors without the other."""

    BF16 = "bf16"
    F32 = "f32"


class OpenVinoEmbedder:
    """Documents by OpenVINO, queries by ONNX Runtime; safe to share between threads.

    OpenVINO is loaded with the first document, so a process that only answers queries runs where it
    is not installed.
    """

    def __init__(
        self,
        model: ExportedModel,
        *,
        threads: int | None = None,
        precision: Precision = Precision.BF16,
    ) -> None:
        """Load the query side.

        Args:
            model: A checked export.
            threads: Processor threads one call may use; by default as many as it may run on.
            precision: What documents are multiplied in.

        Raises:
            EmbeddingError: ``threads`` is below 1, or the export cannot be loaded.
        """
        self._queries = OnnxEmbedder(model, threads=threads)
        self._model = model
        self._threads = threads
        self._precision = precision
        self._documents: _Documents | None = None
        self._closed = False
        self.name = model.name
        self.dimensions = self._queries.dimensions
        self.max_tokens = self._queries.max_tokens
        self.fingerprint = model.identity.by(Runtime(f"openvino-{precision}")).fingerprint

    def embed_documents(
        self, texts: Sequence[str], *, progress: TextProgress | None = None
    ) -> Matrix:
        """Embed texts; see ``Embedder.embed_documents``.

        Raises:
            EmbeddingError: OpenVINO is missing, the processor is not made for it, or it does not
                agree with the reference or with itself.
        """
        if not len(texts):
            return np.empty((0, self.dimensions), dtype=np.float32)
        if self._closed:
            raise EmbeddingError(
                f"the embedder {self.name} is closed; create another", code="embedder_closed"
            )
        # Two threads that come first may each load it; one is kept, and both are the same.
        documents = self._documents = self._documents or self._tried()
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        done = 0
        for start in range(0, len(texts), WINDOW):
            tokens = self._queries.tokens_of(texts[start : start + WINDOW])
            for members, vectors in documents.embedded(tokens):
                rows[[start + i for i in members]] = vectors
                done += len(members)
                if progress is not None:
                    progress(done)
        return rows

    def embed_query(self, text: str) -> Vector:
        """Embed one text in float32; see ``Embedder.embed_query``."""
        return self._queries.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, without those the model adds around every text."""
        return self._queries.count_tokens(text)

    def close(self) -> None:
        """Let go of the runtimes' memory."""
        self._closed = True
        self._documents = None
        self._queries.close()

    def _tried(self) -> "_Documents":
        documents = _Documents(self._model, threads=self._threads, precision=self._precision)
        reference = Reference.shipped()
        tokens = self._queries.tokens_of(reference.sentences)
        vectors = np.empty((len(tokens), self.dimensions), dtype=np.float32)
        for members, made in documents.embedded(tokens):
            vectors[list(members)] = made
        reference.compare(vectors, name=f"{self.name} in {self._precision} by OpenVINO")
        _refuse_company(documents, tokens, vectors)
        return documents


class _Documents:
    """The compiled model, and the shapes it is given."""

    def __init__(self, model: ExportedModel, *, threads: int | None, precision: Precision) -> None:
        try:
            import openvino  # noqa: PLC0415 - heavy, and an extra
        except ImportError as error:
            raise EmbeddingError(
                "OpenVINO is not installed; pip install 'clearance-retrieval[bulk]', or use the "
                f"embedder onnx:{model.name}",
                code="embedder_missing",
            ) from error
        core = openvino.Core()
        able: Sequence[str] = core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        if precision is Precision.BF16 and _CAPABILITY not in able:
            # Emulated, it is many times slower than float32.
            raise EmbeddingError(
                "this processor does not multiply bfloat16 (look for avx512_bf16 or amx_bf16 in "
                f"/proc/cpuinfo), so OpenVINO gains nothing on it; use the embedder "
                f"onnx:{model.name}",
                code="embedder_unsuitable",
            )
        options: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": str(precision),
            "PERFORMANCE_HINT": "LATENCY",  # One batch at a time, on all threads.
        }
        if threads is not None:
            options["INFERENCE_NUM_THREADS"] = threads
        try:
            self._compiled = core.compile_model(str(model.graph), "CPU", options)
        except RuntimeError as error:
            raise EmbeddingError(
                f"OpenVINO cannot load the export in {model.folder}; remove it to export the "
                f"model anew, or use the embedder onnx:{model.name}"
            ) from error

    def embedded(self, tokens: Sequence[Sequence[int]]) -> Iterator[tuple[tuple[int, ...], Matrix]]:
        """Vectors batch by batch, with the positions of their texts."""
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        for length, group in itertools.groupby(order, key=lambda i: _bucket(len(tokens[i]))):
            for members in _in_batches(tuple(group)):
                yield members, self.run([tokens[i] for i in members], length)

    def run(self, tokens: Sequence[Sequence[int]], length: int) -> Matrix:
        """One batch of up to ``ROWS`` texts; the rest of its rows are padding.

        A request of its own for each call: they are not shared between threads.
        """
        ids = np.zeros((ROWS, length), dtype=np.int32)
        mask = np.zeros_like(ids)
        mask[len(tokens) :, 0] = 1  # A row that attends to nothing at all would divide by zero.
        for row, text in enumerate(tokens):
            ids[row, : len(text)] = text
            mask[row, : len(text)] = 1
        request = self._compiled.create_infer_request()
        try:
            outputs = request.infer({IDS_INPUT: ids, MASK_INPUT: mask})
        except RuntimeError as error:
            raise EmbeddingError(
                f"OpenVINO failed on a batch of {len(tokens)} texts of up to {length} tokens"
            ) from error
        states = next(iter(outputs.values()))
        return np.stack(
            [mean_pooled(row[: len(text)]) for row, text in zip(states, tokens, strict=False)]
        )


def _bucket(length: int) -> int:
    return -(-length // BUCKET) * BUCKET


def _in_batches(members: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    for start in range(0, len(members), ROWS):
        yield members[start : start + ROWS]


def _refuse_company(
    documents: _Documents, tokens: Sequence[Sequence[int]], vectors: Matrix
) -> None:
    """Compare each text's vector with what it gets alone, and last among copies of another.

    Raises:
        EmbeddingError: The two differ in some bit.
    """
    for position, text in enumerate(tokens):
        length = _bucket(len(text))
        mate = next(
            (other for other in reversed(tokens) if other != text and len(other) <= length), text
        )
        alone = documents.run([text], length)[0]
        last = documents.run([mate] * (ROWS - 1) + [text], length)[-1]
        if not (np.array_equal(alone, vectors[position]) and np.array_equal(last, alone)):
            raise EmbeddingError(
                "with OpenVINO on this processor the vector of a text depends on the texts beside "
                "it, which would let hidden documents change visible scores; use the embedder "
                "onnx instead",
                code="embedder_unsuitable",
            )
