"""Judging candidates: how relevant each is, and whether the best is relevant enough to answer.

The best piece must reach the threshold, or there is no evidence at all; once one does, weaker
pieces down to six tenths of it may stand beside it as context.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.chunking import embedded_text
from retrieval.relevance import Asked, cosine, weights_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from ingestion.catalog import StoredChunk

CONTEXT_SHARE = 0.6


@dataclass(frozen=True, slots=True)
class Judged:
    """A chunk and the probability that it bears on the question, rounded to four places."""

    chunk: StoredChunk
    relevance: float


def judge(
    query: str, vector: NDArray[np.float32] | None, chunks: Sequence[StoredChunk], *, embedder: str
) -> list[Judged]:
    """Score the chunks, in the order given.

    Args:
        query: the question.
        vector: its embedding; None when the embedder was away, and words alone must do.
        chunks: candidates, best first.
        embedder: name of the model, which decides the weights.
    """
    weights = weights_for(embedder if vector is not None else "any")
    asked = Asked.of(query)
    judged = []
    for chunk in chunks:
        near = 0.0
        if vector is not None and chunk.vector is not None:
            near = cosine(vector, chunk.vector)
        path = tuple(chunk.heading_path.split("\n")) if chunk.heading_path else ()
        words = asked.within(embedded_text(path, chunk.text))
        judged.append(Judged(chunk, round(weights.probability(near, words), 4)))
    return judged


def admit(judged: Sequence[Judged], threshold: float) -> list[Judged]:
    """Let through what may be shown: nothing, if not even the best reaches ``threshold``."""
    if max((entry.relevance for entry in judged), default=0.0) < threshold:
        return []
    return [entry for entry in judged if entry.relevance >= threshold * CONTEXT_SHARE]
