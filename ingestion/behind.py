"""Generations that could not follow a write: they are building again, and nothing waits for them.

A generation is behind when its embedder failed, or when the engine lost it. Documents that change
meanwhile lose their places in it, so that nothing outdated stands there; the next build puts in
what is missing. Until then it can be neither promoted nor asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import update

from ingestion.active import kept_generations
from ingestion.lock import exclusive
from ingestion.models import GenerationRow, GenerationState
from ingestion.register import forget_content

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext


def fall_behind(context: IngestContext, generations: Collection[str]) -> None:
    """Note that generations miss something from now on. Must only run under the writer lock."""
    if generations:
        with context.database.unguarded(
            "generations belong to no tenant", writable=True
        ) as session:
            _building_again(session, context, generations)


def found_again(context: IngestContext, generations: Collection[str]) -> None:
    """Begin anew those that the engine no longer holds. Must only run under the writer lock."""
    if not generations:
        return
    lost = sorted(set(generations) - set(context.host.generations()))
    if lost:
        with context.database.unguarded("an index was lost", writable=True) as session:
            _building_again(session, context, lost)
            for ident in lost:
                forget_content(session, ident)


def begin_lost_again(context: IngestContext) -> list[str]:
    """Note which generations beside the active one the engine does not hold. Returns their ids.

    For after a restore: a backup holds no index, so what was ready beside the active generation is
    in the catalogue alone. Said at once, or it would look ready until the next write.
    """
    with exclusive(context.lock_path):
        beside = [
            row.id
            for row in kept_generations(context.database)
            if row.state != GenerationState.ACTIVE
        ]
        lost = sorted(set(beside) - set(context.host.generations()))
        found_again(context, lost)
    return lost


def _building_again(session: Session, context: IngestContext, generations: Collection[str]) -> None:
    session.execute(
        update(GenerationRow)
        .where(GenerationRow.id.in_(sorted(generations)))
        .where(GenerationRow.state != GenerationState.ACTIVE.value)
        .values(
            state=GenerationState.BUILDING.value,
            changed_at=context.clock(),
            canary_permille=0,
            gate=None,
        )
        .execution_options(synchronize_session=False)
    )
