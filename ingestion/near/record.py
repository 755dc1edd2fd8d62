"""Settling: signatures and pairs brought in line with the texts that are live now.

Idempotent, and resumable after a death at any moment. What is slow (hashing, comparing) happens
outside the writer lock; each write is one short transaction that leaves pairs complete among the
texts settled so far. One process settles a tenant at a time, since two would each miss the pairs
between their texts.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from acl.digest import keyed_id
from ingestion.active import current_generation
from ingestion.errors import BusyError
from ingestion.lock import exclusive
from ingestion.near import stored
from ingestion.near.batch import Batch
from ingestion.near.candidates import Candidates
from ingestion.near.confirm import confirm, neighbours_first, sift
from ingestion.near.signature import bands
from ingestion.near.stored import Signed
from ingestion.near.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from acl.orm import Database
    from ingestion.near.candidates import Rows
    from ingestion.near.confirm import NearPair

BATCH: Final = 1 << 17
"""Texts compared with all others in one pass; decides how much memory a settling takes."""

PAGE: Final = 4_096
"""Texts read at once."""

PAIRS: Final = 1 << 15
"""Candidates confirmed before what was found is written."""

WRITE: Final = 2_000
"""Texts written in one transaction."""

MOST: Final = 16
"""With how many texts of one crowd a text is compared."""

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
    def lock_path(self) -> Path:
        """The file whose lock makes a writer the only one."""


@dataclass(frozen=True, slots=True)
class CatalogueOnly:
    """A context for those who have no index at hand."""

    database: Database
    secret: bytes
    lock_path: Path


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
    with ExitStack() as held:
        try:
            held.enter_context(exclusive(settling_lock(context, tenant), timeout=_WAIT_SECONDS))
        except BusyError:
            # Whoever holds it takes new texts along, unless it has just looked for the last time.
            with context.database.read(tenant) as session:
                report.pending = stored.count_unsettled(session, tenant, generation)
            return report
        _forget_gone(context, tenant, generation, report)
        for batch in _unsettled(context, tenant, generation):
            _settle(context, tenant, generation, batch, report)
    return report


def settling_lock(context: SettleContext, tenant: str) -> Path:
    """The file whose lock makes a settling the only one of its tenant."""
    name = keyed_id(context.secret, "settling", tenant)
    return context.lock_path.with_name(f"near-{name}.lock")


def _forget_gone(context: SettleContext, tenant: str, generation: str, report: NearReport) -> None:
    while True:
        with context.database.read(tenant) as session:
            shas = stored.gone(session, tenant, generation, limit=_REMOVE)
        if not shas:
            return
        with exclusive(context.lock_path), context.database.write(tenant) as session:
            report.pairs_removed += stored.forget(session, tenant, shas)
        report.texts_removed += len(shas)


def _unsettled(context: SettleContext, tenant: str, generation: str) -> Iterator[Batch]:
    """Texts to settle, until a whole pass finds none: more may come in meanwhile."""
    after = ""
    while True:
        batch = Batch()
        while len(batch) < BATCH:
            limit = min(PAGE, BATCH - len(batch))
            with context.database.read(tenant) as session:
                page = stored.unsettled(session, tenant, generation, after=after, limit=limit)
            batch.add(page)
            if len(page) < limit:
                break
            after = page[-1][0]
        if len(batch):
            yield batch
            after = batch.shas[-1]
        elif after:
            after = ""
        else:
            return


def _settle(
    context: SettleContext, tenant: str, generation: str, batch: Batch, report: NearReport
) -> None:
    """Compare a batch with every settled text and within itself, and write it down on the way."""

    def texts(shas: Sequence[str]) -> dict[str, str]:
        with context.database.read(tenant) as session:
            return stored.texts(session, tenant, generation, shas)

    worded = batch.worded()
    search = Candidates(batch.bands(), most=MOST)
    shas, older = _older(context, tenant, generation, batch, search)
    done = 0
    for last, pairs in _portions(batch, worded, search, older):
        ordered = neighbours_first(pairs).tolist()
        found = confirm([(shas[one], shas[other]) for one, other in ordered], texts)
        crowded = set(worded[search.crowded].tolist())
        signed = [
            Signed(batch.shas[place], batch.signatures[place], place in crowded)
            for place in range(done, last)
        ]
        _write(context, tenant, generation, signed, found)
        report.compared += len(signed)
        report.crowded += sum(text.crowded for text in signed)
        report.pairs += len(found)
        report.conflicts += sum(bool(pair.differences) for pair in found)
        done = last


def _older(
    context: SettleContext, tenant: str, generation: str, batch: Batch, search: Candidates
) -> tuple[list[str], Rows]:
    """Candidates among the texts settled before.

    Returns:
        The hashes of the batch and behind them those of other texts, and pairs of places there: one
        of the batch and one of another text, in order.
    """
    worded = batch.worded()
    shas = batch.shas.copy()
    found = [np.empty((0, 2), dtype=np.int64)]
    with context.database.read(tenant) as session:
        for block in stored.signatures(session, tenant):
            rows = search.against(bands([signature for _, signature in block]))
            if not len(rows):
                continue
            met = np.unique(rows[:, 1])
            texts = stored.texts(
                session, tenant, generation, [block[row][0] for row in met.tolist()]
            )
            letters = dict(zip(texts, words(list(texts.values())).letters(), strict=True))
            # A text that is live no more has no letters, and agrees with nothing.
            pairs = np.column_stack([worded[rows[:, 0]], rows[:, 1]])
            kept = pairs[
                sift(
                    [batch.letters[place] for place in pairs[:, 0].tolist()],
                    [letters.get(block[row][0], b"") for row in pairs[:, 1].tolist()],
                )
            ]
            met, place = np.unique(kept[:, 1], return_inverse=True)
            found.append(np.column_stack([kept[:, 0], place + len(shas)]))
            shas += [block[row][0] for row in met.tolist()]
    pairs = np.concatenate(found)
    return shas, pairs[np.argsort(pairs[:, 0], kind="stable")]


def _portions(
    batch: Batch, worded: NDArray[np.int64], search: Candidates, older: Rows
) -> Iterator[tuple[int, Rows]]:
    """A batch in portions of so many candidates that what they become fits into memory.

    Yields:
        Up to which place a portion goes, and the candidates of its texts with earlier ones, of this
        batch or settled before.
    """
    waiting: list[Rows] = []
    begin = 0
    for end, rows in search.among():
        last = int(worded[end]) if end < len(worded) else len(batch)
        pairs = worded[rows]
        one, other = ([batch.letters[place] for place in side.tolist()] for side in pairs.T)
        first, beyond = np.searchsorted(older[:, 0], (begin, last))
        waiting += [pairs[sift(one, other)], older[first:beyond]]
        begin = last
        if last == len(batch) or sum(map(len, waiting)) >= PAIRS:
            yield last, np.concatenate(waiting)
            waiting = []


def _write(
    context: SettleContext,
    tenant: str,
    generation: str,
    signed: list[Signed],
    pairs: list[NearPair],
) -> None:
    """In slices: a pair is written with the later of its new texts, when the earlier is settled.

    Under the writer lock it is asked once more which texts are live: what was deleted, or erased,
    since it was read must leave no trace.
    """
    place = {text.sha: number // WRITE for number, text in enumerate(signed)}
    slices: dict[int, list[NearPair]] = {}
    for pair in pairs:
        last = max(place.get(pair.first, 0), place.get(pair.second, 0))
        slices.setdefault(last, []).append(pair)
    for number, first in enumerate(range(0, len(signed), WRITE)):
        some, theirs = signed[first : first + WRITE], slices.get(number, [])
        shas = [text.sha for text in some]
        others = {sha for pair in theirs for sha in (pair.first, pair.second)}.difference(shas)
        with exclusive(context.lock_path), context.database.write(tenant) as session:
            live = stored.live(session, tenant, generation, shas, sorted(others))
            stored.store(
                session,
                tenant,
                [text for text in some if text.sha in live],
                [pair for pair in theirs if {pair.first, pair.second} <= live],
            )
