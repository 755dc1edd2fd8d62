from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.embedding.exported import ExportedModel
from ingestion.embedding.onnx import OnnxEmbedder
from ingestion.errors import EmbeddingError

WORDS = ["audit", "refund", "the", "policy", "of", "2025", "not", "Zürich", "unclassifiable", "a"]
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=60).map(" ".join)


@settings(max_examples=25, deadline=None)
@given(text=TEXTS, before=st.lists(TEXTS, max_size=9), behind=st.lists(TEXTS, max_size=9))
def test_a_text_has_the_same_bits_alone_and_in_any_batch(
    onnx_embedder: OnnxEmbedder, text: str, before: list[str], behind: list[str]
) -> None:
    in_batch = onnx_embedder.embed_documents([*before, text, *behind])[len(before)]
    assert in_batch.tobytes() == onnx_embedder.embed_query(text).tobytes()


def test_a_text_has_the_same_bits_in_every_size_of_a_full_batch(
    onnx_embedder: OnnxEmbedder,
) -> None:
    text = "the auditors of the bank read the policy on refunds twice a year"
    alone = onnx_embedder.embed_query(text)
    for size in (2, 3, 4, 7, 16, 33, 64):
        rows = onnx_embedder.embed_documents([text] * size)
        assert {row.tobytes() for row in rows} == {alone.tobytes()}


def test_a_text_has_the_same_bits_with_any_number_of_threads(exported: ExportedModel) -> None:
    texts = [" ".join(WORDS[:n] * n) for n in range(1, len(WORDS))]
    results = []
    for threads in (1, 2, 3):
        embedder = OnnxEmbedder(exported, threads=threads)
        results.append(embedder.embed_documents(texts).tobytes())
        embedder.close()
    assert len(set(results)) == 1


def test_windows_are_put_back_together_in_order(onnx_embedder: OnnxEmbedder) -> None:
    texts = [f"{WORDS[n % len(WORDS)]} {n}" for n in range(300)]
    rows = onnx_embedder.embed_documents(texts)
    for position in (0, 1, 255, 256, 299):
        np.testing.assert_array_equal(rows[position], onnx_embedder.embed_query(texts[position]))


def test_threads_that_share_an_embedder_get_what_they_would_alone(
    onnx_embedder: OnnxEmbedder,
) -> None:
    texts = [f"{word} number {n}" for n, word in enumerate(WORDS)] * 4
    alone = [onnx_embedder.embed_query(text).tobytes() for text in texts]
    with ThreadPoolExecutor(8) as pool:
        together = [vector.tobytes() for vector in pool.map(onnx_embedder.embed_query, texts)]
    assert together == alone


def test_meaning_is_nearer_than_shared_words(onnx_embedder: OnnxEmbedder) -> None:
    question, answer, decoy = onnx_embedder.embed_documents(
        [
            "How long do we keep customer records?",
            "Files about clients are retained for seven years.",
            "Customers keep asking how long the queue is.",
        ]
    )
    assert question @ answer > question @ decoy


def test_a_closed_embedder_says_so(exported: ExportedModel) -> None:
    embedder = OnnxEmbedder(exported)
    embedder.close()
    with pytest.raises(EmbeddingError, match="closed") as refusal:
        embedder.embed_query("anything")
    assert refusal.value.code == "embedder_closed"


def test_fewer_than_one_thread_is_refused(exported: ExportedModel) -> None:
    with pytest.raises(EmbeddingError, match="threads is 0"):
        OnnxEmbedder(exported, threads=0)


def test_an_export_the_runtime_cannot_read_is_one_clear_error(exported: ExportedModel) -> None:
    absent = replace(exported, folder=exported.folder / "nowhere")
    with pytest.raises(EmbeddingError, match="cannot be loaded"):
        OnnxEmbedder(absent)
