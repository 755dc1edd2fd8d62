"""Building a generation beside the one being served, from the catalogue alone.

The writer lock is held for one small batch at a time, so ingestion goes on meanwhile; what it
writes goes into the new generation too. Whatever stands there already is passed over, so a build
that died is resumed by building again, and a document that changes while it is being cut is left
to the write that changed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.models import Tenant
from ingestion.active import all_generations
from ingestion.behind import found_again
from ingestion.generations.fill import fill
from ingestion.generations.missing import count_documents, missing_documents
from ingestion.generations.switch import clear_away
from ingestion.lock import exclusive
from ingestion.models import GenerationState
from ingestion.prepare import PREPARED_BY
from ingestion.recovery import recover
from ingestion.register import create, next_id, stored, sweep

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.chunking import Chunker
    from ingestion.context import IngestContext
    from ingestion.lock import Lock
    from ingestion.models import GenerationRow

BATCH_DOCUMENTS = 32


def build(
    context: IngestContext,
    *,
    chunker: Chunker | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> str:
    """Build a generation with the context's embedder, or go on with one that was left unfinished.

    Args:
        context: the installation; its embedder makes the vectors.
        chunker: where to cut; None for the context's own.
        on_progress: told how many documents are done, and of how many.

    Returns:
        The id of the generation, which is ready: complete, and kept so by every write.

    Raises:
        BusyError: another build is under way.
        EmbeddingError, IndexUnavailableError: what was built so far stays, to be gone on with.
        GenerationError: the generation was retired meanwhile.
    """
    with exclusive(lock_of(context), timeout=0):
        row = _begin(context, chunker or context.chunker())
        done, total = _count(context, row.id)
        blank: set[str] = set()
        while True:
            for tenant in _tenants(context):
                after = ""
                while ids := _page(context, tenant, row.id, after):
                    after = ids[-1]
                    blank |= fill(context, row, tenant, ids)
                    done = min(done + len(ids), total)
                    if on_progress is not None:
                        on_progress(done, total)
            context.index(row.id).optimise()
            context.index(row.id).flush()
            if _complete(context, row.id, blank):
                return row.id


def _begin(context: IngestContext, chunker: Chunker) -> GenerationRow:
    """Find the build to go on with, or begin one; what cannot be gone on with is cleared away."""
    with exclusive(context.lock_path):
        recover(context)
        resumed = None
        for row in all_generations(context.database):
            if row.state != GenerationState.BUILDING:
                continue
            if _made_as(row, context, chunker):
                resumed = row
            elif row.served_until is None:
                # A candidate of another making, and nobody builds it: we hold the lock of builds.
                # A predecessor that fell behind is kept, for it may be wanted back.
                clear_away(context, row.id)
        sweep(context)
        if resumed is None:
            return create(context, next_id(context), GenerationState.BUILDING, chunker)
        found_again(context, [resumed.id])
        return resumed


def _made_as(row: GenerationRow, context: IngestContext, chunker: Chunker) -> bool:
    made = (context.embedder.fingerprint, chunker.version, PREPARED_BY)
    return (row.fingerprint, row.chunker, row.sanitiser) == made


def _complete(context: IngestContext, ident: str, blank: set[str]) -> bool:
    """Make the generation ready if it lacks nothing but documents without text."""
    with exclusive(context.lock_path):
        for tenant in _tenants(context):
            with context.database.read(tenant) as session:
                if not blank.issuperset(missing_documents(session, tenant, ident)):
                    return False
        with context.database.unguarded("a generation is complete", writable=True) as session:
            row = stored(session, ident, GenerationState.BUILDING)
            row.state = GenerationState.READY.value
            row.changed_at = context.clock()
    return True


def _page(context: IngestContext, tenant: str, generation: str, after: str) -> list[str]:
    with context.database.read(tenant) as session:
        return missing_documents(session, tenant, generation, after=after, limit=BATCH_DOCUMENTS)


def _count(context: IngestContext, generation: str) -> tuple[int, int]:
    """How many documents stand in a generation, and how many are to."""
    done = total = 0
    for tenant in _tenants(context):
        with context.database.read(tenant) as session:
            live, there = count_documents(session, tenant, generation)
        done, total = done + there, total + live
    return done, total


def _tenants(context: IngestContext) -> list[str]:
    with context.database.unguarded("a generation covers every tenant") as session:
        return list(session.scalars(select(Tenant.name).order_by(Tenant.name)))


def lock_of(context: IngestContext) -> Lock:
    """The lock that keeps builds and gates apart."""
    return context.lock_path.with_name("build.lock")
