"""The relevance gate: the best must reach the threshold; what stands beside it, a share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.embedding.hashing import HashEmbedder
from retrieval.gate import CONTEXT_SHARE, admit, judge
from retrieval.relevance import cosine, coverage, query_terms, weights_for
from tests.support.stored import chunk

EMBEDDER = HashEmbedder(64)
QUERY = "travel allowance abroad"
TEXTS = (
    "The travel allowance abroad is 55 euros.",
    "The travel allowance at home is 20 euros.",
    "Travel needs approval.",
    "A loan needs two signatures.",
)
CHUNKS = [chunk(text, vector=EMBEDDER.embed_query(text)) for text in TEXTS]


def _relevances(threshold: float, texts: tuple[str, ...] = TEXTS) -> list[float]:
    judged = judge(
        QUERY,
        EMBEDDER.embed_query(QUERY),
        [chunk(text, vector=EMBEDDER.embed_query(text)) for text in texts],
        embedder=EMBEDDER.name,
    )
    return [entry.relevance for entry in admit(judged, threshold)]


def test_without_a_threshold_everything_passes_in_the_order_given() -> None:
    judged = judge(QUERY, None, CHUNKS, embedder="any")
    assert [entry.chunk for entry in judged] == CHUNKS
    assert all(0 <= entry.relevance <= 1 for entry in judged)


def test_more_of_the_question_s_words_make_a_piece_more_relevant() -> None:
    relevances = _relevances(0.0)
    assert relevances == sorted(relevances, reverse=True)
    assert len(set(relevances)) == 4


@given(threshold=st.floats(0, 1))
def test_the_best_decides_and_context_reaches_a_share_of_the_threshold(threshold: float) -> None:
    everything, passed = _relevances(0.0), _relevances(threshold)
    if max(everything) < threshold:
        assert passed == []
    else:
        assert passed == [r for r in everything if r >= threshold * CONTEXT_SHARE]


def test_a_piece_is_judged_by_itself_alone() -> None:
    """Or what else is found, and so what else is stored, would show in its figure."""
    together = _relevances(0.0)
    alone = [_relevances(0.0, (text,))[0] for text in TEXTS]
    assert together == alone


def test_without_an_embedder_words_alone_decide() -> None:
    judged = judge("55 euros abroad", None, CHUNKS, embedder="all-MiniLM-L6-v2")
    assert judged[0].chunk.text == TEXTS[0]
    weights = weights_for("any")
    assert judged[0].relevance == round(weights.probability(0.0, 1.0), 4)


def test_nothing_to_judge_is_nothing_judged() -> None:
    assert admit(judge(QUERY, None, [], embedder="any"), 0.0) == []


def test_coverage_counts_distinct_terms_and_ignores_stop_words() -> None:
    terms = query_terms("What is the travel allowance, the allowance for travel?")
    assert len(terms) == 2
    assert coverage(terms, "an allowance") == 0.5
    assert coverage(terms, "travelling with allowances") == 1.0
    assert coverage(query_terms("the of and"), "the of and") == 0.0


def test_the_cosine_does_not_depend_on_the_order_of_summation() -> None:
    rng = np.random.default_rng(5)
    one, other = (rng.normal(size=64).astype(np.float32) for _ in range(2))
    shuffled = rng.permutation(64)
    expected = cosine(one, other.tobytes())
    assert cosine(one[shuffled], other[shuffled].tobytes()) == expected
    assert expected == pytest.approx(float(one.astype(float) @ other.astype(float)))
