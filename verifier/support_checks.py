"""What a claim says otherwise than a passage that shares its words, or says beyond it.

Numbers, dates, units, names, negations, opposites and quantifiers, each by rules that can be read.
Two readings of one sentence that differ in any of them do not say the same. What must never live
here: a score, or a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rapidfuzz import fuzz

from verifier.changes import Difference, Kind, differences
from verifier.conflicts import RELATED
from verifier.facts import FactKind
from verifier.lexicon import negates
from verifier.normalise import folded
from verifier.reading import Reading, read
from verifier.support_words import contrary, reach, stem, weight
from verifier.wording import counterpart

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from verifier.facts import Fact

_SCOPE: Final = 4  # words after a negation that it may deny


@dataclass(frozen=True, slots=True)
class Findings:
    """How a claim differs from a passage.

    Attributes:
        against: what the passage says otherwise; ``one`` is the claim's wording, ``other`` its.
        beyond: what the claim says and the evidence nowhere does.
    """

    against: tuple[Difference, ...]
    beyond: tuple[Difference, ...]


def compare_claim(claim: Reading, passage: Reading, evidence: Iterable[Reading]) -> Findings:
    """Hold a claim to the passage that shares most of its words.

    Args:
        claim: read.
        passage: read.
        evidence: every passage; a number, date or name that another of them states is not missing.
    """
    everywhere = list(evidence)
    against: list[Difference] = []
    beyond: list[Difference] = []
    aligned = _aligned(claim, passage)
    if aligned is not None:
        for found in aligned:
            (beyond if found.other is None and found.kind is not Kind.NEGATION else against).append(
                found
            )
    for found, opposed in _facts(claim, passage, everywhere):
        (against if opposed else beyond).append(found)
    against += _denials(claim, passage)
    against += _contraries(claim, passage)
    for found, opposed in _quantities(claim, passage):
        (against if opposed else beyond).append(found)
    beyond += _names(claim, everywhere)
    unique = dict.fromkeys(against)
    return Findings(tuple(unique), tuple(found for found in dict.fromkeys(beyond)))


def _aligned(claim: Reading, passage: Reading) -> tuple[Difference, ...] | None:
    """Differences word by word, where the passage holds nearly the claim; None where it does not.

    The passage is first cut to what answers the claim: what it says before and after is its own.
    """
    wanted, text = folded(claim.text)[0], folded(passage.text)[0]
    start, end = counterpart(wanted, text)
    answer = read(text[start:end])
    if fuzz.ratio(claim.lower, answer.lower, score_cutoff=RELATED) < RELATED:
        return None
    # What only the passage says takes nothing from the claim, but for a negation.
    return tuple(
        found
        for found in differences(claim, answer)
        if found.one is not None or found.kind is Kind.NEGATION
    )


def _facts(
    claim: Reading, passage: Reading, everywhere: list[Reading]
) -> Iterator[tuple[Difference, bool]]:
    """Facts of the claim that the passage does not state, and whether it states others instead."""
    mine = [fact for fact in claim.facts if not fact.weak]
    theirs = [fact for fact in passage.facts if not fact.weak]
    free = [fact for fact in theirs if not any(fact.agrees(other) for other in mine)]
    for fact in mine:
        if any(fact.agrees(other) for other in passage.facts):
            continue
        instead = next((other for other in free if _comparable(fact, other)), None)
        if instead is None:
            if not any(fact.agrees(other) for one in everywhere for other in one.facts):
                yield Difference(_kind(fact), _said(claim, fact), None), False
            continue
        found = Difference(_kind(fact), _said(claim, fact), _said(passage, instead))
        yield found, True


def _comparable(one: Fact, other: Fact) -> bool:
    """Whether one fact can be said instead of another: a sum for a sum, a day for a day."""
    if one.kind is not other.kind:
        return False
    return one.kind is not FactKind.NUMBER or one.dimension == other.dimension


def _kind(fact: Fact) -> Kind:
    return Kind.NUMBER if fact.kind is FactKind.NUMBER else Kind.DATE


def _said(reading: Reading, fact: Fact) -> str:
    return " ".join(reading.surface[fact.start : fact.end])


def _denials(claim: Reading, passage: Reading) -> Iterator[Difference]:
    """Words that one of the two denies and the other states."""
    mine, theirs = _denied(claim), _denied(passage)
    stated = set(map(stem, passage.lower))
    claimed = set(map(stem, claim.lower))
    for word, by in mine.items():
        if word in stated and not theirs:
            yield Difference(Kind.NEGATION, by, None)
            return
    for word, by in theirs.items():
        if word in claimed and not mine:
            yield Difference(Kind.NEGATION, None, by)
            return


def _denied(reading: Reading) -> dict[str, str]:
    """Stems within reach of a negation, each with the negation."""
    found: dict[str, str] = {}
    for at, word in enumerate(reading.lower):
        if not negates(word):
            continue
        after = [other for other in reading.lower[at + 1 :] if weight(other) == 1.0]
        for other in after[:_SCOPE]:
            found.setdefault(stem(other), reading.surface[at])
    return found


def _contraries(claim: Reading, passage: Reading) -> Iterator[Difference]:
    """Words of the claim that the passage lacks, and says the opposite of."""
    theirs = set(map(stem, passage.lower))
    mine = set(map(stem, claim.lower))
    only_theirs = [
        (word, passage.surface[at])
        for at, word in enumerate(passage.lower)
        if stem(word) not in mine
    ]
    for at, word in enumerate(claim.lower):
        if stem(word) in theirs:
            continue
        for other, surface in only_theirs:
            if contrary(word, other):
                yield Difference(Kind.NEGATION, claim.surface[at], surface)
                break


def _quantities(claim: Reading, passage: Reading) -> Iterator[tuple[Difference, bool]]:
    """A quantifier of the claim that speaks for more than any of the passage, or for the others.

    "Some" does not bear "all" out, and "none" denies "some".
    """
    mine = [(at, r) for at, word in enumerate(claim.lower) if (r := reach(word)) is not None]
    theirs = [(at, r) for at, word in enumerate(passage.lower) if (r := reach(word)) is not None]
    if not mine or not theirs or {r for _, r in mine} & {r for _, r in theirs}:
        return
    (at, said), (there, stated) = mine[0], theirs[0]
    opposed = bool(said) != bool(stated)
    if said > stated or opposed:
        yield Difference(Kind.NEGATION, claim.surface[at], passage.surface[there]), opposed


def _names(claim: Reading, everywhere: list[Reading]) -> Iterator[Difference]:
    """Names of the claim that the evidence nowhere mentions."""
    known = {stem(word) for one in everywhere for word in one.lower}
    for at in sorted(claim.names):
        if stem(claim.lower[at]) not in known:
            yield Difference(Kind.NAME, claim.surface[at], None)
