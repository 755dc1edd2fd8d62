"""Bootstrap intervals of ratios, of a million units as fast as of a hundred.

Drawing n of n units with replacement is drawing how often each *kind* of unit comes, and units of
ratios are of few kinds (so many above the line, so many below). So a resample is one draw of a
multinomial distribution over the kinds, and nothing grows with n but the counting.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from typing import Self

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

RESAMPLES: Final = 2_000
LEVEL: Final = 0.95
_KINDS: Final = 4_096
"""More kinds than this (a mean of relevances) are put together by rounding what is summed."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """Units of a ratio, counted by kind.

    Attributes:
        top: above the line, of each kind; shape ``(kinds,)``.
        bottom: below the line.
        count: units of each kind.
    """

    top: Floats
    bottom: Floats
    count: NDArray[np.int64]

    @classmethod
    def of(cls, top: Floats, bottom: Floats) -> Self:
        """Count the units of two columns of equal length."""
        # As one number each: sorting a column is several times faster than sorting rows.
        pairs = np.asarray(top, float) + 1j * np.asarray(bottom, float)
        kinds, count = np.unique(pairs, return_counts=True)
        if len(kinds) > _KINDS:
            kinds, count = np.unique(np.round(pairs, 3), return_counts=True)
        return cls(kinds.real.copy(), kinds.imag.copy(), count)

    @property
    def total(self) -> int:
        """How many units."""
        return int(self.count.sum())

    @property
    def below(self) -> float:
        """The sum below the line."""
        return float(self.bottom @ self.count)

    @property
    def value(self) -> float:
        """The ratio; NaN where nothing stands below the line."""
        return float(self.top @ self.count) / self.below if self.below else float("nan")

    def resampled(self, random: np.random.Generator, resamples: int) -> Floats:
        """The ratio of so many resamples; NaN where one has nothing below the line."""
        if not self.total:
            return np.full(resamples, np.nan)
        drawn = random.multinomial(self.total, self.count / self.total, size=resamples)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((drawn @ self.top) / (drawn @ self.bottom), float)


def difference(
    before: Ratio,
    after: Ratio,
    *,
    level: float = LEVEL,
    resamples: int = RESAMPLES,
    seed: int = 2026,
) -> tuple[float, float]:
    """The percentile interval of ``after - before``, two independent samples of units.

    Source: B. Efron and R. J. Tibshirani, "An Introduction to the Bootstrap", Chapman & Hall 1993,
    chapters 8 and 13.

    Args:
        before: units of the first period.
        after: units of the second.
        level: of the interval.
        resamples: of each period.
        seed: the same seed gives the same interval.

    Returns:
        Its ends; NaN where a resample is no number, as there are too few units to say.
    """
    random = np.random.default_rng(seed)
    changes = after.resampled(random, resamples) - before.resampled(random, resamples)
    if not np.isfinite(changes).all():
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.quantile(changes, [tail, 1 - tail])
    return float(low), float(high)
