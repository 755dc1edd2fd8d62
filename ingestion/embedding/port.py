"""The embedding port: what turns text into vectors, whatever runs underneath.

What lives here: the protocol and its vector types. What must never: an import of a runtime, so
that naming an embedder in a signature costs nothing.
"""

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float32]
"""One text: float32, shape (dimensions,), unit length."""

Matrix: TypeAlias = NDArray[np.float32]
"""One row for each text: float32, shape (n, dimensions), rows of unit length."""

TextProgress: TypeAlias = Callable[[int], None]
"""Called now and then with the number of texts done so far; the last call names them all."""


@runtime_checkable
class Embedder(Protocol):
    """Turns text into unit-length vectors; safe to share between threads.

    Two embedders with one fingerprint may serve one index; with two they may not, whatever their
    names.
    """

    @property
    def fingerprint(self) -> str:
        """Short hash over what the vectors depend on: weights, runtime, pooling, length."""

    @property
    def name(self) -> str:
        """The model, for people; never compared."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    @property
    def max_tokens(self) -> int:
        """The most a text may count, by ``count_tokens``, and still be embedded whole.

        What goes beyond is cut off, not refused.
        """

    def embed_documents(
        self, texts: Sequence[str], *, progress: TextProgress | None = None
    ) -> Matrix:
        """Embed texts, in the order given.

        Args:
            texts: Any number, none included.
            progress: Told how many texts are done; not called for an empty sequence.

        Returns:
            Shape (len(texts), dimensions), rows of unit length.

        Raises:
            EmbeddingError: The embedder is closed or its runtime failed.
        """

    def embed_query(self, text: str) -> Vector:
        """Embed one text, as fast as the runtime can.

        Raises:
            EmbeddingError: The embedder is closed or its runtime failed.
        """

    def count_tokens(self, text: str) -> int:
        """Count the tokens of a text, without those the model adds around every text."""

    def close(self) -> None:
        """Give the memory back; a second call does nothing."""
