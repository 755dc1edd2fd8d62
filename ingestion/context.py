"""What every ingestion step needs, in one frozen bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.active import generation_row, require_embedder
from ingestion.chunking import Chunker
from ingestion.errors import EmbeddingError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from acl.orm import Database
    from ingestion.embedding.port import Embedder
    from ingestion.index.port import IndexHost, VectorIndex
    from ingestion.lock import Lock
    from ingestion.models import GenerationRow
    from ingestion.parsing.registry import ParseLimits
    from ingestion.run.reading import DocumentReader


def no_other(spec: str) -> Embedder:
    """For :attr:`IngestContext.load`: there is no embedder but the one at hand.

    Raises:
        EmbeddingError: always.
    """
    raise EmbeddingError(
        f"a generation needs the embedder {spec}, which cannot be loaded here",
        code="embedder_mismatch",
    )


@dataclass(frozen=True, slots=True)
class IngestContext:
    """The catalogue, the index, the embedder and the clock of one installation.

    Attributes:
        database: the catalogue.
        secret: keys ids and digests.
        host: the engine, which holds one index per generation.
        embedder: makes the vectors of a generation that is built now; an existing generation has
            its own, see :meth:`embedder_of`.
        lock_path: the lock that makes a writer the only one.
        clock: aware UTC.
        limits: what a single document may cost.
        spec: the line of configuration that ``embedder`` is made from; empty if it has none.
        parse_seconds: how long a worker process may take over one file before it is killed.
        parse_workers: how many files may be parsed at once in processes of their own.
        load: makes the embedder that a line of configuration names; may keep it for the next time.
        reader: opens what parses the documents of a run; None for this machine's own.
    """

    database: Database
    secret: bytes
    host: IndexHost
    embedder: Embedder
    lock_path: Lock
    clock: Callable[[], datetime]
    limits: ParseLimits
    spec: str = ""
    load: Callable[[str], Embedder] = no_other
    parse_seconds: float = 60.0
    parse_workers: int = 2
    reader: Callable[[IngestContext], DocumentReader] | None = None

    def chunker(self) -> Chunker:
        """The chunker whose sizes fit the embedder."""
        return Chunker(self.embedder.count_tokens)

    def index(self, generation: str) -> VectorIndex:
        """The index of one generation, created when absent.

        Raises:
            LockLostError: the lock that its writer held is no longer held.
        """
        self.database.require_locks()
        row = generation_row(self.database, generation)
        dimensions = self.embedder.dimensions if row is None else row.dimensions
        return self.host.open(generation, dimensions=dimensions)

    def embedder_of(self, row: GenerationRow) -> Embedder:
        """The embedder whose vectors a generation holds.

        Raises:
            EmbeddingError: it cannot be loaded, or its weights are no longer those.
        """
        if row.fingerprint == self.embedder.fingerprint:
            return self.embedder
        other = self.load(row.spec) if row.spec else self.embedder
        require_embedder(other, row)
        return other

    def chunker_of(self, row: GenerationRow) -> Chunker:
        """A chunker that cuts as a generation was cut, for its embedder.

        Raises:
            EmbeddingError: as :meth:`embedder_of`.
        """
        return Chunker.like(row.chunker, self.embedder_of(row).count_tokens)
