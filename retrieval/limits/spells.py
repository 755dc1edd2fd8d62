"""Spells of refusals: the first of each is put on record, the others are counted.

That somebody has been given all the evidence their budget grants is worth knowing: it is what the
budget is there for, against a stolen credential. But a row for each refusal would let whoever is
refused grow the tenant's audit at will. So the audit has one row for each account and window, and
refusals for any other budget are counted alone.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from retrieval.limits.budgets import KINDS, Budget, Unit

if TYPE_CHECKING:
    from ingestion.errors import QuotaExceededError

REMEMBERED: Final = 4_096
"""Spells that go on; beyond that the oldest is forgotten, and may be put on record once more."""

RECORDED: Final = frozenset(
    budget for budget in Budget if KINDS[budget].unit is Unit.EVIDENCE_TOKENS
)


class Spells:
    """Which spells of refusals go on. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._until: OrderedDict[tuple[str, ...], float] = OrderedDict()

    def begins(self, error: QuotaExceededError, *who: str) -> bool:
        """Whether a refusal is the first of its spell, and of a kind that is put on record.

        Args:
            error: the refusal.
            who: the tenant and the subject that were refused.
        """
        if error.budget not in RECORDED:
            return False
        now, key = time.monotonic(), (error.budget, error.holder, *who)
        with self._lock:
            if now < self._until.get(key, 0.0):
                return False
            self._until[key] = now + error.retry_after
            self._until.move_to_end(key)
            if len(self._until) > REMEMBERED:
                self._until.popitem(last=False)
            return True
