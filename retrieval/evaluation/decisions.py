"""Measures of decisions: what was said against what is so, class by class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Decisions:
    """What was said of texts, and what they are.

    Attributes:
        said: a class for every text, as a small number; shape ``(n,)``.
        truth: the class it has; shape ``(n,)``.
    """

    said: NDArray[np.int_]
    truth: NDArray[np.int_]

    @classmethod
    def of(cls, said: Sequence[int], truth: Sequence[int]) -> Decisions:
        """The decisions of two lists of equal length.

        Raises:
            ValueError: they differ in length.
        """
        if len(said) != len(truth):
            raise ValueError(f"{len(said)} decisions for {len(truth)} labels: give one to each")
        return cls(np.asarray(said, dtype=int), np.asarray(truth, dtype=int))

    def recall(self, label: int, weights: Floats | None = None) -> float | None:
        """The share of texts of a class that were said to be of it; None if there are none."""
        return self._share(self.said == label, self.truth == label, weights)

    def precision(self, label: int, weights: Floats | None = None) -> float | None:
        """The share of texts said to be of a class that are of it; None if none was."""
        return self._share(self.truth == label, self.said == label, weights)

    def called(self, label: int, *, of: int, weights: Floats | None = None) -> float | None:
        """The share of texts of the class ``of`` that were said to be of ``label``."""
        return self._share(self.said == label, self.truth == of, weights)

    def balanced_accuracy(self, weights: Floats | None = None) -> float | None:
        """The mean recall of the classes that occur: a guess is worth one in their number.

        Source: K. H. Brodersen, C. S. Ong, K. E. Stephan and J. M. Buhmann, "The balanced accuracy
        and its posterior distribution", ICPR 2010. None where fewer than two classes occur.
        """
        recalls = [self.recall(int(label), weights) for label in np.unique(self.truth)]
        known = [recall for recall in recalls if recall is not None]
        return sum(known) / len(known) if len(known) > 1 else None

    @staticmethod
    def _share(
        hit: NDArray[np.bool_], among: NDArray[np.bool_], weights: Floats | None
    ) -> float | None:
        counted = among.astype(float) if weights is None else np.where(among, weights, 0.0)
        total = counted.sum()
        return float(counted[hit].sum() / total) if total > 0 else None
