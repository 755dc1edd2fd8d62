"""Settling: signatures and pairs brought in line with the texts that are live now.

Idempotent, and resumable after a death at any moment. What is slow (hashing, comparing) happens
outside the writer lock; each write is one short transaction that leaves pairs complete among the
texts settled so far. One process settles a tenant at a time, since two would each miss the pairs
between their texts.
"""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from acl.digest import keyed_id
from ingestion.active import current_generation
from ingestion.errors import BusyError
from ingestion.lock import exclusive
from ingestion.near.batch import Batch
from ingestion.near.companion import Companion
from ingestion.near.corpus import Corpus
from ingestion.near.search import Search
from ingestion.near.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from acl.orm import Database
    from ingestion.lock import Lock
    from ingestion.near.batch import Marks, Places
    from ingestion.near.confirm import NearPair

BATCH: Final = 1 << 17
"""Texts compared with all others in one pass; decides how much memory a settling takes."""

PAGE: Final = 4_096
"""Texts read at once."""

MANY: Final = 4 * PAGE
"""Texts from which a second process takes part: to start one takes as long as signing so many."""

PAIRS: Final = 1 << 15
"""Candidates confirmed before what was found is written."""

WRITE: Final = 2_000
"""Texts written in one transaction."""

MOST: Final = 16
"""With how many texts of one crowd a text is compared."""

_WAITING: Final = 2  # pages: one beside, one here
_REMOVE: Final = 2_000
_WAIT_SECONDS: Final = 5.0


class SettleContext(Protocol):
    """What settling needs of an installation: neither index nor embedder."""

    @property
    def database(self) -> Database:
        """The catalogue."""

    @property
    def secret(self) -> bytes:
        """Keys names of locks."""

    @property
    def lock_path(self) -> Lock:
        """The lock that makes a writer the only one."""


@dataclass(frozen=True, slots=True)
class CatalogueOnly:
    """A context for those who have no index at hand."""

    database: Database
    secret: bytes
    lock_path: Lock


@dataclass(slots=True)
class NearReport:
    """What one settling did.

    Attributes:
        compared: texts that were new and are settled now.
        pairs: near pairs found.
        conflicts: those of them that contradict one another.
        crowded: new texts that look like so many others that some of their pairs may be missing.
        texts_removed: texts live no more whose signatures were removed.
        pairs_removed: pairs that went with them.
        pending: live texts left unsettled, because another process is at it.
    """

    compared: int = 0
    pairs: int = 0
    conflicts: int = 0
    crowded: int = 0
    texts_removed: int = 0
    pairs_removed: int = 0
    pending: int = 0

    def to_dict(self) -> dict[str, int]:
        """JSON-ready."""
        return asdict(self)


def settle(context: SettleContext, tenant: str) -> NearReport:
    """Compare what is new in a tenant with everything, and forget what is gone.

    Never call it under the writer lock, which it takes itself for each write.

    Args:
        context: the installation.
        tenant: whose texts.

    Raises:
        BusyError: the writer lock was held by another process for too long; settle again.
    """
    report = NearReport()
    row = current_generation(context.database)
    generation = "" if row is None else row.id  # of which nothing is live
    corpus = Corpus(context.database, context.lock_path, tenant, generation)
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(settling_lock(context, tenant), timeout=_WAIT_SECONDS))
        except BusyError:
            # Whoever holds it takes new texts along, unless it has just looked for the last time.
            report.pending = corpus.count_unsettled()
            return report
        while shas := corpus.gone(limit=_REMOVE):
            report.pairs_removed += corpus.forget(shas)
            report.texts_removed += len(shas)
        companion = held.enter_context(Companion())
        for batch in _unsettled(corpus, companion):
            _settle(corpus, companion, batch, report)
    return report


def settling_lock(context: SettleContext, tenant: str) -> Lock:
    """The lock that makes a settling the only one of its tenant."""
    name = keyed_id(context.secret, "settling", tenant)
    return context.lock_path.with_name(f"near-{name}.lock")


def _unsettled(corpus: Corpus, companion: Companion) -> Iterator[Batch]:
    """Texts to settle, until a whole pass finds none: more may come in meanwhile."""
    after = ""
    while True:
        batch = _batch(corpus, companion, after)
        if len(batch):
            yield batch
            (after,) = batch.shas(np.array([len(batch) - 1]))
        elif after:
            after = ""
        else:
            return


def _batch(corpus: Corpus, companion: Companion, after: str) -> Batch:
    """The next texts to settle: while a page is signed beside, others are read and signed here."""
    batch = Batch(Shelf(corpus.lock_path.parent))
    waiting: deque[tuple[list[str], Future[Marks]]] = deque()
    count = 0
    while count < BATCH:
        limit = min(PAGE, BATCH - count)
        page = corpus.unsettled(after=after, limit=limit)
        waiting.append(([sha for sha, _ in page], companion.mark([text for _, text in page])))
        count += len(page)
        if len(page) < limit:
            break
        after = page[-1][0]
        if count >= MANY:
            companion.start()
        while waiting[0][1].done() or len(waiting) > _WAITING:
            shas, made = waiting.popleft()
            batch.add(shas, made.result())
            if not waiting:
                break
    for shas, made in waiting:
        batch.add(shas, made.result())
    return batch


def _settle(corpus: Corpus, companion: Companion, batch: Batch, report: NearReport) -> None:
    """Compare a batch with every settled text and within itself, and write it down on the way."""
    search = Search(corpus, batch, most=MOST)
    for portion in search.portions(PAIRS):
        coming = companion.confirm(portion.candidates, corpus.texts)
        # A text without a candidate waits for nothing.
        alone, paired = portion.alone, portion.paired
        most = search.dense and len(alone) > len(paired)
        report.crowded += _write(corpus, search, alone, [], dense=most)
        found = coming.result()
        most = search.dense and len(paired) > len(alone)
        report.crowded += _write(corpus, search, paired, found, dense=most)
        report.compared += len(alone) + len(paired)
        report.pairs += len(found)
        report.conflicts += sum(bool(pair.differences) for pair in found)


def _write(
    corpus: Corpus, search: Search, places: Places, pairs: Sequence[NearPair], *, dense: bool
) -> int:
    """In slices: a pair is written with the later of its new texts, when the earlier is settled.

    Returns:
        How many of the texts are crowded.
    """
    slice_of: dict[str, int] = {}
    if pairs:
        told = {sha for pair in pairs for sha in (pair.first, pair.second)}
        for number, first in enumerate(range(0, len(places), WRITE)):
            shas = search.shas(places[first : first + WRITE])
            slice_of.update(dict.fromkeys(told.intersection(shas), number))
    due: dict[int, list[NearPair]] = {}
    for pair in pairs:
        last = max(slice_of.get(pair.first, 0), slice_of.get(pair.second, 0))
        due.setdefault(last, []).append(pair)
    crowded = 0
    for number, first in enumerate(range(0, len(places), WRITE)):
        # Made here, so that only those of one transaction are held with their signatures.
        signed = search.signed(places[first : first + WRITE])
        corpus.store(signed, due.get(number, []), dense=dense)
        crowded += sum(text.crowded for text in signed)
    return crowded
