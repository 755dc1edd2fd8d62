"""What was worked out a moment ago, kept in the memory of one process and never beyond it.

Two things are kept: the embedding of a question, and the ids that the index found for it. Both are
looked up under who asked: with one store for all, how long an answer takes would tell whether
somebody else had asked the same. Ids are kept under the digest of the view besides, which commits
to all that the caller can see, so another view never finds them, and neither does the same view
after anything in it has changed.

Kept are vectors, ids and scores under digests of what was asked; never questions, texts or rights.
Whatever is found here goes the way of what the index finds: through the catalogue under the scope
of now, the recheck, and the last look.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, TypeAlias

from cachetools import LRUCache, TTLCache

from retrieval import metrics

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    from acl.caller import Caller
    from ingestion.index.port import SearchResult

EMBEDDINGS: Final = 4_096
"""Kept at most: 6 MB of 384 dimensions."""

FINDINGS: Final = 512
"""Kept at most: some 20 kB each."""

FRESH_SECONDS: Final = 60.0
"""For so long what was found is as good as what would be found: long enough for the next page and
for asking again, too short for anybody to plan with."""


Key: TypeAlias = "tuple[Caller, bytes]"


def key_of(caller: Caller, *asked: str) -> Key:
    """What stands for something that a caller asked: unequal for unequal callers or questions.

    The whole caller is in it, with what the token takes away: not even agents of one user share.
    """
    state = blake2b(digest_size=16)
    for part in asked:
        written = part.encode("utf-8", "surrogatepass")
        state.update(f"{len(written)}:".encode() + written)
    return caller, state.digest()


class Embeddings:
    """Embeddings of questions, by caller, question and what embeds it. Thread-safe."""

    def __init__(self, most: int = EMBEDDINGS) -> None:
        self._kept: LRUCache[Key, NDArray[np.float32]] = LRUCache(most)
        self._lock = threading.Lock()

    def get(self, key: Key, embed: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """The vector kept under ``key``; else what ``embed`` makes, kept from now on."""
        with self._lock:
            kept = self._kept.get(key)
        metrics.current().cache(name="embedding", hit=kept is not None)
        if kept is None:
            kept = embed()
            kept.flags.writeable = False  # many requests share it
            with self._lock:
                self._kept[key] = kept
        return kept


@dataclass(frozen=True, slots=True)
class Found:
    """What the index found, and how long ago, in seconds."""

    result: SearchResult
    age: float


class Findings:
    """What the index found, by caller, view and question. Thread-safe.

    Args:
        keep_seconds: how long it may be served while the index is away; 0 keeps it no longer than
            it is fresh.
        clock: monotonic, in seconds.
    """

    def __init__(self, keep_seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._away_for = keep_seconds
        self._kept: TTLCache[Key, tuple[SearchResult, float]] = TTLCache(
            FINDINGS, max(keep_seconds, FRESH_SECONDS), timer=clock
        )
        self._lock = threading.Lock()

    def fresh(self, key: Key) -> SearchResult | None:
        """What was found so lately that the index need not be asked."""
        found = self._look(key)
        fresh = found if found is not None and found.age <= FRESH_SECONDS else None
        metrics.current().cache(name="findings", hit=fresh is not None)
        return None if fresh is None else fresh.result

    def earlier(self, key: Key) -> Found | None:
        """What may be served while the index is away."""
        found = self._look(key)
        return found if found is not None and found.age <= self._away_for else None

    def keep(self, key: Key, result: SearchResult) -> None:
        """Remember what the index found just now."""
        with self._lock:
            self._kept[key] = result, self._clock()

    def _look(self, key: Key) -> Found | None:
        with self._lock:
            kept = self._kept.get(key)
        return None if kept is None else Found(kept[0], self._clock() - kept[1])
