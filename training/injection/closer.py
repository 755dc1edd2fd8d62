"""The closer reader of short texts: a logistic regression on windows that look like an order.

Every collection counts alike here, and so do the honest texts of none: what is large in number,
such as sentences made from patterns, else decides what is told from what. Where a page may be in
doubt, a message to a chatbot is not; so the bias is set on honest texts alone. What must never live
here: data.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import vstack
from sklearn.linear_model import LogisticRegression

if TYPE_CHECKING:
    from collections.abc import Sequence

    from injection.fitting import Windows

REACHED = 0.05
"""Share of honest texts by which short ones are brought level with all."""

_STRENGTH = 3.0
_STEPS = 30
_NEAR = 5e-2  # where steps stop; more of them change no figure


@dataclass(frozen=True)
class Closer:
    """A fitted closer reader.

    Attributes:
        weights: Of the features, shape (2 ** BITS,).
        bias: Of their sum, before short texts are brought level with others.
    """

    weights: np.ndarray
    bias: float


@dataclass(frozen=True)
class Part:
    """Windows of one collection, of one label.

    Attributes:
        windows: Where they are from.
        members: Which of them.
        attacks: Whether they are attacks; those of one text share what it counts.
    """

    windows: Windows
    members: np.ndarray
    attacks: bool

    @property
    def counts(self) -> np.ndarray:
        """How much each counts; one together."""
        of = self.windows.text[self.members]
        counts = 1 / np.sqrt(np.bincount(of)[of]) if self.attacks else np.ones(len(of))
        shared: np.ndarray = counts / counts.sum()
        return shared


def fit(parts: Sequence[Part]) -> Closer:
    """Fit the weights on some windows of every collection."""
    counts = np.concatenate([part.counts for part in parts])
    model = LogisticRegression(C=_STRENGTH, solver="liblinear", max_iter=_STEPS, tol=_NEAR)
    model.fit(
        vstack([part.windows.features[part.members] for part in parts]).tocsr(),
        np.concatenate([np.full(len(part.members), part.attacks) for part in parts]),
        sample_weight=counts / counts.mean(),
    )
    return Closer(model.coef_[0], float(model.intercept_[0]))


def level(every: np.ndarray, short: np.ndarray) -> float:
    """What is added to scores of short honest texts, so that as many are high as among all.

    Args:
        every: Scores of all honest texts by the first reader.
        short: Scores of the short ones by the closer reader.
    """
    return float(np.quantile(every, 1 - REACHED) - np.quantile(short, 1 - REACHED))
