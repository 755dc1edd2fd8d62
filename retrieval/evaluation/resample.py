"""How far a measure would move with other texts of the same kind: the bootstrap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Measure = Callable[[Floats | None], float | None]

RESAMPLES: Final = 1_000
SEED: Final = 2026
LEVEL: Final = 0.95
_FEWEST: Final = 2  # resamples that make an interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure with its interval; None where there is nothing to measure.

    Attributes:
        value: on the texts as they are.
        low: lower end of the interval.
        high: upper end.
    """

    value: float | None
    low: float | None = None
    high: float | None = None

    def to_dict(self) -> dict[str, float | None]:
        """As JSON values, to six places."""
        return {
            name: None if figure is None else round(figure, 6)
            for name, figure in (("value", self.value), ("low", self.low), ("high", self.high))
        }


@dataclass(frozen=True, slots=True)
class Resampling:
    """How to resample.

    Attributes:
        resamples: how often; 0 for no intervals.
        seed: the same seed gives the same intervals.
    """

    resamples: int = RESAMPLES
    seed: int = SEED

    def to_dict(self) -> dict[str, float]:
        """As JSON values."""
        return {"resamples": self.resamples, "seed": self.seed, "level": LEVEL}

    def estimates(self, strata: Sequence[int], measures: dict[str, Measure]) -> dict[str, Estimate]:
        """Every measure with its percentile interval, all of them on the same resamples.

        Texts are drawn with replacement within their stratum, so that every resample holds as many
        of each label as the file. Source: B. Efron and R. J. Tibshirani, "An Introduction to the
        Bootstrap", Chapman & Hall 1993, chapters 6 and 13.

        Args:
            strata: the label of every text.
            measures: functions of the texts' weights, by name; None weighs all alike.
        """
        drawn: dict[str, list[float]] = {name: [] for name in measures}
        for weights in self._weights(np.asarray(strata, dtype=int)):
            for name, measure in measures.items():
                figure = measure(weights)
                if figure is not None:
                    drawn[name].append(figure)
        return {
            name: _estimate(measure(None), drawn[name], self.resamples)
            for name, measure in measures.items()
        }

    def _weights(self, strata: NDArray[np.int_]) -> Iterator[Floats]:
        """Yield how often each text was drawn."""
        random = np.random.default_rng(self.seed)
        members = [np.flatnonzero(strata == stratum) for stratum in np.unique(strata)]
        for _ in range(self.resamples if strata.size else 0):
            weights = np.zeros(strata.size)
            for member in members:
                drawn = random.integers(member.size, size=member.size)
                weights[member] = np.bincount(drawn, minlength=member.size)
            yield weights


def _estimate(value: float | None, drawn: list[float], resamples: int) -> Estimate:
    # A measure that some resamples leave undefined has no honest interval.
    if value is None or len(drawn) < max(resamples, _FEWEST):
        return Estimate(value)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Estimate(value, float(low), float(high))
