"""Confidence intervals of rates."""

from __future__ import annotations

import math

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution


def wilson(hits: float, total: float, *, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a rate.

    It keeps its promise for small totals and for rates near 0 and 1, where the textbook interval
    does not. Source: E. B. Wilson, "Probable inference, the law of succession, and statistical
    inference", JASA 22 (1927); recommended by Brown, Cai and DasGupta, "Interval estimation for a
    binomial proportion", Statistical Science 16 (2001).

    Args:
        hits: how many did, between 0 and ``total``.
        total: of how many.
        z: quantile of the normal distribution; 95 % by default.

    Returns:
        Lower and upper end, within 0 to 1; both NaN where ``total`` is 0 or not a number.
    """
    if not total > 0:
        return math.nan, math.nan
    rate = hits / total
    scale = 1 + z * z / total
    centre = (rate + z * z / (2 * total)) / scale
    half = z / scale * math.sqrt(rate * (1 - rate) / total + z * z / (4 * total * total))
    # The ends are exact at 0 and 1; rounding must not put the rate outside its own interval.
    low = 0.0 if hits == 0 else max(0.0, centre - half)
    high = 1.0 if hits == total else min(1.0, centre + half)
    return low, high
