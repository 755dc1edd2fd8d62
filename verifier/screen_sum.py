"""The weighted sum of a window's features: what both linear readers of the screen are.

Weights are small integers and are added as such, so a sum is the same on every machine.
What must never live here: a feature, or a threshold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from verifier.screen_features import BITS, Features

Stored: TypeAlias = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """The weights of a linear reader.

    Attributes:
        weights: Of the features, shape (2 ** BITS,).
        scale: What one is worth.
        bias: Added to the sum.
    """

    weights: NDArray[np.int8]
    scale: float
    bias: float

    @classmethod
    def read(cls, stored: Stored, *, name: str) -> Self:
        """Read what `parts` wrote.

        Args:
            stored: An archive.
            name: Of the reader.

        Raises:
            KeyError: Something is missing.
            ValueError: The weights have another size or kind.
        """
        weights = stored[f"{name}/weights"]
        if weights.shape != (1 << BITS,) or weights.dtype != np.int8:
            raise ValueError("weights have another size")
        scale, bias = float(stored[f"{name}/scale"]), float(stored[f"{name}/bias"])
        return cls(weights.astype(np.int8), scale, bias)

    def parts(self, *, name: str) -> dict[str, NDArray[np.generic]]:
        """What `read` reads, for an archive.

        Args:
            name: Of the reader.
        """
        return {
            f"{name}/weights": self.weights,
            f"{name}/scale": np.array(self.scale),
            f"{name}/bias": np.array(self.bias),
        }

    def decision(self, features: Features) -> float:
        """The sum, as if the features were a vector of unit length.

        Args:
            features: Of a window, each once.
        """
        total = int(self.weights[features].sum(dtype=np.int64))
        return self.scale * total / sqrt(max(len(features), 1)) + self.bias
