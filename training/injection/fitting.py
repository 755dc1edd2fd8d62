"""From examples to weights: windows with labels, a sparse matrix, a logistic regression.

Uses the features that the shipped model uses, by importing them, so the two cannot differ. What
must never live here: data, or a threshold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import csr_matrix, vstack
from sklearn.linear_model import LogisticRegression

from verifier.screen_features import BITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from injection.placing import Example
    from verifier.screen_features import FeatureReader

STRENGTH = 3.0
_FEWEST = 15
_MOST_SENTENCES = 40
_LONG = 6
_STEPS = 127


@dataclass
class Windows:
    """The windows of some texts.

    Attributes:
        features: Shape (windows, 2 ** BITS), each row of unit length.
        text: Which text a window is of.
        label: Whether the window holds the attack, or half of it.
        said: What stands in each window.
        kinds: The kind of each text.
    """

    features: csr_matrix
    text: np.ndarray
    label: np.ndarray
    said: list[str]
    kinds: list[str]

    def best(self, members: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """The highest sum of each text over some of its windows; shape (texts,)."""
        best = np.full(len(self.kinds), sums.min(initial=0.0))
        np.maximum.at(best, self.text[members], sums)
        return best

    def highest(self, sums: np.ndarray, most: int) -> np.ndarray:
        """Which windows are among the highest of their text, ascending."""
        order = np.lexsort((-sums, self.text))
        of = self.text[order]
        first = np.flatnonzero(np.r_[True, of[1:] != of[:-1]])
        rank = np.arange(len(of)) - np.repeat(first, np.diff(np.r_[first, len(of)]))
        return np.sort(order[rank < most])


def read(examples: Sequence[Example], reader: FeatureReader) -> Windows:
    """Cut examples into windows and read the features of each."""
    indices, ends, owners, labels, said = [], [0], [], [], []
    for owner, example in enumerate(examples):
        for window in reader.windows(example.text):
            if window.sentences.start >= _MOST_SENTENCES:
                continue
            indices.append(window.features)
            ends.append(ends[-1] + len(window.features))
            owners.append(owner)
            said.append(example.text[window.start : window.end])
            shared = min(window.end, example.end) - max(window.start, example.start)
            enough = max(1, min(_FEWEST, (example.end - example.start) // 2))
            labels.append(example.attack and shared >= enough)
    lengths = np.diff(ends)
    values = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths).astype(np.float32)
    features = csr_matrix((values, np.concatenate(indices), ends), shape=(len(owners), 1 << BITS))
    kinds = [example.kind for example in examples]
    return Windows(features, np.array(owners), np.array(labels, dtype=bool), said, kinds)


def fit(parts: Sequence[tuple[Windows, float]]) -> tuple[np.ndarray, float]:
    """Fit the weights.

    Args:
        parts: Windows, and how much an attack among them counts. The windows of a long attack
            count less each, as not every sentence of it is an order.

    Returns:
        The weights, shape (2 ** BITS,), and the bias.
    """
    counts = []
    for windows, weight in parts:
        siblings = np.bincount(windows.text, minlength=len(windows.kinds))[windows.text]
        counts.append(np.where(windows.label, weight / np.sqrt(np.minimum(siblings, _LONG)), 1.0))
    model = LogisticRegression(C=STRENGTH, solver="liblinear", max_iter=60, tol=1e-3)
    model.fit(
        vstack([windows.features for windows, _ in parts]),
        np.concatenate([windows.label for windows, _ in parts]),
        sample_weight=np.concatenate(counts),
    )
    return model.coef_[0], float(model.intercept_[0])


def quantised(weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Round weights to small integers.

    Returns:
        The integers, int8, and what one of them is worth.
    """
    scale = float(np.quantile(np.abs(weights[weights != 0]), 0.9995)) / _STEPS
    return np.clip(np.rint(weights / scale), -_STEPS, _STEPS).astype(np.int8), scale


def calibrated(scores: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Fit the logistic curve that makes probabilities of scores (Platt, 1999).

    Returns:
        Slope and offset, for as many attacks as honest texts.
    """
    model = LogisticRegression(C=1e3, class_weight="balanced").fit(scores[:, None], labels)
    return float(model.coef_[0, 0]), float(model.intercept_[0])
