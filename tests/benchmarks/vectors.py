"""Vectors for a large world without embedding all of it, which would take an hour.

A few thousand texts are embedded by the real model; every other text gets the vector of one of
those from its own area, turned away from it by seeded noise (cosine to it about 0.86, as between
two sections about one thing). Searching costs the same whatever the vectors mean; questions are
embedded for real. What never lives here: anything a service would use.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Final

import numpy as np

from tests.benchmarks.texts import AREAS, Prose

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.embedding.port import Embedder, Matrix, TextProgress, Vector
    from tests.benchmarks.world import Scale

_NOISE: Final = 0.6


class DerivedEmbedder:
    """Implements :class:`ingestion.embedding.port.Embedder`: derived documents, real questions.

    It passes for the model it stands in for (name and fingerprint are that one's), so that the
    service answers from what was loaded with it.
    """

    def __init__(self, real: Embedder, bases: Matrix) -> None:
        """Args: the real model; base vectors, area after area in turn, shape (n, dimensions)."""
        self._real = real
        self._bases = bases
        self.name = real.name
        self.fingerprint = real.fingerprint
        self.dimensions = real.dimensions
        self.max_tokens = real.max_tokens

    def embed_documents(
        self, texts: Sequence[str], *, progress: TextProgress | None = None
    ) -> Matrix:
        """Derive a vector for each text; the same text always gets the same one."""
        rows = np.stack([self._derived(text) for text in texts])
        if progress is not None:
            progress(len(texts))
        return rows

    def embed_query(self, text: str) -> Vector:
        """Embed a question with the real model."""
        return self._real.embed_query(text)

    def count_tokens(self, text: str) -> int:
        """Count with the real tokenizer."""
        return self._real.count_tokens(text)

    def close(self) -> None:
        """The real model belongs to whoever made it."""

    def _derived(self, text: str) -> Vector:
        dice = np.random.default_rng(list(hashlib.blake2b(text.encode(), digest_size=16).digest()))
        area = text.removeprefix("# ").partition(":")[0]
        turn = AREAS.index(area) if area in AREAS else int(dice.integers(len(AREAS)))
        own = self._bases[turn :: len(AREAS)]
        noise = dice.standard_normal(self.dimensions)
        vector = own[dice.integers(len(own))] + _NOISE * noise / np.linalg.norm(noise)
        unit: Vector = (vector / np.linalg.norm(vector)).astype(np.float32)
        return unit


def base_texts(scale: Scale) -> list[str]:
    """The texts to embed for real: areas in turn, equally many of each."""
    return [
        Prose.seeded(scale.seed, "base", number, area=AREAS[number % len(AREAS)]).section()
        for number in range(scale.bases)
    ]
