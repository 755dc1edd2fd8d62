"""An embedder that keeps count of what it was asked for, and may refuse."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.embedding.hashing import HashEmbedder
from tests.support.installation import DIMENSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingestion.embedding.port import Matrix, TextProgress


def willing(texts: Sequence[str]) -> None:
    """For :attr:`CountingEmbedder.on_embed`: do nothing."""
    del texts


class CountingEmbedder(HashEmbedder):
    """The hash embedder, watched.

    Attributes:
        embedded: every document text that was ever embedded, in order.
        on_embed: called with the texts before they are embedded; it may raise.
    """

    def __init__(self, dimensions: int = DIMENSIONS) -> None:
        super().__init__(dimensions)
        self.embedded: list[str] = []
        self.on_embed: Callable[[Sequence[str]], None] = willing

    def embed_documents(
        self, texts: Sequence[str], *, progress: TextProgress | None = None
    ) -> Matrix:
        """Count, then embed."""
        self.on_embed(texts)
        self.embedded.extend(texts)
        return super().embed_documents(texts, progress=progress)
