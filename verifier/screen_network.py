"""The second reader of the screen: a small network that reads the words of a window in order.

Two convolutions over word pieces, and a weighted sum of the strongest and the mean answer of each.
Everything is whole numbers that 32-bit floats hold exactly, so that no processor, library, order
of addition or batch changes a score, and a receipt that is replayed elsewhere finds the same.
What must never live here: training, or a threshold.

Source: convolutions over words with the strongest answer kept, after Kim (2014); whole-number
inference after Jacob et al. (2018).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from verifier.screen_pieces import Pieces

LARGEST: Final = 127
"""Of a weight, an embedding or an answer, as small integers."""

TAPS: Final = 3
"""Pieces that a convolution sees at once."""

SPREAD: Final = (1, 2)
"""How far apart they are, in the first convolution and in the second."""

_ROWS: Final = 16
"""Places that are multiplied at once: products this small are not dealt out to other processors,
where waiting for one another would cost more than they take."""

_EXACT: Final = 1 << 24  # up to here a 32-bit float holds every whole number
_PREFIX: Final = "network/"

Floats: TypeAlias = NDArray[np.float32]
Stored: TypeAlias = Mapping[str, NDArray[np.generic]]


@dataclass(frozen=True, slots=True)
class Layer:
    """One convolution.

    Attributes:
        weights: Shape (TAPS, inputs, outputs), whole numbers.
        bias: Shape (outputs,), whole numbers, in units of the sum.
        scale: Shape (outputs,): what a sum is multiplied with to become a small integer.
        spread: How far apart the pieces are that are seen at once.
    """

    weights: Floats
    bias: Floats
    scale: Floats
    spread: int

    def answers(self, rows: Floats) -> Floats:
        """What each place answers: whole numbers from 0 to LARGEST, shape (places, outputs).

        Beyond both ends there is nothing, which counts as zeros.

        Args:
            rows: Whole numbers, shape (places, inputs).
        """
        count, reach = len(rows), self.spread
        padded = np.zeros((count + 2 * reach, rows.shape[1]), dtype=np.float32)
        padded[reach : reach + count] = rows
        sums = np.empty((count, len(self.bias)), dtype=np.float32)
        sums[:] = self.bias
        for start in range(0, count, _ROWS):
            end = min(start + _ROWS, count)
            for tap in range(TAPS):
                shift = tap * reach
                sums[start:end] += padded[start + shift : end + shift] @ self.weights[tap]
        scaled: Floats = np.rint(np.maximum(sums, 0) * self.scale)
        return np.minimum(scaled, LARGEST)

    @property
    def exact(self) -> bool:
        """Whether no sum can be larger than what is held exactly."""
        largest = LARGEST * np.abs(self.weights).sum(axis=(0, 1)) + np.abs(self.bias)
        return bool(largest.max() < _EXACT)


class Network:
    """The weights, and how they are read."""

    def __init__(
        self,
        *,
        table: NDArray[np.int8],
        layers: tuple[Layer, Layer],
        strongest: NDArray[np.int64],
        mean: NDArray[np.int64],
        scale: float,
        bias: float,
    ) -> None:
        """Put it together.

        Args:
            table: An embedding a piece, shape (pieces, inputs).
            layers: The convolutions.
            strongest: Weights of the strongest answers, shape (outputs of both,).
            mean: Weights of the mean answers, likewise.
            scale: What one is worth in the sum.
            bias: Added to the sum.

        Raises:
            ValueError: Shapes do not fit, or a sum could be larger than what is held exactly.
        """
        widths = [table.shape[1], *(layer.weights.shape[2] for layer in layers)]
        fits = [layer.weights.shape[:2] == (TAPS, widths[at]) for at, layer in enumerate(layers)]
        if not all(fits) or not strongest.shape == mean.shape == (sum(widths[1:]),):
            raise ValueError("shapes do not fit each other")
        if not all(layer.exact for layer in layers):
            raise ValueError("weights are too large to be added exactly")
        self._table, self._layers = table, layers
        self._strongest, self._mean = strongest, mean
        self._scale, self._bias = scale, bias

    @property
    def pieces(self) -> int:
        """How many pieces it has an embedding of."""
        return len(self._table)

    @classmethod
    def read(cls, stored: Stored) -> Self:
        """Read what `parts` wrote.

        Raises:
            KeyError: Something is missing.
            ValueError: It does not fit.
        """
        part = {
            name.removeprefix(_PREFIX): stored[name] for name in stored if name.startswith(_PREFIX)
        }
        first, second = (
            Layer(
                weights=np.ascontiguousarray(part[f"weights{at}"], dtype=np.float32),
                bias=part[f"bias{at}"].astype(np.float32),
                scale=part[f"scale{at}"].astype(np.float32),
                spread=spread,
            )
            for at, spread in enumerate(SPREAD)
        )
        return cls(
            table=part["table"].astype(np.int8),
            layers=(first, second),
            strongest=part["strongest"].astype(np.int64),
            mean=part["mean"].astype(np.int64),
            scale=float(part["scale"]),
            bias=float(part["bias"]),
        )

    def parts(self) -> dict[str, NDArray[np.generic]]:
        """What `read` reads, for an archive."""
        found: dict[str, NDArray[np.generic]] = {
            "table": self._table,
            "strongest": self._strongest.astype(np.int16),
            "mean": self._mean.astype(np.int16),
            "scale": np.array(self._scale),
            "bias": np.array(self._bias),
        }
        for at, layer in enumerate(self._layers):
            found[f"weights{at}"] = layer.weights.astype(np.int8)
            found[f"bias{at}"] = layer.bias.astype(np.int32)
            found[f"scale{at}"] = layer.scale
        return {_PREFIX + name: value for name, value in found.items()}

    def decision(self, pieces: Pieces) -> float:
        """The weighted sum of a window, before it is calibrated; the bias if there is none.

        Args:
            pieces: Of the window, shape (pieces,).
        """
        if not len(pieces):
            return self._bias
        rows: Floats = self._table[pieces].astype(np.float32)
        answers = []
        for layer in self._layers:
            rows = layer.answers(rows)
            answers.append(rows)
        strongest = np.concatenate([rows.max(axis=0) for rows in answers]).astype(np.int64)
        total = np.concatenate([rows.sum(axis=0, dtype=np.int64) for rows in answers])
        both = int(strongest @ self._strongest) + int(total @ self._mean) / len(pieces)
        return self._scale * both + self._bias
