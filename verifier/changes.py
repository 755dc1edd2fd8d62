"""What two texts that nearly agree contradict one another in.

Both are aligned word by word. Where one has other words than the other, numbers and dates that
stand against each other are compared by what they mean, not by how they are written. What was only
moved is no difference; a number that stands in one text only is.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple

from rapidfuzz.distance import Levenshtein

from verifier.facts import Fact, FactKind
from verifier.lexicon import opposed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from verifier.reading import Reading

_MOVED_ALONE: Final = 2  # words of a stretch that is no sentence


class Kind(StrEnum):
    """What sort of thing two texts differ in."""

    NUMBER = "number"
    DATE = "date"
    UNIT = "unit"
    NAME = "name"
    NEGATION = "negation"


@dataclass(frozen=True, slots=True)
class Difference:
    """One contradiction: what each text says, None where it says nothing.

    ``negation`` covers opposites: "must" against "may", "allowed" against "forbidden".
    """

    kind: Kind
    one: str | None
    other: str | None


class _Block(NamedTuple):
    """Where the texts differ: tokens ``[a, b)`` of one against ``[c, d)`` of the other.

    A tuple, being made a dozen times for each of thousands of pairs.
    """

    a: int
    b: int
    c: int
    d: int


def differences(one: Reading, other: Reading) -> tuple[Difference, ...]:
    """Every contradiction between two texts: numbers and dates, then names, then negations."""
    if one.lower == other.lower:
        return ()
    if one.lower > other.lower:
        # One alignment of several may be as short as another. Always the same one is taken, so
        # that the answer does not depend on which text comes first.
        return tuple(
            Difference(found.kind, found.other, found.one) for found in differences(other, one)
        )
    changed: list[_Block] = []
    replaced: list[_Block] = []
    for step in Levenshtein.opcodes(one.lower, other.lower):
        if step.tag != "equal":
            block = _Block(step.src_start, step.src_end, step.dest_start, step.dest_end)
            _append(changed, block)
            if step.tag == "replace":
                replaced.append(block)
    here = one.facts_around((block.a, block.b) for block in changed)
    there = other.facts_around((block.c, block.d) for block in changed)
    blocks = changed
    if here or there:
        blocks = _widened(changed, _inner_edges(here), _inner_edges(there))
    found = [
        *_stated(one, other, blocks, here, there),
        *_names(one, other, replaced),
        *_opposites(one, other, replaced),
        *_negations(one, other, blocks),
    ]
    return tuple(dict.fromkeys(found))


def _append(blocks: list[_Block], block: _Block) -> None:
    """Put a block behind the others, as one with the last if nothing equal stands between them."""
    if blocks and blocks[-1].b == block.a and blocks[-1].d == block.c:
        before = blocks.pop()
        block = _Block(before.a, block.b, before.c, block.d)
    blocks.append(block)


def _inner_edges(facts: Iterable[Fact]) -> frozenset[int]:
    """Places between two tokens of one fact, each named by the later token."""
    return frozenset(edge for fact in facts for edge in range(fact.start + 1, fact.end))


def _widened(changed: list[_Block], here: frozenset[int], there: frozenset[int]) -> list[_Block]:
    """Where the texts differ, widened so that no block cuts through a fact; none touches another.

    What is widened into is equal on both sides, word by word, so both sides move together, and no
    further than to the next block, with which they are one then.
    """
    blocks: list[_Block] = []
    ceilings = (*(block.a for block in changed[1:]), math.inf)
    for block, ceiling in zip(changed, ceilings, strict=True):
        a, b, c, d = block
        floor = blocks[-1].b if blocks else 0
        while a > floor and (a in here or c in there):
            a, c = a - 1, c - 1
        while b < ceiling and (b in here or d in there):
            b, d = b + 1, d + 1
        _append(blocks, _Block(a, b, c, d))
    return blocks


def _stated(
    one: Reading, other: Reading, blocks: list[_Block], here: list[Fact], there: list[Fact]
) -> Iterator[Difference]:
    """Numbers and dates that stand against others, or in one text only."""
    if not here and not there:
        return
    mine_alone: list[Fact] = []
    theirs_alone: list[Fact] = []
    for block in blocks:
        mine = [fact for fact in here if block.a <= fact.start < block.b]
        theirs = [fact for fact in there if block.c <= fact.start < block.d]
        _cancel(mine, theirs)
        for fact, against in zip(mine, theirs, strict=False):
            yield Difference(_kind(fact, against), _said(one, fact), _said(other, against))
        paired = min(len(mine), len(theirs))
        mine_alone += mine[paired:]
        theirs_alone += theirs[paired:]
    _cancel(mine_alone, theirs_alone)
    for fact in mine_alone:
        if not fact.weak:
            yield Difference(_kind(fact), _said(one, fact), None)
    for fact in theirs_alone:
        if not fact.weak:
            yield Difference(_kind(fact), None, _said(other, fact))


def _cancel(mine: list[Fact], theirs: list[Fact]) -> None:
    """Take out what both say."""
    for fact in list(mine):
        match = next((against for against in theirs if fact.agrees(against)), None)
        if match is not None:
            mine.remove(fact)
            theirs.remove(match)


def _kind(fact: Fact, against: Fact | None = None) -> Kind:
    kinds = {fact.kind, against.kind if against else fact.kind}
    if kinds & {FactKind.DATE, FactKind.TIME}:
        return Kind.DATE
    if against is not None and fact.plain == against.plain and fact.plain is not None:
        return Kind.UNIT
    return Kind.NUMBER


def _said(reading: Reading, fact: Fact) -> str:
    return " ".join(reading.surface[fact.start : fact.end])


def _names(one: Reading, other: Reading, replaced: list[_Block]) -> Iterator[Difference]:
    """Names that stand against other names."""
    for block in replaced:
        against = [
            (one.surface[here], other.surface[there])
            for here, there in _facing(block)
            # Capitals first: few words have one, and what is a name takes a look at the whole text.
            if one.surface[here][0].isupper() and other.surface[there][0].isupper()
            if here in one.names and there in other.names
        ]
        if against:
            mine, theirs = zip(*against, strict=True)
            yield Difference(Kind.NAME, " ".join(mine), " ".join(theirs))


def _opposites(one: Reading, other: Reading, replaced: list[_Block]) -> Iterator[Difference]:
    """Words that stand against their opposite."""
    for block in replaced:
        for here, there in _facing(block):
            if opposed(one.lower[here], other.lower[there]):
                yield Difference(Kind.NEGATION, one.surface[here], other.surface[there])


def _facing(block: _Block) -> Iterator[tuple[int, int]]:
    """Tokens that stand against each other; a replaced stretch has as many on both sides."""
    return zip(range(block.a, block.b), range(block.c, block.d), strict=True)


def _negations(one: Reading, other: Reading, blocks: list[_Block]) -> Iterator[Difference]:
    """Negations that one text has more of, or that deny something else in the other."""
    if not one.negations and not other.negations:
        return
    mine_alone: list[tuple[str, int]] = []
    theirs_alone: list[tuple[str, int]] = []
    for block in blocks:
        mine = _negating(one, block.a, block.b)
        theirs = _negating(other, block.c, block.d)
        paired = min(len(mine), len(theirs))
        width = max(block.b - block.a, block.d - block.c)
        mine_alone += [(word, width) for word in mine[paired:]]
        theirs_alone += [(word, width) for word in theirs[paired:]]
    for (word, width), (against, across) in zip(mine_alone, theirs_alone, strict=False):
        # Both moved with their sentence, unless they moved alone.
        if max(width, across) <= _MOVED_ALONE:
            yield Difference(Kind.NEGATION, word, None)
            yield Difference(Kind.NEGATION, None, against)
    paired = min(len(mine_alone), len(theirs_alone))
    for word, _ in mine_alone[paired:]:
        yield Difference(Kind.NEGATION, word, None)
    for word, _ in theirs_alone[paired:]:
        yield Difference(Kind.NEGATION, None, word)


def _negating(reading: Reading, first: int, last: int) -> list[str]:
    """The negations of a stretch."""
    places = reading.negations
    within = places[bisect_left(places, first) : bisect_left(places, last)]
    return [reading.surface[at] for at in within]
