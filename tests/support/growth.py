"""How work grows with its input: the processor's time, so that a busy machine does not matter."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_NOISE = 0.003
"""Seconds that the clock of a process may be off by."""


def growth(work: Callable[[int], object], small: int, large: int) -> float:
    """How many times as long ``work(large)`` takes as ``work(small)``, each at its best."""
    _seconds(work, small)  # what is made once is not counted
    first = min(_seconds(work, small) for _ in range(3))
    return min(_seconds(work, large) for _ in range(2)) / max(first, _NOISE)


def _seconds(work: Callable[[int], object], size: int) -> float:
    started = time.process_time()
    work(size)
    return time.process_time() - started
