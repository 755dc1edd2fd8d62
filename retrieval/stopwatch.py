"""How long each stage of an operation takes: one lap after another, told to metrics and traces."""

from __future__ import annotations

import time

from retrieval import observed


class Stopwatch:
    """Milliseconds by stage.

    Args:
        operation: of :data:`retrieval.metrics.families.OPERATIONS`.
    """

    def __init__(self, operation: str) -> None:
        self.stages: dict[str, float] = {}
        self._operation = operation
        self._started = self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Book the time since the last lap under ``stage``."""
        now = time.perf_counter()
        observed.stage(self._operation, stage, seconds=now - self._last)
        elapsed = round((now - self._last) * 1000, 3)
        self.stages[stage] = self.stages.get(stage, 0.0) + elapsed
        self._last = now

    def total(self) -> float:
        """Milliseconds since the start."""
        return round((time.perf_counter() - self._started) * 1000, 3)
