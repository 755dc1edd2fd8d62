"""Which texts go through the model together.

A text is always padded to the bucket of its own length and never to that of a longer neighbour, so
what the model computes for it does not depend on the company it is in. Pure arithmetic on lengths;
what must never live here: texts, vectors or a runtime.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

BUCKET: Final = 8
"""Lengths are rounded up to a multiple of this many tokens."""

WINDOW: Final = 256
"""Texts sorted by length at a time; progress is reported, and memory bounded, by the window."""

_BATCH_TOKENS: Final = 1024
"""Tokens in one batch: enough to fill the cores, few enough to stay in their caches."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts of one bucket.

    Attributes:
        members: Positions of the texts in the sequence that was planned.
        padded_length: Tokens in each row, padding included.
    """

    members: tuple[int, ...]
    padded_length: int


def bucket_of(length: int) -> int:
    """Round a length in tokens up to its bucket."""
    return -(-length // BUCKET) * BUCKET


def plan_batches(lengths: Sequence[int]) -> Iterator[Batch]:
    """Split texts into batches of one bucket each, shortest first.

    Args:
        lengths: Tokens of each text, the special ones included.

    Yields:
        Batches that together name every position exactly once.
    """
    by_length = sorted(range(len(lengths)), key=lengths.__getitem__)
    for padded_length, group in groupby(by_length, key=lambda index: bucket_of(lengths[index])):
        members = tuple(group)
        size = max(1, _BATCH_TOKENS // padded_length)
        for start in range(0, len(members), size):
            yield Batch(members[start : start + size], padded_length)
