"""The stages of a run put where Ray's workers are, each behind the port it has anyway."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from ingestion.spread.pool import Pool
from ingestion.spread.stages import Plan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future

    from ingestion.context import IngestContext
    from ingestion.documents import RawDocument
    from ingestion.embedding.port import Embedder, Matrix, TextProgress, Vector
    from ingestion.prepare import Prepared

PART: Final = 32
"""Texts embedded by one worker at a time. The vector of a text does not depend on its company."""


@contextmanager
def on_ray(
    context: IngestContext, create: Callable[[str], Embedder], *, workers: int
) -> Iterator[IngestContext]:
    """The same installation, its documents read and embedded by workers.

    Args:
        context: the installation; its own embedder counts tokens, and names what workers load.
        create: makes an embedder from its line of configuration, wherever a worker is. Pickled.
        workers: how many, each with a processor of its own.

    Raises:
        WorkersLostError: they cannot be started.
        EmbeddingError: they would make other chunks or vectors than this process.
    """
    plan = Plan(
        context.spec,
        context.embedder.fingerprint,
        create,
        context.limits,
        context.parse_seconds,
    )
    with Pool.start(plan, workers=workers) as pool:
        yield spread(context, pool)


def spread(context: IngestContext, pool: Pool) -> IngestContext:
    """The same installation over workers that are there."""
    return replace(
        context,
        embedder=SpreadEmbedder(context.embedder, context.spec, pool),
        load=lambda spec: SpreadEmbedder(context.load(spec), spec, pool),
        reader=lambda _: SpreadReader(pool),
    )


@dataclass(frozen=True, slots=True)
class SpreadReader:
    """Reads documents as :class:`ingestion.run.reading.Reader` does, elsewhere."""

    pool: Pool

    def read(self, raw: RawDocument) -> Future[Prepared]:
        """Prepare a document; fails in its result."""
        return self.pool.read(raw)

    def close(self) -> None:
        """The pool goes on; what was asked for and not waited for is forgotten."""


@dataclass(frozen=True, slots=True)
class SpreadEmbedder:
    """An embedder whose documents are embedded elsewhere, and whose questions are not."""

    local: Embedder
    spec: str
    pool: Pool

    @property
    def fingerprint(self) -> str:
        """Of the local one; workers with another are refused."""
        return self.local.fingerprint

    @property
    def name(self) -> str:
        """Of the local one."""
        return self.local.name

    @property
    def dimensions(self) -> int:
        """Of the local one."""
        return self.local.dimensions

    @property
    def max_tokens(self) -> int:
        """Of the local one."""
        return self.local.max_tokens

    def embed_documents(
        self, texts: Sequence[str], *, progress: TextProgress | None = None
    ) -> Matrix:
        """Embed texts in parts, all workers at once; in the order given.

        Raises:
            EmbeddingError: a runtime failed, or a worker has other weights.
            WorkersLostError: workers died again and again.
        """
        parts = [texts[first : first + PART] for first in range(0, len(texts), PART)]
        asked = [self.pool.embed(self.spec, self.fingerprint, part) for part in parts]
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        done = 0
        for answer in asked:
            made = answer.result()
            vectors[done : done + len(made)] = made
            done += len(made)
            if progress is not None:
                progress(done)
        return vectors

    def embed_query(self, text: str) -> Vector:
        """Embed one text here."""
        return self.local.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """Count here."""
        return self.local.count_tokens(text)

    def close(self) -> None:
        """Nothing of its own is open."""
