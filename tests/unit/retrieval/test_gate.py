"""The relevance gate: the best must reach the threshold; what stands beside it, a share."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.embedding.hashing import HashEmbedder
from retrieval.gate import CONTEXT_SHARE, admit, judge
from retrieval.relevance import MOST_MISSING, Asked, Words, cosine, weights_for
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
    assert judged[0].relevance == round(weights.probability(0.0, Words(1.0, 0)), 4)


def test_nothing_to_judge_is_nothing_judged() -> None:
    assert admit(judge(QUERY, None, [], embedder="any"), 0.0) == []


def test_coverage_counts_distinct_terms_and_ignores_stop_words() -> None:
    asked = Asked.of("What is the travel allowance, the allowance for travel?")
    assert len(asked.terms) == 2
    assert asked.within("an allowance").coverage == 0.5
    assert asked.within("travelling with allowances").coverage == 1.0
    assert Asked.of("the of and").within("the of and").coverage == 0.0


@pytest.mark.parametrize(
    ("question", "missing"),
    [
        ("What may Wen Castellan trade?", 2),
        ("What does the lease of Harrow Quay cost?", 1),  # the quay is known, Harrow is not
        ("How high was it in 2024?", 1),
        ("how high was it in 2025", 0),
        ("What does the PRA want?", 1),
        ("Which trades are allowed?", 0),  # a capital in front says nothing
        ("Rules For Trading At Night", 0),  # nor does one in a headline
        ("May Ada, Ben, Cleo and Dan trade in 1999?", MOST_MISSING),
    ],
)
def test_names_and_figures_that_a_piece_lacks_are_counted(question: str, missing: int) -> None:
    piece = "Trading at the quay and its cost in 2025, and who may lease."
    assert Asked.of(question).within(piece).missing == missing


def test_a_piece_that_lacks_the_name_asked_for_is_less_relevant() -> None:
    """The question's words are the same share of both."""
    weights = weights_for("all-MiniLM-L6-v2")
    assert weights.probability(0.4, Words(0.5, 1)) < weights.probability(0.4, Words(0.5, 0))


def test_the_cosine_does_not_depend_on_the_order_of_summation() -> None:
    rng = np.random.default_rng(5)
    one, other = (rng.normal(size=64).astype(np.float32) for _ in range(2))
    shuffled = rng.permutation(64)
    expected = cosine(one, other.tobytes())
    assert cosine(one[shuffled], other[shuffled].tobytes()) == expected
    assert expected == pytest.approx(float(one.astype(float) @ other.astype(float)))
