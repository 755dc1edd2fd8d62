"""What each ACL guards in the generations that are not active, and the swap with the one that is.

For the active generation that is :mod:`acl.content`. Both are kept in the transaction that changes
the content, so that a promotion moves rows and counts no hash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from acl import digest
from acl.content import Delta, Guarded, change_content, replace_content
from acl.models import AclContentRow, AclRow
from ingestion.models import ChunkRow, ChunkState, GenerationContentRow

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session


def book(
    session: Session,
    tenant: str,
    generation: str,
    *,
    active: bool,
    deltas: Mapping[Guarded, Delta],
    chunks: Mapping[str, int],
) -> None:
    """Apply what a write changed under each ACL to the books of one generation.

    Args:
        session: the transaction that changes the content.
        tenant: whose.
        generation: which.
        active: whether it is the one being served.
        deltas: places, by ACL and source.
        chunks: live chunks more or fewer, by ACL id; kept for the active generation alone.
    """
    if not active:
        _change_beside(session, tenant, generation, deltas)
        return
    for acl_id, change in sorted(chunks.items()):
        session.get_one(AclRow, (tenant, acl_id)).live_chunks += change
    change_content(session, tenant, deltas)


def _change_beside(
    session: Session, tenant: str, generation: str, deltas: Mapping[Guarded, Delta]
) -> None:
    for (acl_id, source), delta in sorted(deltas.items()):
        row = session.get(GenerationContentRow, (tenant, generation, acl_id, source))
        total = delta.occurrences + (0 if row is None else row.occurrences)
        held = digest.EMPTY if row is None else row.content_hash
        value = digest.add(held, (delta.hashes % digest.MODULUS).to_bytes(32, "big"))
        if row is not None and total:
            row.occurrences, row.content_hash = total, value
        elif row is not None:
            session.delete(row)
        elif total:
            session.add(
                GenerationContentRow(
                    tenant=tenant,
                    generation=generation,
                    acl_id=acl_id,
                    source=source,
                    occurrences=total,
                    content_hash=value,
                )
            )
    session.flush()


def content_of(
    session: Session, tenant: str, generation: str, *, active: bool
) -> dict[Guarded, Delta]:
    """What the books of a generation say that each ACL guards, source by source."""
    model = AclContentRow if active else GenerationContentRow
    where = [model.tenant == tenant]
    if not active:
        where.append(GenerationContentRow.generation == generation)
    rows = session.execute(
        select(model.acl_id, model.source, model.occurrences, model.content_hash).where(*where)
    )
    return {
        Guarded(acl_id, source): Delta(occurrences, int.from_bytes(value, "big"))
        for acl_id, source, occurrences, value in rows
    }


def swap(session: Session, tenant: str, *, old: str | None, new: str) -> None:
    """Make the books of ``new`` those that are served, and keep those of ``old`` beside."""
    if old is not None:
        _keep_beside(session, tenant, old)
    replace_content(session, tenant, content_of(session, tenant, new, active=False))
    session.execute(
        delete(GenerationContentRow).where(
            GenerationContentRow.tenant == tenant, GenerationContentRow.generation == new
        )
    )
    counts = live_chunks(session, tenant, new)
    held = session.execute(
        select(AclRow.id, AclRow.live_chunks).where(AclRow.tenant == tenant)
    ).all()
    for acl_id, count in held:
        if count != counts.get(acl_id, 0):
            session.execute(
                update(AclRow)
                .where(AclRow.tenant == tenant, AclRow.id == acl_id)
                .values(live_chunks=counts.get(acl_id, 0))
                .execution_options(synchronize_session=False)
            )


def live_chunks(session: Session, tenant: str, generation: str) -> dict[str, int]:
    """How many live chunks of a generation stand under each ACL."""
    rows = session.execute(
        select(ChunkRow.acl_id, func.count())
        .where(
            ChunkRow.tenant == tenant,
            ChunkRow.generation == generation,
            ChunkRow.state == ChunkState.LIVE.value,
        )
        .group_by(ChunkRow.acl_id)
    )
    return {acl_id: count for acl_id, count in rows}  # noqa: C416 - rows are no pairs


def _keep_beside(session: Session, tenant: str, generation: str) -> None:
    rows: list[dict[str, object]] = [
        {
            "tenant": tenant,
            "generation": generation,
            "acl_id": row.acl_id,
            "source": row.source,
            "occurrences": row.occurrences,
            "content_hash": row.content_hash,
        }
        for row in session.scalars(select(AclContentRow).where(AclContentRow.tenant == tenant))
    ]
    if rows:
        session.execute(insert(GenerationContentRow), rows)
