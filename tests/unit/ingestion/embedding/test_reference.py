from collections.abc import Sequence

import numpy as np
import pytest

from ingestion.embedding.hashing import HashEmbedder
from ingestion.embedding.onnx import OnnxEmbedder
from ingestion.embedding.port import Matrix, TextProgress
from ingestion.embedding.reference import Reference
from ingestion.errors import EmbeddingError


class Fixed(HashEmbedder):
    """Gives the rows it was made with."""

    def __init__(self, rows: Matrix) -> None:
        super().__init__(rows.shape[1])
        self.rows = rows

    def embed_documents(
        self, texts: Sequence[str], *, progress: TextProgress | None = None
    ) -> Matrix:
        assert len(texts) == len(self.rows)
        assert progress is None
        return self.rows


def test_the_export_passes(onnx_embedder: OnnxEmbedder) -> None:
    Reference.shipped().check(onnx_embedder)


def test_the_reference_covers_short_long_and_foreign_texts(onnx_embedder: OnnxEmbedder) -> None:
    counts = [onnx_embedder.count_tokens(text) for text in Reference.shipped().sentences]
    assert min(counts) <= 3
    assert max(counts) > onnx_embedder.max_tokens
    assert any(not text.isascii() for text in Reference.shipped().sentences)


def test_one_sentence_slightly_off_is_refused() -> None:
    reference = Reference.shipped()
    rows = reference.vectors.copy()
    rows[2, 0] += 0.03
    with pytest.raises(EmbeddingError, match="refused") as refusal:
        reference.check(Fixed(rows))
    assert refusal.value.code == "reference_mismatch"


def test_a_vector_of_nothing_but_nan_is_refused() -> None:
    reference = Reference.shipped()
    rows = reference.vectors.copy()
    rows[0] = np.nan
    with pytest.raises(EmbeddingError, match="refused"):
        reference.check(Fixed(rows))


def test_vectors_of_another_length_are_refused() -> None:
    with pytest.raises(EmbeddingError, match="64 dimensions"):
        Reference.shipped().check(HashEmbedder(64))
