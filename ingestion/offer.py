"""Offering chunks to one generation: written down as pending, then put into its index.

Nothing offered can be served: that takes places, which a mark gives.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import insert

from ingestion.index.facets import ordered
from ingestion.models import ChunkRow, ChunkState
from ingestion.rows import chunk_values, chunks_among, places_of, point_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from ingestion.context import IngestContext
    from ingestion.index.facets import Facets
    from ingestion.rows import Cut
    from ingestion.targets import Target


def offer(
    context: IngestContext, tenant: str, target: Target, places: Mapping[str, AbstractSet[Facets]]
) -> int:
    """Write new chunks down as pending and index them; widen the places of those already there.

    Must only run under the writer lock.

    Args:
        context: the installation.
        tenant: whose chunks.
        target: the generation, and the chunks.
        places: by chunk id, where it is about to stand.

    Returns:
        How many chunks are new to the generation.
    """
    known = _known(context, tenant, target.generation, list(target.cuts))
    new = [cut for ident, cut in target.cuts.items() if ident not in known]
    _intend(context, tenant, target, new)
    index = context.index(target.generation)
    index.upsert(
        [
            point_of(
                tenant,
                cut,
                places=ordered(places[cut.id]),
                vector=target.vectors[cut.chunk.embedded_sha],
            )
            for cut in new
        ]
    )
    # A chunk that is already there may be new to a place. Widening the payload first can only
    # cost a candidate that the catalogue then refuses; narrowing waits for the mark.
    widened = {
        ident: ordered(held | places[ident])
        for ident, held in known.items()
        if not places[ident] <= held
    }
    if widened:
        index.set_places(widened)
    return len(new)


def _known(
    context: IngestContext, tenant: str, generation: str, ids: Sequence[str]
) -> Mapping[str, frozenset[Facets]]:
    """Chunks already live, with the places they stand in."""
    with context.database.read(tenant) as session:
        known = chunks_among(session, tenant, generation, ids, states=[ChunkState.LIVE])
        places = places_of(session, tenant, generation, sorted(known))
    return {ident: frozenset(places.get(ident, ())) for ident in known}


def _intend(context: IngestContext, tenant: str, target: Target, new: Sequence[Cut]) -> None:
    """Write new chunks down as pending."""
    if not new:
        return
    rows = [
        chunk_values(
            tenant,
            target.generation,
            cut,
            state=ChunkState.PENDING,
            tokens=target.embedder.count_tokens(cut.chunk.text),
        )
        for cut in new
    ]
    with context.database.write(tenant) as session:
        session.execute(insert(ChunkRow), rows)
