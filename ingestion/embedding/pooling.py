"""From the vectors of tokens to the vector of a text, the same to the last bit in any batch.

The runtime's own reductions add in another order when a batch holds one text than when it holds
several. Here the tokens of one text are added one after the other, and nothing but its own tokens
is ever looked at.
"""

import numpy as np
from numpy.typing import NDArray

from ingestion.embedding.port import Vector


def mean_pooled(token_vectors: NDArray[np.float32]) -> Vector:
    """Average the vectors of a text's tokens and scale the result to unit length.

    Args:
        token_vectors: Shape (tokens, dimensions), the tokens of one text without padding.

    Returns:
        Shape (dimensions,), unit length.
    """
    mean = token_vectors.mean(axis=0, dtype=np.float32).astype(np.float64)
    # The length is taken in float64 so that rounding it to float32 happens once, at the end.
    pooled: Vector = (mean / np.sqrt(np.square(mean).sum())).astype(np.float32)
    return pooled
