"""The generation being served, the others beside it, and what must hold before one is used.

Light on purpose: every command asks for it, and few need what builds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from ingestion.errors import EmbeddingError, IndexLostError
from ingestion.models import GenerationRow, GenerationState

if TYPE_CHECKING:
    from acl.orm import Database
    from ingestion.embedding.port import Embedder
    from ingestion.index.port import IndexHost

KEPT: Final = (GenerationState.BUILDING, GenerationState.READY, GenerationState.ACTIVE)
"""States in which a generation receives every write."""


def current_generation(database: Database) -> GenerationRow | None:
    """The active generation, or None while nothing was ever ingested."""
    with database.unguarded("generations belong to no tenant") as session:
        row = session.scalar(
            select(GenerationRow).where(GenerationRow.state == GenerationState.ACTIVE.value)
        )
        if row is not None:
            session.expunge(row)
        return row


def generation_row(database: Database, ident: str) -> GenerationRow | None:
    """One generation by its id, whatever its state."""
    with database.unguarded("generations belong to no tenant") as session:
        row = session.get(GenerationRow, ident)
        if row is not None:
            session.expunge(row)
        return row


def all_generations(database: Database) -> list[GenerationRow]:
    """Every generation there ever was, oldest first."""
    with database.unguarded("generations belong to no tenant") as session:
        rows = list(session.scalars(select(GenerationRow)))
        session.expunge_all()
    return sorted(rows, key=lambda row: number_of(row.id))


def kept_generations(database: Database) -> list[GenerationRow]:
    """The generations that receive every write, oldest first."""
    return [row for row in all_generations(database) if row.state in KEPT]


def number_of(ident: str) -> int:
    """Which generation it is: 3 for ``g3``; 0 for a name that is no generation's."""
    number = ident.removeprefix("g")
    return int(number) if number.isdecimal() else 0


def require_generation(host: IndexHost, generation: str) -> None:
    """Make sure that the engine still holds a generation that the catalogue says is there.

    Raises:
        IndexLostError: it does not. Writing into a new, empty one would hide all that was
            there before.
    """
    if generation not in host.generations():
        raise IndexLostError(
            "the index is missing from the data directory: run 'clearance reindex --full' to "
            "build it again from the catalogue"
        )


def require_embedder(embedder: Embedder, generation: GenerationRow) -> None:
    """Make sure that an embedder is the one whose vectors a generation holds.

    Raises:
        EmbeddingError: it is not. Its vectors would be compared with those of another model, and
            the answers would be wrong without a word.
    """
    if generation.fingerprint != embedder.fingerprint:
        raise EmbeddingError(
            f"the index was built with {generation.embedder}, but the embedder at hand is "
            f"{embedder.name}, or has other weights: put the former back, or run 'clearance "
            "reindex --full' to rebuild the index with the configured one",
            code="embedder_mismatch",
        )
