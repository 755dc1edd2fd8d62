"""Two conditions that are counted, not asked: everything is there, and under its own ACL."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from acl.content import Delta, Guarded
from acl.digest import MODULUS
from acl.orm import batches
from ingestion.books import content_of
from ingestion.generations.missing import missing_documents
from ingestion.generations.report import Check, Condition
from ingestion.models import ChunkRow, ChunkState, DocumentRow, GenerationRow, OccurrenceRow
from ingestion.rows import row_hash

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext


def check_coverage(
    context: IngestContext, row: GenerationRow, active: GenerationRow | None, tenants: Sequence[str]
) -> Check:
    """Every document that stands in the active generation stands in this one, and is indexed.

    Where both were cut alike, also with the very same places: their books must be equal, and those
    sum a hash over every place.
    """
    missing = extra = unindexed = differing = 0
    index, live = context.index(row.id), 0
    for tenant in tenants:
        with context.database.read(tenant) as session:
            lacking = set(missing_documents(session, tenant, row.id))
            if active is not None:
                lacked = set(missing_documents(session, tenant, active.id))
                missing, extra = missing + len(lacking - lacked), extra + len(lacked - lacking)
                if (row.chunker, row.sanitiser) == (active.chunker, active.sanitiser):
                    ours = content_of(session, tenant, row.id, active=False)
                    theirs = content_of(session, tenant, active.id, active=True)
                    differing += sum(
                        ours.get(key) != theirs.get(key) for key in ours.keys() | theirs.keys()
                    )
            ids = _live_chunks(session, tenant, row.id)
        live += len(ids)
        for some in batches(ids):
            unindexed += len(some) - len(index.has(some))
    surplus = index.count() - live
    figures = {
        "documents_missing": missing,
        "documents_extra": extra,
        "acls_that_differ": differing,
        "chunks_unindexed": unindexed,
        "points_surplus": surplus,
    }
    return _check(Condition.COVERAGE, figures, "every document stands in it as it should")


def check_acl_parity(context: IngestContext, row: GenerationRow, tenants: Sequence[str]) -> Check:
    """Each chunk stands under the ACL of each of its documents, and the books say what is there."""
    strays = wrong_books = 0
    for tenant in tenants:
        with context.database.read(tenant) as session:
            strays += _strays(session, tenant, row.id)
            told = content_of(session, tenant, row.id, active=False)
            counted = recount(session, tenant, row.id, secret=context.secret)
            wrong_books += sum(
                told.get(key) != counted.get(key) for key in told.keys() | counted.keys()
            )
    figures = {"places_under_another_acl": strays, "books_that_are_wrong": wrong_books}
    return _check(Condition.ACL_PARITY, figures, "each chunk is under the ACL of its documents")


def recount(
    session: Session, tenant: str, generation: str, *, secret: bytes
) -> dict[Guarded, Delta]:
    """What a generation's books should say, from its places themselves."""
    occurrences: dict[Guarded, int] = defaultdict(int)
    hashes: dict[Guarded, int] = defaultdict(int)
    pairs = session.execute(
        select(OccurrenceRow, DocumentRow)
        .join(
            DocumentRow,
            (DocumentRow.tenant == OccurrenceRow.tenant)
            & (DocumentRow.id == OccurrenceRow.document_id),
        )
        .where(OccurrenceRow.tenant == tenant, OccurrenceRow.generation == generation)
        .execution_options(yield_per=1_000)
    )
    for place, document in pairs:
        where = Guarded(document.acl_id, document.source)
        occurrences[where] += 1
        hashes[where] += row_hash(secret, place, document)
    return {where: Delta(occurrences[where], hashes[where] % MODULUS) for where in occurrences}


def _strays(session: Session, tenant: str, generation: str) -> int:
    """Places whose chunk is absent, not live, or under another ACL than the document."""
    all_places = select(func.count()).where(
        OccurrenceRow.tenant == tenant, OccurrenceRow.generation == generation
    )
    right = (
        select(func.count())
        .select_from(OccurrenceRow)
        .join(
            DocumentRow,
            (DocumentRow.tenant == OccurrenceRow.tenant)
            & (DocumentRow.id == OccurrenceRow.document_id)
            & (DocumentRow.version == OccurrenceRow.version)
            & DocumentRow.deleted_at.is_(None),
        )
        .join(
            ChunkRow,
            (ChunkRow.tenant == OccurrenceRow.tenant)
            & (ChunkRow.generation == OccurrenceRow.generation)
            & (ChunkRow.id == OccurrenceRow.chunk_id)
            & (ChunkRow.acl_id == DocumentRow.acl_id)
            & (ChunkRow.state == ChunkState.LIVE.value),
        )
        .where(OccurrenceRow.tenant == tenant, OccurrenceRow.generation == generation)
    )
    return (session.scalar(all_places) or 0) - (session.scalar(right) or 0)


def _live_chunks(session: Session, tenant: str, generation: str) -> list[str]:
    return list(
        session.scalars(
            select(ChunkRow.id).where(
                ChunkRow.tenant == tenant,
                ChunkRow.generation == generation,
                ChunkRow.state == ChunkState.LIVE.value,
            )
        )
    )


def _check(condition: Condition, figures: dict[str, int], well: str) -> Check:
    wrong = {name: count for name, count in figures.items() if count}
    detail = ", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in wrong.items())
    return Check(condition, passed=not wrong, detail=detail or well, figures=dict(figures))
