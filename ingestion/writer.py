"""Writing one batch: catalogue (intent), index, catalogue (mark), index clean-up.

1. Vectors that are missing are made, outside every lock.
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

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import insert

from ingestion.generations import active_generation
from ingestion.lock import exclusive
from ingestion.mark import mark
from ingestion.models import ChunkRow, ChunkState
from ingestion.recovery import recover, remove
from ingestion.rows import Cut, chunk_values, chunks_among, point_of, sources_of
from ingestion.vectors import vectors_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.context import IngestContext
    from ingestion.plan import Upsert


@dataclass(frozen=True, slots=True)
class BatchResult:
    """How many chunks a batch added, removed, and found already there."""

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
    wanted = {
        ident: Cut(ident, up.acl_id, up.prepared.parsed.media_type, chunk)
        for up in batch.upserts
        for ident, chunk in up.chunks()
    }
    vectors = vectors_for(context, batch.tenant, [cut.chunk for cut in wanted.values()])
    with exclusive(context.lock_path):
        # Only under the lock is it sure which generation is served: a rebuild may have switched.
        generation = active_generation(context)
        recover(context)
        known = _known(context, batch.tenant, generation, list(wanted))
        new = [cut for ident, cut in wanted.items() if ident not in known]
        _intend(context, batch.tenant, generation, new)
        index = context.index(generation)
        index.upsert(
            [
                point_of(
                    batch.tenant,
                    cut,
                    sources=(batch.source,),
                    vector=vectors[cut.chunk.embedded_sha],
                )
                for cut in new
            ]
        )
        # A chunk that is already there may be new to this source. Widening the payload first can
        # only cost a candidate that the catalogue then refuses; narrowing waits for the mark.
        widened = {
            ident: tuple(sorted({*sources, batch.source}))
            for ident, sources in known.items()
            if batch.source not in sources
        }
        if widened:
            index.set_sources(widened)
        with context.database.write(batch.tenant) as session:
            outcome = mark(
                session, batch, generation=generation, secret=context.secret, now=context.clock()
            )
        remove(context, batch.tenant, generation, sorted(outcome.orphans))
        with context.database.read(batch.tenant) as session:
            narrowed = sources_of(session, batch.tenant, generation, sorted(outcome.released))
        if narrowed:
            index.set_sources(narrowed)
    occurrences = sum(len(up.chunk_ids) for up in batch.upserts)
    return BatchResult(len(new), len(outcome.orphans), occurrences - len(new))


def _known(
    context: IngestContext, tenant: str, generation: str, ids: Sequence[str]
) -> dict[str, frozenset[str]]:
    """Chunks already live, with the sources they occur in."""
    with context.database.read(tenant) as session:
        known = chunks_among(session, tenant, generation, ids, states=[ChunkState.LIVE])
        sources = sources_of(session, tenant, generation, sorted(known))
    return {ident: frozenset(sources.get(ident, ())) for ident in known}


def _intend(context: IngestContext, tenant: str, generation: str, new: list[Cut]) -> None:
    """Write new chunks down as pending."""
    if not new:
        return
    rows = [
        chunk_values(
            tenant,
            generation,
            cut,
            state=ChunkState.PENDING,
            tokens=context.embedder.count_tokens(cut.chunk.text),
        )
        for cut in new
    ]
    with context.database.write(tenant) as session:
        session.execute(insert(ChunkRow), rows)
