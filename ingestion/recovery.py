"""Recovery: what a writer that died left in flight is undone or finished.

Must only run under the writer lock; then everything in flight belongs to a dead predecessor.
``pending`` chunks were never acknowledged nor served: they are undone. ``deleting`` chunks are no
longer served: their removal is finished. Both are idempotent, so dying here is harmless too.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import delete, select, text

from acl.orm import batches
from ingestion.models import ChunkRow, ChunkState

if TYPE_CHECKING:
    from ingestion.context import IngestContext


def recover(context: IngestContext) -> int:
    """Remove every chunk in flight from the index, then from the catalogue. Returns how many."""
    with context.database.unguarded("recovery covers every tenant") as session:
        rows = session.execute(
            select(ChunkRow.tenant, ChunkRow.generation, ChunkRow.id).where(
                ChunkRow.state != text("'live'")  # literal, so that the partial index applies
            )
        ).all()
    in_flight: dict[tuple[str, str], list[str]] = defaultdict(list)
    for tenant, generation, ident in rows:
        in_flight[tenant, generation].append(ident)
    held = set(context.host.generations()) if in_flight else set()
    for (tenant, generation), ids in in_flight.items():
        # Not through one that the engine has lost: removing would make an empty one in its place.
        if generation in held:
            context.index(generation).delete(ids)
        _forget(context, tenant, generation, ids)
    return len(rows)


def remove(context: IngestContext, tenant: str, generation: str, ids: list[str]) -> None:
    """Delete chunks that are not live: from the index first, so that no point is left behind."""
    if not ids:
        return
    context.index(generation).delete(ids)
    _forget(context, tenant, generation, ids)


def _forget(context: IngestContext, tenant: str, generation: str, ids: list[str]) -> None:
    with context.database.write(tenant) as session:
        for some in batches(ids):
            session.execute(
                delete(ChunkRow).where(
                    ChunkRow.tenant == tenant,
                    ChunkRow.generation == generation,
                    ChunkRow.id.in_(some),
                    ChunkRow.state != ChunkState.LIVE.value,
                )
            )
