"""Measures of scores against a yes or no, every one of them with weights.

A weight says how often a text counts, so that one sorted list serves a thousand resamples. Nothing
here reads files or knows what the scores are about.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BINS: Final = 10
"""Of the calibration error: equally wide, the last one closed on both sides."""

_ROUNDING: Final = 1e-12  # of sums of weights, so that a share of exactly 1 % is within 1 %


@dataclass(frozen=True)
class Curve:
    """Scores against labels, of which every measure is made.

    Attributes:
        scores: from 0 to 1, the higher the likelier; shape ``(n,)``.
        positive: whether a text is what is looked for; shape ``(n,)``.
    """

    scores: Floats
    positive: NDArray[np.bool_]

    @classmethod
    def of(cls, scores: Sequence[float], positive: Sequence[bool]) -> Curve:
        """The curve of two lists of equal length.

        Raises:
            ValueError: they differ in length, or a score is no number from 0 to 1.
        """
        values, labels = np.asarray(scores, dtype=float), np.asarray(positive, dtype=bool)
        if values.shape != labels.shape:
            raise ValueError(f"{len(values)} scores for {len(labels)} labels: give one to each")
        if values.size and not bool(np.all((values >= 0) & (values <= 1))):
            raise ValueError("scores: each must be a number from 0 to 1")
        return cls(values, labels)

    @property
    def ones(self) -> Floats:
        """Weights that count every text once."""
        return np.ones(self.scores.size)

    @cached_property
    def _order(self) -> NDArray[np.intp]:
        return np.argsort(-self.scores, kind="stable")

    @cached_property
    def _ends(self) -> NDArray[np.intp]:
        """Last place of each run of equal scores, the highest first: ties are never parted."""
        falling = self.scores[self._order]
        return np.flatnonzero(np.append(falling[1:] != falling[:-1], np.True_))

    def _shares(self, weights: Floats) -> tuple[Floats, Floats]:
        """False alarms and recall when everything from a score on is called positive."""
        ordered = weights[self._order]
        hits = np.where(self.positive[self._order], ordered, 0.0)
        found, taken = np.cumsum(hits)[self._ends], np.cumsum(ordered)[self._ends]
        alarms = taken - found
        return (
            np.append(0.0, alarms / alarms[-1]),
            np.append(0.0, found / found[-1]),
        )

    def _both(self, weights: Floats) -> bool:
        """Whether there is something to tell apart."""
        return bool(weights[self.positive].sum() > 0 and weights[~self.positive].sum() > 0)

    def auroc(self, weights: Floats | None = None) -> float | None:
        """How often a positive text scores above a negative one; a tie counts half.

        The area under the ROC curve by the trapezoid rule, which equals the Mann-Whitney statistic.
        Source: J. A. Hanley and B. J. McNeil, "The meaning and use of the area under a receiver
        operating characteristic curve", Radiology 143 (1982). None without texts of both kinds.
        """
        weights = self.ones if weights is None else weights
        if not self._both(weights):
            return None
        alarms, recall = self._shares(weights)
        return float(np.sum(np.diff(alarms) * (recall[1:] + recall[:-1]) / 2))

    def recall_at(self, false_alarms: float, weights: Floats | None = None) -> float | None:
        """The largest recall of any threshold with at most that share of false alarms.

        No interpolation: it is reached by a threshold that exists. None as of :meth:`auroc`.
        """
        weights = self.ones if weights is None else weights
        if not self._both(weights):
            return None
        alarms, recall = self._shares(weights)
        return float(recall[alarms <= false_alarms + _ROUNDING].max())

    def calibration_error(self, weights: Floats | None = None) -> float | None:
        """Mean distance of a bin's mean score from its share of positives, weighted by its size.

        Source: M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining well calibrated
        probabilities using Bayesian binning", AAAI 2015. None without texts.
        """
        weights = self.ones if weights is None else weights
        total = weights.sum()
        if not total > 0:
            return None
        bins = np.minimum((self.scores * BINS).astype(int), BINS - 1)
        said = np.bincount(bins, weights * self.scores, minlength=BINS)
        were = np.bincount(bins, weights * self.positive, minlength=BINS)
        return float(np.abs(said - were).sum() / total)
