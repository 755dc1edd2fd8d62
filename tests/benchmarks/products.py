"""How long the matrix products of an embedding would take, did the processor do nothing else.

What no runtime can go below in single precision, measured in the same run and at the model's own
shapes. What never lives here: the model.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

_LAYERS: Final = 6
_WIDTH: Final = 384
_INNER: Final = 1_536
"""Of all-MiniLM-L6-v2."""

_ROWS: Final = 4_096
_SECONDS: Final = 1.0


def operations(tokens: int) -> int:
    """Multiplications and additions for a text of so many tokens."""
    each = 4 * _WIDTH**2 + 2 * _WIDTH * _INNER + 2 * tokens * _WIDTH
    return 2 * _LAYERS * tokens * each


def rate() -> float:
    """Operations a second of a product of single-precision matrices, at its best."""
    chance = np.random.default_rng(7)
    left = chance.random((_ROWS, _WIDTH), np.float32)
    right = chance.random((_WIDTH, _INNER), np.float32)
    out = np.empty((_ROWS, _INNER), np.float32)
    best = 0.0
    until = time.perf_counter() + _SECONDS
    while time.perf_counter() < until:
        started = time.perf_counter()
        np.matmul(left, right, out=out)
        best = max(best, 2 * _ROWS * _WIDTH * _INNER / (time.perf_counter() - started))
    return best


def seconds(tokens: Iterable[int]) -> float:
    """Seconds for texts of so many tokens each."""
    return sum(map(operations, tokens)) / rate()
