"""What a worker does: the stages of a run as plain functions over what can be pickled."""

from __future__ import annotations

import os
from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Self

from ingestion.chunking import Chunker
from ingestion.errors import EmbeddingError, IngestionError
from ingestion.prepare import PREPARED_BY
from ingestion.run.reading import Reader

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ingestion.documents import RawDocument
    from ingestion.embedding.port import Embedder, Matrix
    from ingestion.parsing.limits import ParseLimits
    from ingestion.prepare import Prepared


@dataclass(frozen=True, slots=True)
class Plan:
    """What a worker must know before its first batch.

    Attributes:
        spec: names the embedder whose tokens chunks are measured in.
        fingerprint: what that embedder's must be.
        create: makes the embedder that a line of configuration names; loads weights on its machine.
        limits: what a single document may cost.
        parse_seconds: how long one file may take before its parser is killed.
        prepared_by: what makes chunks; a worker with other code is refused.
    """

    spec: str
    fingerprint: str
    create: Callable[[str], Embedder]
    limits: ParseLimits
    parse_seconds: float
    prepared_by: str = PREPARED_BY


class Stages:
    """The stages, in one process. Errors of documents and models are results, not exceptions.

    Nothing is loaded before it is needed: a worker that is started anew knows its plan alone.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._embedders: dict[str, Embedder] = {}

    def check(self) -> EmbeddingError | None:
        """Load the embedder; why this machine would not make what the driver's would, if so."""
        plan = self._plan
        if plan.prepared_by != PREPARED_BY:
            return EmbeddingError(
                f"a worker has other code: chunks of {PREPARED_BY}, not of {plan.prepared_by}; "
                "install the same version everywhere",
                code="embedder_mismatch",
            )
        try:
            self._embedder(plan.spec, plan.fingerprint)
        except EmbeddingError as error:
            return error
        return None

    def read(self, raw: RawDocument) -> Prepared | IngestionError:
        """Parse, sanitise, chunk and screen one document; why not, if it yields no text."""
        try:
            return self._reader.read(raw).result()
        except IngestionError as error:
            return error

    def embed(self, spec: str, fingerprint: str, texts: Sequence[str]) -> Matrix | EmbeddingError:
        """Vectors of texts, in their order; why not, if there are none."""
        try:
            return self._embedder(spec, fingerprint).embed_documents(texts)
        except EmbeddingError as error:
            return error

    def pid(self) -> int:
        """The process."""
        return os.getpid()

    def close(self) -> None:
        """Let go of parsers and models; a process that ends need not."""
        if "_reader" in self.__dict__:
            self._reader.close()
        for embedder in self._embedders.values():
            embedder.close()

    @cached_property
    def _reader(self) -> Reader:
        plan = self._plan
        return Reader(_Measures.of(plan, self._embedder(plan.spec, plan.fingerprint)))

    def _embedder(self, spec: str, fingerprint: str) -> Embedder:
        if spec not in self._embedders:
            made = self._plan.create(spec)
            if made.fingerprint != fingerprint:
                with closing(made):
                    raise EmbeddingError(
                        f"{spec}: a worker has other weights or another runtime; export the model "
                        "anew there",
                        code="embedder_mismatch",
                    )
            self._embedders[spec] = made
        return self._embedders[spec]


@dataclass(frozen=True, slots=True)
class _Measures:
    """What a reader asks of a context: see :class:`ingestion.run.reading.Measures`."""

    embedder: Embedder
    limits: ParseLimits
    parse_seconds: float
    parse_workers: int

    @classmethod
    def of(cls, plan: Plan, embedder: Embedder) -> Self:
        # One: the worker is one of several as it is.
        return cls(embedder, plan.limits, plan.parse_seconds, 1)

    def chunker(self) -> Chunker:
        """The chunker whose sizes fit the embedder."""
        return Chunker(self.embedder.count_tokens)
