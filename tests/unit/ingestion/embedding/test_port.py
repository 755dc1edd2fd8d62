"""What every embedder promises, asked of each."""

from collections.abc import Iterator

import numpy as np
import pytest

from ingestion.embedding.factory import create_embedder
from ingestion.embedding.port import Embedder
from ingestion.embedding.store import ensure_exported

TEXTS = [
    "Contractors travel in economy class.",
    "",
    "Refunds are paid within ten working days of the return. " * 9,
    "naïve café, 価格, 🙂",
    "refund",
]


@pytest.fixture(params=["hash:64", "onnx:all-MiniLM-L6-v2"], scope="module")
def embedder(request: pytest.FixtureRequest) -> Iterator[Embedder]:
    ensure_exported()
    embedder = create_embedder(request.param)
    yield embedder
    embedder.close()


def test_an_embedder_is_one(embedder: Embedder) -> None:
    assert isinstance(embedder, Embedder)


def test_rows_are_float32_of_unit_length_and_the_announced_dimensions(embedder: Embedder) -> None:
    rows = embedder.embed_documents(TEXTS)
    assert rows.dtype == np.float32
    assert rows.shape == (len(TEXTS), embedder.dimensions)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)


def test_rows_come_in_the_order_of_the_texts(embedder: Embedder) -> None:
    forwards = embedder.embed_documents(TEXTS)
    backwards = embedder.embed_documents(TEXTS[::-1])
    np.testing.assert_array_equal(forwards, backwards[::-1])


def test_a_query_has_the_vector_of_the_same_text_as_a_document(embedder: Embedder) -> None:
    rows = embedder.embed_documents(TEXTS)
    for text, row in zip(TEXTS, rows, strict=True):
        np.testing.assert_array_equal(embedder.embed_query(text), row)


def test_no_texts_give_no_rows_and_no_progress(embedder: Embedder) -> None:
    told: list[int] = []
    rows = embedder.embed_documents([], progress=told.append)
    assert rows.shape == (0, embedder.dimensions)
    assert told == []


def test_progress_rises_to_the_number_of_texts(embedder: Embedder) -> None:
    told: list[int] = []
    embedder.embed_documents(TEXTS, progress=told.append)
    assert told == sorted(set(told))
    assert told[-1] == len(TEXTS)


def test_what_fits_by_count_is_embedded_whole_and_what_goes_beyond_is_cut(
    embedder: Embedder,
) -> None:
    fits = " ".join(["word"] * embedder.max_tokens)
    assert embedder.count_tokens(fits) == embedder.max_tokens
    shorter, beyond = fits.removesuffix(" word"), f"{fits} refund"
    assert not np.array_equal(embedder.embed_query(f"{shorter} refund"), embedder.embed_query(fits))
    np.testing.assert_array_equal(embedder.embed_query(beyond), embedder.embed_query(fits))


def test_counting_is_not_cut_off_at_the_limit(embedder: Embedder) -> None:
    assert embedder.count_tokens("word " * 1000) == 1000


def test_a_lone_surrogate_is_embedded_and_not_an_error(embedder: Embedder) -> None:
    broken = "half a \ud83d smile"
    assert embedder.count_tokens(broken) > 0
    np.testing.assert_array_equal(
        embedder.embed_query(broken), embedder.embed_documents([broken])[0]
    )


def test_closing_twice_is_no_error() -> None:
    embedder = create_embedder()
    embedder.close()
    embedder.close()
