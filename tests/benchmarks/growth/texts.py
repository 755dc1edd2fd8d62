"""Texts, term weights and vectors of plots by the hundred thousand, without any model.

A text is two halves out of a few thousand, and no pair comes twice soon; its term weights are those
of the halves, shaken a little so that no two tie; its vector is a random one around one of some
centres. A search costs the same whatever they mean. What never lives here: anything that is stored.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from ingestion.index.lexical import encode_document
from ingestion.index.port import SparseVector
from tests.benchmarks.texts import Prose

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tests.benchmarks.growth.plots import Plot

_HALVES: Final = 3_001  # A prime, so that strides through it meet every one.
_CENTRES: Final = 512
_WORDS: Final = 35  # Two halves have about 99 tokens, as elsewhere.
_NOISE: Final = 0.6
_SHAKE: Final = 0.05


@dataclass(frozen=True, slots=True)
class Batch:
    """Consecutive chunks of a plot; vectors of shape (n, dimensions), each of length one."""

    first: int
    texts: list[str]
    sparse: list[SparseVector]
    vectors: NDArray[np.float32]


class Quarry:
    """Where texts come from."""

    def __init__(self, seed: int, dimensions: int) -> None:
        self._seed = seed
        self._halves = [_half(Prose.seeded(seed, "half", n).section()) for n in range(_HALVES)]
        self._terms = [
            dict(zip(found.indices, found.values, strict=True))
            for found in map(encode_document, self._halves)
        ]
        dice = np.random.default_rng([seed, 0])
        self._centres = _unit(dice.standard_normal((_CENTRES, dimensions)))

    def batch(self, plot: Plot, first: int, size: int) -> Batch:
        """Chunks of a plot from ``first`` on, at most ``size``; the same whenever asked for."""
        name = f"{plot.tenant}/{plot.name}".encode()
        own = int.from_bytes(hashlib.blake2b(name, digest_size=4).digest())
        some = min(size, plot.chunks - first)
        dice = np.random.default_rng([self._seed, own, first])
        noise = dice.standard_normal((some, self._centres.shape[1]))
        centres = self._centres[dice.integers(0, _CENTRES, some)]
        pairs = [self._pair(own, number) for number in range(first, first + some)]
        shaken = 1 + _SHAKE * dice.random(some)
        return Batch(
            first=first,
            texts=[f"{self._halves[one]} {self._halves[two]}" for one, two in pairs],
            sparse=[self._sparse(*pair, by) for pair, by in zip(pairs, shaken, strict=True)],
            vectors=_unit(centres + _NOISE * _unit(noise)),
        )

    def _pair(self, own: int, number: int) -> tuple[int, int]:
        stride = number // _HALVES + 1
        return (own + number) % _HALVES, (own + number * (stride + 1) + stride) % _HALVES

    def _sparse(self, one: int, two: int, by: float) -> SparseVector:
        terms = {**self._terms[two], **self._terms[one]}
        indices = tuple(sorted(terms))
        return SparseVector(indices, tuple(float(terms[index] * by) for index in indices))


def _half(text: str) -> str:
    return " ".join(text.split()[:_WORDS])


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(
        np.float32
    )
    return unit
