import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.embedding.hashing import HashEmbedder
from ingestion.errors import EmbeddingError


def test_texts_that_share_words_are_nearer_than_texts_that_share_none() -> None:
    refund, refunds, other = HashEmbedder(256).embed_documents(
        ["how are refunds paid", "refunds are paid on friday", "zebra crossing closed"]
    )
    assert refund @ refunds > 0.4
    assert refund @ refunds > refund @ other + 0.3


def test_an_inflected_word_is_near_its_stem() -> None:
    embedder = HashEmbedder(256)
    stem, inflected, other = embedder.embed_documents(["contract", "contracts", "holiday"])
    assert stem @ inflected > stem @ other


def test_the_vector_is_the_same_in_every_process() -> None:
    vector = HashEmbedder(8).embed_query("Refunds take ten days.")
    expected = [
        0.5661385,
        0.1132277,
        -0.2264554,
        0.1132277,
        -0.5661385,
        0.3396831,
        0.2264554,
        0.3396831,
    ]
    np.testing.assert_allclose(vector, expected, atol=1e-6)


@given(st.lists(st.text(alphabet="abc ", max_size=12), max_size=6))
def test_word_order_and_case_do_not_matter(words: list[str]) -> None:
    embedder = HashEmbedder()
    forwards = embedder.embed_query(" ".join(words))
    backwards = embedder.embed_query(" ".join(" ".join(words).upper().split()[::-1]))
    np.testing.assert_array_equal(forwards, backwards)


@given(st.text())
def test_any_text_at_all_has_a_unit_vector(text: str) -> None:
    assert np.linalg.norm(HashEmbedder().embed_query(text)) == pytest.approx(1, abs=1e-6)


def test_dimensions_are_part_of_the_fingerprint() -> None:
    assert HashEmbedder(64).fingerprint == HashEmbedder(64).fingerprint
    assert HashEmbedder(64).fingerprint != HashEmbedder(65).fingerprint


def test_fewer_than_two_dimensions_are_refused() -> None:
    with pytest.raises(EmbeddingError, match="at least 2"):
        HashEmbedder(1)
