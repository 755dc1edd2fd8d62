"""Writing one batch: catalogue (intent), index, catalogue (mark), index clean-up.

Into every generation that is building, ready or active: the steps are taken in each, and share the
one mark.

1. The batch is cut and embedded for each generation, outside every lock.
2. Under the writer lock, whatever a dead predecessor left in flight is recovered.
3. *Intent*: new chunks are written down as ``pending``. They cannot be served.
4. *Index*: their points are upserted, durably.
5. *Mark*: one transaction makes versions, occurrences, ACLs, chunk states and ACL content hashes
   agree. It is the only moment at which anything changes for a reader, so a document that moves to
   another ACL is never visible under both, nor under neither.
6. *Clean-up*: chunks without an occurrence, now ``deleting``, leave the index, then the catalogue.

Dying between any two steps leaves either a batch that never happened or one that did, and in both
cases ids in flight that the next writer removes.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.active import kept_generations
from ingestion.behind import fall_behind, found_again
from ingestion.errors import EmbeddingError
from ingestion.lock import exclusive
from ingestion.mark import Part, mark
from ingestion.models import GenerationState
from ingestion.offer import offer
from ingestion.recovery import recover, remove
from ingestion.register import active_generation
from ingestion.rows import facets, places_of
from ingestion.targets import Target, aim

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from ingestion.context import IngestContext
    from ingestion.index.facets import Facets
    from ingestion.models import GenerationRow
    from ingestion.places import Settled
    from ingestion.plan import Upsert


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How many chunks a batch added, removed, and found already there, as the active one counts."""

    chunks_added: int = 0
    chunks_removed: int = 0
    chunks_deduplicated: int = 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes of one source: documents to upsert, and ids of documents to delete."""

    tenant: str
    source: str
    upserts: tuple[Upsert, ...] = ()
    deletions: tuple[str, ...] = field(default=())


def write(context: IngestContext, batch: Batch) -> BatchResult:
    """Apply a batch. When this returns, it is durable and every next query sees it.

    Raises:
        EmbeddingError, IndexUnavailableError: as :func:`active_generation`; nothing was written.
    """
    active_generation(context)  # made or refused before anything is embedded
    targets: dict[str, Target] = {}
    behind: set[str] = set()
    while True:
        for row in kept_generations(context.database):
            if row.id not in targets and row.id not in behind:
                _aim(context, batch, row, targets, behind)
        with exclusive(context.lock_path):
            # Only under the lock is it sure which generations there are, and which is served: a
            # build may have begun meanwhile, or a promotion come between.
            active = active_generation(context)
            kept = {row.id for row in kept_generations(context.database)}
            if kept <= targets.keys() | behind and active in targets:
                return _write(
                    context,
                    batch,
                    [targets[name] for name in sorted(kept & targets.keys())],
                    active=active,
                    behind=kept & behind,
                )
            behind.discard(active)


def _aim(
    context: IngestContext,
    batch: Batch,
    row: GenerationRow,
    targets: dict[str, Target],
    behind: set[str],
) -> None:
    """Work out what the batch means to a generation; one that cannot follow is left behind.

    Only for the active one is that a failure of the batch: ingestion waits for no other.
    """
    try:
        targets[row.id] = aim(context, batch.tenant, row, batch.upserts)
    except EmbeddingError:
        if row.state == GenerationState.ACTIVE:
            raise
        behind.add(row.id)


def _write(
    context: IngestContext,
    batch: Batch,
    targets: Sequence[Target],
    *,
    active: str,
    behind: Collection[str],
) -> BatchResult:
    """Steps 2 to 6, under the lock."""
    recover(context)
    fall_behind(context, behind)
    found_again(context, {*behind, *(one.generation for one in targets)} - {active})
    new = {
        target.generation: offer(context, batch.tenant, target, _places(batch, target))
        for target in targets
    }
    parts = [
        Part(target.generation, target.generation == active, target.chunks) for target in targets
    ]
    parts += [Part(name, active=False, chunks={}) for name in sorted(behind)]
    with context.database.write(batch.tenant) as session:
        outcomes = mark(session, batch, parts, secret=context.secret, now=context.clock())
    for generation, outcome in outcomes.items():
        _clean_up(context, batch.tenant, generation, outcome)
    occurrences = sum(
        len(chunks)
        for target in targets
        if target.generation == active
        for chunks in target.chunks.values()
    )
    added = new[active]
    return BatchResult(added, len(outcomes[active].orphans), occurrences - added)


def _places(batch: Batch, target: Target) -> dict[str, set[Facets]]:
    """Where each chunk of the batch is about to stand."""
    places: dict[str, set[Facets]] = defaultdict(set)
    for up in batch.upserts:
        media_type, modified_at = up.prepared.parsed.media_type, up.item.modified_at
        here = facets(
            batch.source,
            up.document_id,
            media_type,
            modified_at,
            tags=up.tags,
            language=up.language,
        )
        for ident, _ in target.chunks[up.document_id]:
            places[ident].add(here)
    return places


def _clean_up(context: IngestContext, tenant: str, generation: str, outcome: Settled) -> None:
    """Step 6 for one generation."""
    remove(context, tenant, generation, sorted(outcome.orphans))
    if not outcome.released:
        return
    with context.database.read(tenant) as session:
        narrowed = places_of(session, tenant, generation, sorted(outcome.released))
    if narrowed:
        context.index(generation).set_places(narrowed)
