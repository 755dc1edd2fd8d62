"""The generation being served, and the two things that must hold before it is used.

Light on purpose: every command asks for it, and few need what builds one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from ingestion.errors import EmbeddingError, IndexUnavailableError
from ingestion.models import GenerationRow, GenerationState

if TYPE_CHECKING:
    from acl.orm import Database
    from ingestion.embedding.port import Embedder
    from ingestion.index.port import IndexHost


def current_generation(database: Database) -> GenerationRow | None:
    """The active generation, or None while nothing was ever ingested."""
    with database.unguarded("generations belong to no tenant") as session:
        row = session.scalar(
            select(GenerationRow).where(GenerationRow.state == GenerationState.ACTIVE.value)
        )
        if row is not None:
            session.expunge(row)
        return row


def require_generation(host: IndexHost, generation: str) -> None:
    """Make sure that the engine still holds a generation that the catalogue says is there.

    Raises:
        IndexUnavailableError: it does not. Writing into a new, empty one would hide all that was
            there before.
    """
    if generation not in host.generations():
        raise IndexUnavailableError(
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
            f"the index was built with {generation.embedder}, but the configured embedder is "
            f"{embedder.name}: set CLEARANCE_EMBEDDER back, or run 'clearance reindex --full' to "
            "rebuild the index with the new one",
            code="embedder_mismatch",
        )
