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
    from collections.abc import Iterable, Iterator

MAX_EVIDENCE: Final = 200_000
"""Code points of evidence that are looked at; what is beyond counts as not there."""

_PAIR_TOLL: Final = 0.98  # two sentences must share more than one does, or one is shown
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
        words = self.covered(passage.stems)
        if not self._pairs:
            return words
        phrases = len(self._pairs & passage.pairs) / len(self._pairs)
        return (1 - _PHRASES) * words + _PHRASES * phrases


def passages(evidence: str) -> list[Passage]:
    """The sentences of some evidence, read; only its first ``MAX_EVIDENCE`` code points."""
    evidence = evidence[:MAX_EVIDENCE]
    return [Passage(start, end, read(evidence[start:end])) for start, end in sentences(evidence)]


def best_passage(wanted: Wanted, found: list[Passage], evidence: str) -> Passage | None:
    """The sentence, or two neighbours, that repeats most of a claim; the first of equals."""
    best: tuple[float, Passage | tuple[Passage, Passage]] | None = None
    for overlap, passage in _rated(wanted, found):
        if best is None or overlap > best[0]:
            best = overlap, passage
    if best is None:
        return None
    if isinstance(best[1], Passage):
        return best[1]
    first, second = best[1]
    return Passage(first.start, second.end, read(evidence[first.start : second.end]))


def _rated(
    wanted: Wanted, found: list[Passage]
) -> Iterator[tuple[float, Passage | tuple[Passage, Passage]]]:
    alone = [wanted.overlap(passage) for passage in found]
    yield from zip(alone, found, strict=True)
    for at in range(len(found) - 1):
        one, other = found[at], found[at + 1]
        if alone[at] and alone[at + 1] and one.end <= other.start:
            together = Passage(
                one.start,
                other.end,
                # For its words alone: it is read in full if it turns out the best.
                Reading(
                    "",
                    one.reading.surface + other.reading.surface,
                    one.reading.lower + other.reading.lower,
                ),
            )
            yield wanted.overlap(together) * _PAIR_TOLL, (one, other)
