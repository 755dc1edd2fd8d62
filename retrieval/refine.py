"""The second look at the first candidates: by how near and how wordy they are, not by rank alone.

Ranks say little among the best: a leg's first may stand far above its second, or hardly at all. So
the first ``WINDOW`` candidates of the fused order are put in order once more, by a convex sum of

- the similarity to the question *leaning* towards what was found: its embedding, moved a part of
  the way to the mean of the first few candidates (J. J. Rocchio, "Relevance feedback in information
  retrieval", 1971, with the first results taken for relevant),
- the lexical score,

each divided by the best of the window (S. Bruch, S. Gai and A. Ingber, "An Analysis of Fusion
Functions for Hybrid Retrieval", ACM TOIS 42(1), 2023, for sums of scores in place of ranks). The
constants were chosen on training questions alone; figures: ``docs/ranking.md``.

Everything that enters is a candidate of the caller's own view, with its own vector and its own
score, in an order that is a function of that view: so is what comes out, bit for bit. The window
does not move with the page, so pages neither repeat nor skip a piece. What never lives here: a
statistic of anything that is not a candidate, a model, the catalogue.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from retrieval.ranking import Ranked

WINDOW: Final = 16
"""How many candidates are looked at again: what an answer of the usual length fetches anyway."""

FEEDBACK: Final = 5
"""How many of the first are taken for relevant."""

PULL: Final = 0.5
"""How far the question leans towards their mean; at 1 both count alike."""

MEANING: Final = 0.6
"""Weight of the similarity; the words have the rest."""


def refine(
    ranked: Sequence[Ranked],
    vectors: Mapping[str, bytes | None],
    question: NDArray[np.float32] | None,
) -> list[Ranked]:
    """Put the first candidates in order again; those behind them keep their places.

    Args:
        ranked: candidates, best first, each with what the legs said.
        vectors: by id, the stored embedding: float32, of unit length.
        question: its embedding, shape ``(dimensions,)``; without it the order stays.

    Returns:
        The same candidates. Also where one of the window has no vector, their order stays: half of
        them by one measure and half by another would be in no order at all.
    """
    window, rest = list(ranked[:WINDOW]), list(ranked[WINDOW:])
    stored = [vector for one in window if (vector := vectors.get(one.id)) is not None]
    if question is None or len(stored) < len(window) or len(window) < 2:  # noqa: PLR2004 - a pair
        return [*window, *rest]
    rows = np.frombuffer(b"".join(stored), np.float32).reshape(len(stored), -1).astype(np.float64)
    leaning = question.astype(np.float64) + PULL * rows[:FEEDBACK].mean(axis=0)
    # Row by row, as everywhere: a matrix product rounds differently with the number of its rows.
    near = (rows * leaning).sum(axis=1).tolist()
    words = [one.lexical or 0.0 for one in window]
    scores = {
        one.id: MEANING * nearness + (1.0 - MEANING) * worded
        for one, nearness, worded in zip(window, _of_best(near), _of_best(words), strict=True)
    }
    return [*sorted(window, key=lambda one: (-scores[one.id], one.id)), *rest]


def _of_best(scores: Sequence[float]) -> list[float]:
    """Each score as a share of the best; zeros where nothing is above zero."""
    best = max(scores)
    return [score / best if best > 0.0 else 0.0 for score in scores]
