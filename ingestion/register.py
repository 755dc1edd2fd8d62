"""The register of generations: making one, finding the active one, clearing away dead ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from acl.models import AclRow
from ingestion.active import (
    KEPT,
    all_generations,
    current_generation,
    number_of,
    require_generation,
)
from ingestion.errors import GenerationError
from ingestion.index.facets import LAYOUT
from ingestion.lock import exclusive
from ingestion.models import (
    ChunkRow,
    GenerationContentRow,
    GenerationRow,
    GenerationState,
    OccurrenceRow,
)
from ingestion.prepare import PREPARED_BY

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from acl.orm import Database
    from ingestion.chunking import Chunker
    from ingestion.context import IngestContext


def active_generation(context: IngestContext) -> str:
    """The id of the active generation, made now if there is none.

    Raises:
        EmbeddingError: its embedder cannot be had.
        IndexUnavailableError: the index was lost while the catalogue holds chunks.
    """
    row = current_generation(context.database)
    if row is None:
        with exclusive(context.lock_path):
            row = current_generation(context.database) or create(
                context, next_id(context), GenerationState.ACTIVE, context.chunker()
            )
    context.embedder_of(row)
    if _live_chunks(context.database):
        require_generation(context.host, row.id)
    return row.id


def _live_chunks(database: Database) -> bool:
    with database.unguarded("a generation covers every tenant") as session:
        return session.scalar(select(AclRow.id).where(AclRow.live_chunks > 0).limit(1)) is not None


def create(
    context: IngestContext, ident: str, state: GenerationState, chunker: Chunker
) -> GenerationRow:
    """Make a generation, in the engine first: one that is in the catalogue can be written to."""
    context.host.open(ident, dimensions=context.embedder.dimensions)
    now = context.clock()
    row = GenerationRow(
        id=ident,
        state=state.value,
        embedder=context.embedder.name,
        fingerprint=context.embedder.fingerprint,
        dimensions=context.embedder.dimensions,
        chunker=chunker.version,
        sanitiser=PREPARED_BY,
        created_at=now,
        changed_at=now,
        canary_permille=0,
        spec=context.spec or None,
        layout=LAYOUT,
    )
    with context.database.unguarded("generations belong to no tenant", writable=True) as session:
        session.add(row)
        session.flush()
        session.expunge(row)
    return row


def next_id(context: IngestContext) -> str:
    """An id that no generation ever had, so that nobody's handle on an old one fits a new one."""
    known = [*(row.id for row in all_generations(context.database)), *context.host.generations()]
    return f"g{max((number_of(ident) for ident in known), default=0) + 1}"


def sweep(context: IngestContext) -> None:
    """Drop what the engine still holds of generations that are retired, or were never finished.

    Must only run under the writer lock.
    """
    kept = {row.id for row in all_generations(context.database) if row.state in KEPT}
    for ident in context.host.generations():
        if ident not in kept:
            context.host.drop(ident)


def forget_content(session: Session, generation: str) -> None:
    """Remove every chunk and place of a generation from the catalogue, in a session of all."""
    for model in (OccurrenceRow, ChunkRow, GenerationContentRow):
        session.execute(delete(model).where(model.generation == generation))


def stored(session: Session, ident: str, *states: GenerationState) -> GenerationRow:
    """A generation that is in one of ``states``, or in any if none is given.

    Raises:
        GenerationError: there is no such generation, or it is in another state.
    """
    row = session.get(GenerationRow, ident)
    if row is None:
        raise GenerationError(
            f"there is no generation {ident!r}: list them with 'clearance generations list'",
            code="generation_unknown",
        )
    if states and row.state not in states:
        wanted = " or ".join(states)
        raise GenerationError(f"generation {ident} is {row.state}, and would have to be {wanted}")
    return row
