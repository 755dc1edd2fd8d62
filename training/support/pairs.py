"""A claim beside evidence, and what may be said of the two.

What must never live here: where pairs come from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from verifier.support_excerpt import excerpt
from verifier.support_windows import Wanted, passages

if TYPE_CHECKING:
    from collections.abc import Iterable

SUPPORTED: Final = (1, 0, 0)
CONTRADICTED: Final = (0, 1, 0)
NOT_ENOUGH: Final = (0, 0, 1)
NOT_SUPPORTED: Final = (0, 1, 1)
"""Contradicted or not enough: the people who labelled it were not asked which."""

Truth = tuple[int, int, int]
"""Which of supported, contradicted and not enough would be right."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A claim and what is held against it.

    Attributes:
        claim: one statement.
        evidence: as it would be served.
        truth: which verdicts would be right.
        source: the collection it is of.
        group: what must not be torn apart: pairs of one claim or document.
        weight: how much it counts in training.
    """

    claim: str
    evidence: str
    truth: Truth
    source: str
    group: str
    weight: float = 1.0

    @property
    def excerpt(self) -> str:
        """What a model reads of the evidence."""
        return excerpt(Wanted.of(self.claim), passages(self.evidence))


def of_source(pairs: Iterable[Pair], source: str) -> list[Pair]:
    """The pairs of one collection."""
    return [pair for pair in pairs if pair.source == source]
