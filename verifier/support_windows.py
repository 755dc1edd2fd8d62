"""Where in the evidence a claim's words stand: the sentence, or two, that share most of them.

A shared word says nothing about agreement; it says where to look. What must never live here: a
verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from verifier.reading import Reading, read
from verifier.sentences import sentences
from verifier.support_words import stem, weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_EVIDENCE: Final = 200_000
"""Code points of evidence that are looked at; what is beyond counts as not there."""

_PAIR_TOLL: Final = 0.95  # two sentences must share clearly more than one does
_PHRASES: Final = 0.25  # how much shared pairs of neighbouring words count beside shared words


@dataclass(frozen=True)
class Passage:
    """A stretch of evidence, read.

    Attributes:
        start: first code point in the evidence.
        end: one past the last.
        reading: its words and facts.
    """

    start: int
    end: int
    reading: Reading

    @cached_property
    def stems(self) -> tuple[str, ...]:
        """Its words without their endings."""
        return tuple(map(stem, self.reading.lower))

    @cached_property
    def pairs(self) -> frozenset[tuple[str, str]]:
        """Stems that stand beside one another."""
        return frozenset(pairwise(self.stems))


@dataclass(frozen=True)
class Wanted:
    """A claim as it is looked for.

    Attributes:
        reading: its words and facts.
        weights: its different stems, each with its weight, in the order they first stand.
    """

    reading: Reading
    weights: dict[str, float]

    @classmethod
    def of(cls, claim: str) -> Wanted:
        """Read a claim."""
        reading = read(claim)
        return cls(reading, {stem(word): weight(word) for word in reading.lower})

    @cached_property
    def _pairs(self) -> frozenset[tuple[str, str]]:
        stems = tuple(map(stem, self.reading.lower))
        return frozenset(pairwise(stems))

    @cached_property
    def _total(self) -> float:
        return sum(self.weights.values())

    def covered(self, stems: Iterable[str]) -> float:
        """The share of the claim's words, by weight, that are among some stems: from 0 to 1."""
        if not self._total:
            return 0.0
        there = set(stems)
        found = sum(heavy for word, heavy in self.weights.items() if word in there)
        return min(found / self._total, 1.0)

    def overlap(self, passage: Passage) -> float:
        """How much of the claim a passage repeats, words and neighbours: from 0 to 1."""
        return self.overlap_of(passage.stems, passage.pairs)

    def overlap_of(self, stems: Iterable[str], pairs: frozenset[tuple[str, str]]) -> float:
        """The same of stems, and of those that stand beside one another."""
        words = self.covered(stems)
        if not self._pairs:
            return words
        phrases = len(self._pairs & pairs) / len(self._pairs)
        return (1 - _PHRASES) * words + _PHRASES * phrases


def passages(evidence: str) -> list[Passage]:
    """The sentences of some evidence, read; only its first ``MAX_EVIDENCE`` code points."""
    evidence = evidence[:MAX_EVIDENCE]
    return [Passage(start, end, read(evidence[start:end])) for start, end in sentences(evidence)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a claim's words stand.

    Attributes:
        sentence: the one that repeats most of it.
        passage: that one, or two neighbours that together repeat clearly more.
    """

    sentence: Passage
    passage: Passage


def best_place(wanted: Wanted, found: Sequence[Passage], evidence: str) -> Place | None:
    """The place that repeats most of a claim; the first of equals. None if there is no sentence."""
    if not found:
        return None
    alone = [wanted.overlap(passage) for passage in found]
    at = max(range(len(found)), key=lambda place: (alone[place], -place))
    most, passage = alone[at], found[at]
    for overlap, one, other in _neighbours(wanted, found, alone):
        if overlap * _PAIR_TOLL > most:
            most = overlap * _PAIR_TOLL
            passage = Passage(one.start, other.end, read(evidence[one.start : other.end]))
    return Place(found[at], passage)


def _neighbours(
    wanted: Wanted, found: Sequence[Passage], alone: list[float]
) -> Iterator[tuple[float, Passage, Passage]]:
    """Neighbours that both share something with the claim, and how much they share together."""
    for at, (one, other) in enumerate(pairwise(found)):
        if alone[at] and alone[at + 1] and one.end <= other.start:
            stems = one.stems + other.stems
            yield wanted.overlap_of(stems, one.pairs | other.pairs), one, other
