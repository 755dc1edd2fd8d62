from collections.abc import Iterator

import numpy as np
import pytest

from ingestion.embedding.factory import create_embedder
from ingestion.embedding.onnx import OnnxEmbedder
from ingestion.embedding.port import Embedder
from ingestion.embedding.reference import Reference
from ingestion.embedding.weights import MINILM
from ingestion.errors import EmbeddingError

pytestmark = pytest.mark.slow

WORDS = ["the", "bank", "keeps", "records", "of", "refunds", "unless", "Zürich's", "auditors"]


@pytest.fixture(scope="module")
def embedder() -> Iterator[Embedder]:
    embedder = create_embedder(f"sentence-transformers:{MINILM.locate()}")
    yield embedder
    embedder.close()


def test_the_shipped_reference_is_what_the_library_computes(embedder: Embedder) -> None:
    reference = Reference.shipped()
    rows = embedder.embed_documents(reference.sentences)
    np.testing.assert_allclose(rows, reference.vectors, atol=1e-4)


def test_the_default_embedder_agrees_with_the_library_on_many_texts(
    embedder: Embedder, onnx_embedder: OnnxEmbedder
) -> None:
    random = np.random.default_rng(3)
    texts = [" ".join(random.choice(WORDS, size=size)) for size in range(1, 61)]
    cosines = (embedder.embed_documents(texts) * onnx_embedder.embed_documents(texts)).sum(axis=1)
    assert cosines.min() > 0.99999


def test_it_counts_and_limits_tokens_as_the_default_does(
    embedder: Embedder, onnx_embedder: OnnxEmbedder
) -> None:
    assert (embedder.max_tokens, embedder.dimensions) == (254, 384)
    for text in Reference.shipped().sentences:
        assert embedder.count_tokens(text) == onnx_embedder.count_tokens(text)


def test_it_may_not_share_an_index_with_the_default(
    embedder: Embedder, onnx_embedder: OnnxEmbedder
) -> None:
    assert embedder.fingerprint != onnx_embedder.fingerprint


def test_a_query_is_embedded_as_its_text_is(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)
    told: list[int] = []
    row = embedder.embed_documents(["seven years"], progress=told.append)[0]
    assert told == [1]
    np.testing.assert_allclose(embedder.embed_query("seven years"), row, atol=1e-6)


def test_a_model_that_is_not_there_is_one_clear_error() -> None:
    with pytest.raises(EmbeddingError, match="cannot load '/no/such/model'"):
        create_embedder("sentence-transformers:/no/such/model")


def test_a_closed_embedder_says_so() -> None:
    embedder = create_embedder(f"sentence-transformers:{MINILM.locate()}")
    embedder.close()
    with pytest.raises(EmbeddingError, match="closed"):
        embedder.count_tokens("anything")
