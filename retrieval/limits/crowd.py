"""How many requests of each user and tenant are in this process, waiting or worked on.

Counted here and nowhere else: it is this process's threads and memory that are to be shared.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.limits.counters import Account


class Crowd:
    """Who is here. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._here: Counter[str] = Counter()

    def enter(self, accounts: Sequence[Account]) -> Account | None:
        """Count a request in under each account; if one is at its limit, that one, and no count."""
        with self._lock:
            crowded = self._crowded(accounts)
            if crowded is None:
                self._here.update(account.key for account in accounts)
            return crowded

    def leave(self, accounts: Sequence[Account]) -> None:
        """Count a request out that was counted in."""
        with self._lock:
            for account in accounts:
                self._here[account.key] -= 1
                if self._here[account.key] <= 0:
                    del self._here[account.key]

    def crowded(self, accounts: Sequence[Account]) -> Account | None:
        """The account that would turn a request away now, if one would."""
        with self._lock:
            return self._crowded(accounts)

    def _crowded(self, accounts: Sequence[Account]) -> Account | None:
        full = (one for one in accounts if self._here[one.key] >= one.limit.amount)
        return next(full, None)
