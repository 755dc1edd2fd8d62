"""What a claim says otherwise than a passage that shares its words, or says beyond the evidence.

Numbers, dates, units, names, negations, opposites and quantifiers, each by rules that can be read.
Two readings of one sentence that differ in any of them do not say the same. What must never live
here: a score, or a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from verifier.changes import Difference, Kind
from verifier.facts import FactKind
from verifier.lexicon import negates
from verifier.support_alignment import aligned, stands_in, substituted
from verifier.support_facts import Stated, distinct
from verifier.support_words import Reach, contrary, reach, stem, weight

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from verifier.facts import Fact
    from verifier.reading import Reading
    from verifier.support_windows import Evidence, Place

_SCOPE: Final = 4  # words that say something after a negation, which it may deny
_BEFORE: Final = 3  # tokens before what is claimed, in which a negation denies it
_LEAD: Final = 6  # tokens before a claim that stands word for word: "it is not the case that"
_EXCEPTIONS: Final = frozenset({"unless", "except", "excluding", "without"})


@dataclass(frozen=True, slots=True)
class Doubt:
    """One way in which a claim differs from a place.

    Attributes:
        difference: ``one`` is the claim's wording, ``other`` that of the place.
        opposed: whether the place says otherwise, rather than nothing.
        unless: a fact, or the stem of a word: where the evidence has it, nothing is missing.
    """

    difference: Difference
    opposed: bool
    unless: Fact | str | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """How a claim differs from a passage.

    Attributes:
        against: what the passage says otherwise; ``one`` is the claim's wording, ``other`` its.
        beyond: what the claim says and the evidence does not, or limits: ``one`` or ``other``.
    """

    against: tuple[Difference, ...] = ()
    beyond: tuple[Difference, ...] = ()


def doubts(claim: Reading, place: Place) -> tuple[Doubt, ...]:
    """Hold a claim to the place that shares most of its words."""
    at = stands_in(claim, place.sentence.reading)
    if at is not None:
        return tuple(_around(claim, place.sentence.reading, at))
    return tuple(_all(claim, place.sentence.reading, place.passage.reading))


def weigh(found: Iterable[Doubt], evidence: Sequence[Evidence]) -> Findings:
    """Which doubts stand, all of the evidence being heard: one text states what another lacks."""
    standing = [doubt for doubt in found if not _stated(doubt.unless, evidence)]
    against = (doubt.difference for doubt in standing if doubt.opposed)
    beyond = (doubt.difference for doubt in standing if not doubt.opposed)
    return Findings(tuple(dict.fromkeys(against)), tuple(dict.fromkeys(beyond)))


def _stated(what: Fact | str | None, evidence: Sequence[Evidence]) -> bool:
    if what is None:
        return False
    if isinstance(what, str):
        return any(what in one.vocabulary for one in evidence)
    return any(one.stated.states(what) for one in evidence)


def _around(claim: Reading, sentence: Reading, at: int) -> Iterator[Doubt]:
    """What takes back, or limits, a claim that stands in a sentence word for word.

    Right before or after it a negation denies it; a few words before, it may; an exception that
    follows limits what was claimed without one.
    """
    if any(map(negates, claim.lower)):
        return
    after = at + len(claim.lower)
    beside = [at - 1, after] if after < len(sentence.lower) else [at - 1]
    turned = [place for place in beside if place >= 0 and negates(sentence.lower[place])]
    denials = [place for place in turned if sentence.lower[place] not in _EXCEPTIONS]
    limits = [place for place in turned if place not in denials]
    limits += [p for p in range(max(at - _LEAD, 0), at - 1) if negates(sentence.lower[p])]
    for place in (*denials, *limits):
        found = Difference(Kind.NEGATION, None, sentence.surface[place])
        yield Doubt(found, opposed=place in denials)


def _all(claim: Reading, sentence: Reading, passage: Reading) -> Iterator[Doubt]:
    for found in aligned(claim, sentence):
        yield Doubt(found, opposed=found.other is not None or found.kind is Kind.NEGATION)
    yield from _facts(claim, passage)
    yield from (Doubt(found, opposed=True) for found in _denials(claim, passage))
    yield from (Doubt(found, opposed=True) for found in _contraries(claim, passage))
    facing = tuple(substituted(claim, sentence))
    yield from _quantities(claim, sentence, facing)
    yield from _names(claim, sentence, facing)


def _facts(claim: Reading, passage: Reading) -> Iterator[Doubt]:
    """Facts of the claim that the passage does not state, and whether it states others instead."""
    mine = distinct(fact for fact in claim.facts if not fact.weak)
    said, stated = Stated(mine), Stated(passage.facts)
    free: dict[tuple[FactKind, str | None], Fact] = {}  # the first of each sort
    for fact in passage.facts:
        if not fact.weak and not said.states(fact):
            free.setdefault(_sort(fact), fact)
    for fact in mine:
        if stated.states(fact):
            continue
        instead, words = free.get(_sort(fact)), _said(claim, fact)
        if instead is not None:
            yield Doubt(Difference(_kind(fact), words, _said(passage, instead)), opposed=True)
        else:
            yield Doubt(Difference(_kind(fact), words, None), opposed=False, unless=fact)


def _sort(fact: Fact) -> tuple[FactKind, str | None]:
    """What a fact can be said instead of: a sum of a sum, a day of a day."""
    return fact.kind, fact.dimension if fact.kind is FactKind.NUMBER else None


def _kind(fact: Fact) -> Kind:
    return Kind.NUMBER if fact.kind is FactKind.NUMBER else Kind.DATE


def _said(reading: Reading, fact: Fact) -> str:
    return " ".join(reading.surface[fact.start : fact.end])


def _denials(claim: Reading, passage: Reading) -> Iterator[Difference]:
    """A negation that one of the two has about a word that the other states and never denies."""
    mine, theirs = _denied(claim), _denied(passage)
    if mine and not theirs:
        stated = set(map(stem, passage.lower))
        yield from (
            Difference(Kind.NEGATION, by, None) for word, by in mine.items() if word in stated
        )
    elif theirs and not mine:
        claimed = set(map(stem, claim.lower))
        near = _between(claimed, passage)
        yield from (
            Difference(Kind.NEGATION, None, passage.surface[at])
            for word, at in _places_denied(passage).items()
            if word in claimed and at in near
        )


def _between(claimed: set[str], passage: Reading) -> range:
    """The tokens from a little before the first word that is claimed to the last one."""
    places = [
        at for at, word in enumerate(passage.lower) if weight(word) == 1.0 and stem(word) in claimed
    ]
    return range(max(places[0] - _BEFORE, 0), places[-1] + 1) if places else range(0)


def _denied(reading: Reading) -> dict[str, str]:
    """Stems within reach of a negation, each with the negation."""
    return {word: reading.surface[at] for word, at in _places_denied(reading).items()}


def _places_denied(reading: Reading) -> dict[str, int]:
    """Stems that stand only within reach of a negation, each with the place of the negation."""
    stems = [stem(word) if weight(word) == 1.0 else "" for word in reading.lower]
    denied: dict[int, int] = {}
    by, left = 0, 0  # the last negation, and how many words it still reaches
    for at, word in enumerate(reading.lower):
        if negates(word):
            by, left = at, _SCOPE
        elif stems[at] and left:
            denied[at] = by
            left -= 1
    stated = {word for place, word in enumerate(stems) if place not in denied}
    return {stems[place]: at for place, at in denied.items() if stems[place] not in stated}


def _contraries(claim: Reading, passage: Reading) -> Iterator[Difference]:
    """Words of the claim that the passage lacks, and says the opposite of; linear in both."""
    mine, theirs = set(map(stem, claim.lower)), set(map(stem, passage.lower))
    free = [at for at, word in enumerate(passage.lower) if stem(word) not in mine]
    # Backwards, so that the first place of each stays.
    words = {passage.lower[at]: at for at in reversed(free)}
    stems = {stem(passage.lower[at]): at for at in reversed(free)}
    for at, word in enumerate(claim.lower):
        if stem(word) in theirs:
            continue
        other = contrary(word)
        places = [words[one] for one in other.words if one in words]
        places += [stems[one] for one in other.stems if one in stems]
        if places:
            yield Difference(Kind.NEGATION, claim.surface[at], passage.surface[min(places)])


def _quantities(
    claim: Reading, sentence: Reading, facing: Iterable[tuple[int, int]]
) -> Iterator[Doubt]:
    """Quantifiers that speak for more than the sentence's do, or for the others.

    "Some" does not bear "all" out, and "none" denies "some".
    """
    quantified = [
        (one, other, said, stated)
        for one, other in facing
        if (said := reach(claim.lower[one])) is not None
        and (stated := reach(sentence.lower[other])) is not None
    ]
    for one, other, said, stated in quantified or _only(claim, sentence):
        opposed = (said is Reach.NONE) is not (stated is Reach.NONE)
        if said > stated or opposed:
            words = claim.surface[one], sentence.surface[other]
            yield Doubt(Difference(Kind.NEGATION, *words), opposed=opposed)


def _only(claim: Reading, sentence: Reading) -> list[tuple[int, int, Reach, Reach]]:
    """The first quantifier of each, where they have none in common."""
    mine = [(at, said) for at, word in enumerate(claim.lower) if (said := reach(word)) is not None]
    theirs = [(at, r) for at, word in enumerate(sentence.lower) if (r := reach(word)) is not None]
    if not mine or not theirs or {said for _, said in mine} & {r for _, r in theirs}:
        return []
    return [(mine[0][0], theirs[0][0], mine[0][1], theirs[0][1])]


def _names(claim: Reading, sentence: Reading, facing: Iterable[tuple[int, int]]) -> Iterator[Doubt]:
    """Names that the evidence may nowhere mention, or that stand where the sentence has another.

    Where most words are capitalised, as in a title, every one of them but the first may be a name.
    """
    figures = {at for fact in claim.facts for at in range(fact.start, fact.end)}
    replaced = {one for one, other in facing if sentence.surface[other][0].isupper()}
    for at, word in enumerate(claim.surface):
        if not word[0].isupper() or at in figures or weight(claim.lower[at]) < 1.0:
            continue
        found = Difference(Kind.NAME, word, None)
        if at and at in replaced:
            yield Doubt(found, opposed=False)
        elif at or at in claim.names:
            yield Doubt(found, opposed=False, unless=stem(claim.lower[at]))
