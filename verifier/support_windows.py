"""Where in the evidence a claim's words stand: the sentence, or two, that share most of them.

A shared word says nothing about agreement; it says where to look. What must never live here: a
verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Final, TypeVar

from verifier.reading import Reading, read
from verifier.sentences import sentences
from verifier.support_facts import Stated
from verifier.support_words import stem, weight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_T = TypeVar("_T")

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
    def vocabulary(self) -> frozenset[str]:
        """The same, each once."""
        return frozenset(self.stems)

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
    def _words(self) -> frozenset[str]:
        return frozenset(self.weights)

    @cached_property
    def _total(self) -> float:
        return sum(self.weights.values())

    def covered(self, *vocabularies: frozenset[str]) -> float:
        """The share of the claim's words, by weight, that stand in any of some texts: 0 to 1."""
        there = _joined([self._words & vocabulary for vocabulary in vocabularies])
        if not there or not self._total:
            return 0.0
        # In the order of the claim, so that the sum is the same however the sets are ordered.
        found = sum([heavy for word, heavy in self.weights.items() if word in there])
        return min(found / self._total, 1.0)

    def overlap(self, *neighbours: Passage) -> float:
        """How much of the claim passages repeat together, words and neighbours: from 0 to 1."""
        words = self.covered(*[one.vocabulary for one in neighbours])
        if not self._pairs:
            return words
        shared = _joined([self._pairs & one.pairs for one in neighbours])
        return (1 - _PHRASES) * words + _PHRASES * len(shared) / len(self._pairs)


def _joined(sets: Sequence[frozenset[_T]]) -> frozenset[_T]:
    return sets[0] if len(sets) == 1 else frozenset[_T]().union(*sets)


@dataclass(frozen=True)
class Evidence:
    """A text that was read once, to hold many claims to it."""

    text: str
    passages: tuple[Passage, ...]

    @classmethod
    def of(cls, text: str) -> Evidence:
        """Read a text: linear in its length, of which the first ``MAX_EVIDENCE`` count."""
        return cls(text, tuple(passages(text)))

    @cached_property
    def vocabulary(self) -> frozenset[str]:
        """Its different words without their endings."""
        return frozenset[str]().union(*(one.vocabulary for one in self.passages))

    @cached_property
    def stated(self) -> Stated:
        """Its facts."""
        return Stated(fact for one in self.passages for fact in one.reading.facts)


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


def best_place(wanted: Wanted, evidence: Evidence) -> Place | None:
    """The place that repeats most of a claim; the first of equals.

    None if no sentence shares a word with it.
    """
    found = evidence.passages
    if not found:
        return None
    alone = [wanted.overlap(passage) for passage in found]
    at = max(range(len(found)), key=lambda place: (alone[place], -place))
    most, passage = alone[at], found[at]
    for overlap, one, other in _neighbours(wanted, found, alone):
        if overlap * _PAIR_TOLL > most:
            most = overlap * _PAIR_TOLL
            passage = Passage(one.start, other.end, read(evidence.text[one.start : other.end]))
    return Place(found[at], passage) if wanted.covered(passage.vocabulary) else None


def _neighbours(
    wanted: Wanted, found: Sequence[Passage], alone: list[float]
) -> Iterator[tuple[float, Passage, Passage]]:
    """Neighbours that both share something with the claim, and how much they share together."""
    for at, (one, other) in enumerate(pairwise(found)):
        if alone[at] and alone[at + 1] and one.end <= other.start:
            yield wanted.overlap(one, other), one, other
