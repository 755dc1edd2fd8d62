"""A public double: a deterministic embedder without a model, for tests and dry runs.

Texts that share words, or most of a word's letters, are near. It knows no synonyms and no
grammar; nothing that is served to a caller should rest on it.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np

from ingestion.embedding.identity import EmbedderIdentity, Pooling, Runtime
from ingestion.embedding.port import Matrix, TextProgress, Vector
from ingestion.errors import EmbeddingError

_WORD: Final = re.compile(r"\w+")
_GRAM: Final = 3
# A whole word says more than a piece of one.
_WORD_WEIGHT: Final = 1.0
_GRAM_WEIGHT: Final = 0.25
_MAX_TOKENS: Final = 256
_DEFAULT_DIMENSIONS: Final = 64


class HashEmbedder:
    """Hashed bag of words and character trigrams (the hashing trick, with signed buckets)."""

    def __init__(self, dimensions: int = _DEFAULT_DIMENSIONS) -> None:
        """Make an embedder.

        Args:
            dimensions: Length of the vectors, at least 2.

        Raises:
            EmbeddingError: ``dimensions`` is below 2.
        """
        if dimensions < 2:  # noqa: PLR2004 - with one dimension every text would be +1 or -1
            raise EmbeddingError(f"dimensions is {dimensions}; a hash embedder needs at least 2")
        identity = EmbedderIdentity(
            weights="signed-blake2b-words-and-trigrams-v1",
            runtime=Runtime.HASH,
            pooling=Pooling.BAG,
            max_tokens=_MAX_TOKENS,
            dimensions=dimensions,
        )
        self.name = f"hash:{dimensions}"
        self.dimensions = dimensions
        self.max_tokens = identity.max_tokens
        self.fingerprint = identity.fingerprint

    def embed_documents(
        self, texts: Sequence[str], *, progress: TextProgress | None = None
    ) -> Matrix:
        """Embed texts one by one; see ``Embedder.embed_documents``."""
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            rows[row] = self.embed_query(text)
            if progress is not None:
                progress(row + 1)
        return rows

    def embed_query(self, text: str) -> Vector:
        """Embed one text; one without any word gets the first unit vector."""
        words = _words(text)[: self.max_tokens]
        sums = np.zeros(self.dimensions, dtype=np.float64)
        for feature, weight in _features(words):
            digest = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=8)
            number = int.from_bytes(digest.digest())
            sign = 1.0 if number & 1 else -1.0
            sums[(number >> 1) % self.dimensions] += sign * weight
        length = float(np.linalg.norm(sums))
        if length == 0.0:
            sums[0] = length = 1.0
        return (sums / length).astype(np.float32)

    def count_tokens(self, text: str) -> int:
        """Count the words."""
        return len(_words(text))

    def close(self) -> None:
        """Hold nothing, release nothing."""


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _features(words: Sequence[str]) -> Iterator[tuple[str, float]]:
    """Words and their trigrams, in sorted order so that sums do not depend on word order."""
    for word, count in sorted(Counter(words).items()):
        yield f"word {word}", _WORD_WEIGHT * count
        padded = f"<{word}>"
        for start in range(len(padded) - _GRAM + 1):
            yield f"gram {padded[start : start + _GRAM]}", _GRAM_WEIGHT * count
