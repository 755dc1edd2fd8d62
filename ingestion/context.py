"""What every ingestion step needs, in one frozen bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.chunking import Chunker

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime
    from pathlib import Path

    from acl.orm import Database
    from ingestion.embedding.port import Embedder
    from ingestion.index.port import IndexHost, VectorIndex
    from ingestion.parsing.registry import ParseLimits


@dataclass(frozen=True, slots=True)
class IngestContext:
    """The catalogue, the index, the embedder and the clock of one installation.

    Attributes:
        database: the catalogue.
        secret: keys ids and digests.
        host: the engine, which holds one index per generation.
        embedder: makes the vectors; its fingerprint must be the active generation's.
        lock_path: the file whose lock makes a writer the only one.
        clock: aware UTC.
        limits: what a single document may cost.
    """

    database: Database
    secret: bytes
    host: IndexHost
    embedder: Embedder
    lock_path: Path
    clock: Callable[[], datetime]
    limits: ParseLimits
    parse_seconds: float = 60.0
    parse_workers: int = 2

    def chunker(self) -> Chunker:
        """The chunker whose sizes fit the embedder."""
        return Chunker(self.embedder.count_tokens)

    def index(self, generation: str) -> VectorIndex:
        """The index of one generation, created when absent."""
        return self.host.open(generation, dimensions=self.embedder.dimensions)
