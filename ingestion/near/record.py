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
from ingestion.near.candidates import Candidates
from ingestion.near.confirm import NearPair, Text, confirm
from ingestion.near.signature import bands, signatures
from ingestion.near.stored import Signed
from ingestion.near.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from acl.orm import Database
    from ingestion.near.words import Words

BATCH: Final = 16_384
"""Texts compared with all others in one pass; decides how much memory a settling takes."""

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


def _unsettled(
    context: SettleContext, tenant: str, generation: str
) -> Iterator[list[tuple[str, str]]]:
    """Texts to settle, until a whole pass finds none: more may come in meanwhile."""
    after = ""
    while True:
        with context.database.read(tenant) as session:
            batch = stored.unsettled(session, tenant, generation, after=after, limit=BATCH)
        if batch:
            yield batch
            after = batch[-1][0]
        elif after:
            after = ""
        else:
            return


def _settle(
    context: SettleContext,
    tenant: str,
    generation: str,
    batch: Sequence[tuple[str, str]],
    report: NearReport,
) -> None:
    """Compare a batch with every settled text and within itself, then write it down."""
    found = words([text for _, text in batch])
    signed = signatures(found)
    new = [
        Text(sha, text, found.of(place)) for place, (sha, text) in enumerate(batch) if signed[place]
    ]
    candidates = Candidates(bands([one for one in signed if one]), most=MOST)
    pairs: list[NearPair] = []
    with context.database.read(tenant) as session:
        for block in stored.signatures(session, tenant):
            rows = candidates.against(bands([signature for _, signature in block]))
            if not len(rows):
                continue
            shas = [sha for sha, _ in block]
            wanted = [shas[row] for row in np.unique(rows[:, 1]).tolist()]
            others = _texts(stored.texts(session, tenant, generation, wanted))
            pairs += confirm(
                [
                    (new[row], others[shas[other]])
                    for row, other in rows.tolist()
                    if shas[other] in others
                ]
            )
    pairs += confirm([(new[row], new[other]) for row, other in candidates.among().tolist()])
    crowded = {text.sha for text, many in zip(new, candidates.crowded, strict=True) if many}
    report.crowded += len(crowded)
    rows_ = [
        Signed(sha, signature, sha in crowded)
        for (sha, _), signature in zip(batch, signed, strict=True)
    ]
    _write(context, tenant, generation, rows_, pairs)
    report.compared += len(batch)
    report.pairs += len(pairs)
    report.conflicts += sum(bool(pair.differences) for pair in pairs)


def _texts(found: dict[str, str]) -> dict[str, Text]:
    read: Words = words(list(found.values()))
    return {sha: Text(sha, text, read.of(place)) for place, (sha, text) in enumerate(found.items())}


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
