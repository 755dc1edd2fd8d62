"""What the attacker learned: by content, exactly; by timing, with an interval."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tests.security.attacker.game import Trial

_RESAMPLES = 2_000


def advantage(trials: Sequence[Trial]) -> float:
    """How much better than a coin the best attacker does by content, from 0 to 1.

    Where all replies about a document are equal, nothing but a guess is left; where any differs,
    the attacker is taken to know.
    """
    told: dict[int, bool] = defaultdict(bool)
    for trial in trials:
        told[trial.number] |= trial.differed
    return sum(told.values()) / len(told)


def auc_with_interval(trials: Sequence[Trial], *, seed: int = 7) -> tuple[float, float, float]:
    """The AUC of "slower means present", and a 95 % bootstrap interval over documents.

    0.5 is a guess. The services are drawn from by documents, since questions about one document
    resemble each other (the cluster bootstrap).
    """
    by_document: dict[int, list[Trial]] = defaultdict(list)
    for trial in trials:
        by_document[trial.number].append(trial)
    present = np.array([np.mean([t.present_s for t in some]) for some in by_document.values()])
    absent = np.array([np.mean([t.absent_s for t in some]) for some in by_document.values()])
    dice = np.random.default_rng(seed)
    drawn = []
    for _ in range(_RESAMPLES):
        some = dice.integers(0, len(present), len(present))
        drawn.append(auc(present[some], absent[some]))
    low, high = np.percentile(drawn, [2.5, 97.5])
    return auc(present, absent), float(low), float(high)


def auc(present: NDArray[np.float64], absent: NDArray[np.float64]) -> float:
    """The chance that one drawn from the first is greater than one from the second; ties half."""
    ordered = np.sort(absent)
    below = np.searchsorted(ordered, present, side="left")
    upto = np.searchsorted(ordered, present, side="right")
    return float((below + upto).mean() / 2 / len(absent))
