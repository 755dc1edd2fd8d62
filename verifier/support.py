"""Does evidence support a claim? The check that needs no model, and that every model stands on.

It finds the sentence that repeats most of the claim, and holds both to their numbers, dates, units,
names, negations and quantifiers. What it says of those follows from rules; that a claim in other
words means the same, it cannot see, and then says ``not_enough`` rather than guess. A trained
judge, where there is one, sees more of that: it moves the score, and may call a contradiction. What
a rule speaks against is never supported for its sake.

What must never live here: weights, I/O, or anything that could change from one call to the next.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Final

from verifier.lexicon import negates
from verifier.support_blend import blended, contradicting
from verifier.support_checks import doubts, weigh
from verifier.support_excerpt import excerpt
from verifier.support_windows import Evidence, Wanted, best_place

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from verifier.changes import Difference
    from verifier.support_checks import Doubt, Findings
    from verifier.support_model import SupportModel
    from verifier.support_windows import Place

MODEL: Final = "rules-1"
"""What the check is called where its verdicts are shown or kept: the rules alone."""

SUPPORTED: Final = 0.6
"""Score from which a claim counts as supported, if no rule speaks against it.

To say so wrongly costs more than to abstain, so a claim that says more than its evidence is not
supported, however much they share.
"""

ABSTAIN: Final = 0.4
"""Score from which it is too close to call: ``not_enough``, and said to be so."""

CONTRADICTED: Final = 0.5
"""Score of contradiction from which a claim counts as contradicted."""

PLAIN: Final = 0.9
"""Score of the rules from which nobody else is asked, if no rule speaks against the claim.

It then stands there nearly word for word.
"""

# Of the score: read off training pairs of six collections, where they barely move its worth.
_PHRASES: Final = 0.3  # weight of words and neighbours shared with the passage
_EVERYWHERE: Final = 0.3  # of words shared with all of the evidence; the rest: with the passage
_SLOPE: Final = 6.0  # of the logistic curve from shared words to a score
_MIDDLE: Final = 0.55  # share at which support is as likely as not
# Each difference counts as so many shared words less: they rank claims, and the rules decide.
_BEYOND: Final = 0.3  # for the first thing the evidence does not state
_FURTHER: Final = 0.1  # for each that follows
_MOST_BEYOND: Final = 3  # such things that count
_AGAINST: Final = 0.4  # when the evidence says otherwise
_ON_TOPIC: Final = 0.4  # share of words from which a difference is about the same thing


class SupportVerdict(StrEnum):
    """What evidence is to a claim."""

    SUPPORTED = "supported"
    CONTRADICTED = "contradicted"
    NOT_ENOUGH = "not_enough"


@dataclass(frozen=True, slots=True)
class Support:
    """How evidence stands to a claim.

    Attributes:
        verdict: supported, contradicted, or not enough to tell.
        score: how far it supports the claim, from 0 to 1.
        contradiction: how far it contradicts it, from 0 to 1.
        start: first code point of the passage that decided, in the evidence; None without one.
        end: one past its last.
        against: what the passage says otherwise; ``one`` is the claim's wording.
        beyond: what the claim says and the evidence does not.
        abstained: whether the score was too close to call.
    """

    verdict: SupportVerdict
    score: float = 0.0
    contradiction: float = 0.0
    start: int | None = None
    end: int | None = None
    against: tuple[Difference, ...] = ()
    beyond: tuple[Difference, ...] = ()
    abstained: bool = False


@dataclass(frozen=True)
class _Found:
    """The place in one text that shares most of a claim's words.

    Attributes:
        wanted: the claim.
        place: where.
        overlap: how much of the claim it repeats.
    """

    wanted: Wanted
    place: Place
    overlap: float

    @cached_property
    def doubts(self) -> tuple[Doubt, ...]:
        """How the claim differs from it."""
        return doubts(self.wanted.reading, self.place)


@dataclass(frozen=True, slots=True)
class Hearing:
    """A claim before some texts, to be judged by all of them, and by some without the others.

    What one text says to the claim is found once, however often it is asked.

    Attributes:
        wanted: the claim.
        texts: pieces of evidence.
        found: where its words stand, by the place of the text; nothing of a text without any.
        model: who else is asked.
    """

    wanted: Wanted
    texts: tuple[Evidence, ...]
    found: Mapping[int, _Found]
    model: SupportModel | None = None

    @classmethod
    def of(
        cls, claim: str, texts: Iterable[Evidence], *, model: SupportModel | None = None
    ) -> Hearing:
        """Read a claim and look for it.

        Args:
            claim: one statement; its first 8,000 code points count.
            texts: pieces of evidence.
            model: a trained judge, if there is one.
        """
        wanted, heard = Wanted.of(claim), tuple(texts)
        found = {
            at: _Found(wanted, place, wanted.overlap(place.passage))
            for at, text in enumerate(heard)
            if (place := best_place(wanted, text)) is not None
        }
        return cls(wanted, heard, found, model)

    def judge(self, among: Collection[int] | None = None) -> tuple[Support, int | None]:
        """Judge whether the texts together support the claim.

        Args:
            among: the places of the texts that are heard; all, if not given.

        Returns:
            How they stand to it, and the place of the text that holds the passage that decided;
            None if none does.
        """
        heard = range(len(self.texts)) if among is None else sorted(among)
        places = [at for at in heard if at in self.found]
        if not places:
            return Support(SupportVerdict.NOT_ENOUGH), None
        which = max(places, key=lambda at: (self.found[at].overlap, -at))
        return _judged(self.found[which], [self.texts[at] for at in heard], self.model), which


def name_of(model: SupportModel | None) -> str:
    """What the rules are called with a trained judge, or without one."""
    return MODEL if model is None else f"{MODEL}+{model.name}"


def check_support(claim: str, evidence: str, *, model: SupportModel | None = None) -> Support:
    """Judge whether evidence supports a claim.

    Args:
        claim: one statement; its first 8,000 code points count.
        evidence: text as served.
        model: a trained judge, if there is one.
    """
    return Hearing.of(claim, [Evidence.of(evidence)], model=model).judge()[0]


def _judged(found: _Found, texts: Sequence[Evidence], model: SupportModel | None) -> Support:
    best = found.place.passage
    findings = weigh(found.doubts, texts)
    score = _score(found, texts, findings)
    contradiction = _contradiction(found.overlap, findings)
    plain = score >= PLAIN and not findings.against and not findings.beyond
    if model is not None and not plain:
        read = excerpt(found.wanted, [one for text in texts for one in text.passages])
        chances = model.chances(found.wanted.reading.text, read)
        score = blended(score, chances)
        if not any(map(negates, found.wanted.reading.lower)):
            # False claims are mostly written by negating true ones, and the judge makes too much
            # of that: of claims with a negation, it has the truth and the lie for a contradiction.
            contradiction = contradicting(contradiction, chances)
    verdict = SupportVerdict.NOT_ENOUGH
    if contradiction >= CONTRADICTED:
        verdict = SupportVerdict.CONTRADICTED
    elif score >= SUPPORTED and not findings.against and not findings.beyond:
        verdict = SupportVerdict.SUPPORTED
    return Support(
        verdict,
        round(score, 6),
        round(contradiction, 6),
        best.start,
        best.end,
        findings.against,
        findings.beyond,
        abstained=verdict is SupportVerdict.NOT_ENOUGH and score >= ABSTAIN,
    )


def _score(found: _Found, texts: Sequence[Evidence], findings: Findings) -> float:
    shared = (
        _PHRASES * found.overlap
        + _EVERYWHERE * found.wanted.covered(*(text.vocabulary for text in texts))
        + (1 - _PHRASES - _EVERYWHERE) * found.wanted.covered(found.place.passage.vocabulary)
    )
    if findings.beyond:
        shared -= _BEYOND + _FURTHER * (min(len(findings.beyond), _MOST_BEYOND) - 1)
    if findings.against:
        shared -= _AGAINST
    return 1 / (1 + math.exp(-_SLOPE * (shared - _MIDDLE)))


def _contradiction(shared: float, findings: Findings) -> float:
    """How far the passage says otherwise; nothing contradicts a claim about something else."""
    if not findings.against:
        return 0.1 * shared
    if shared < _ON_TOPIC:
        return 0.5 * shared
    return CONTRADICTED + (1 - CONTRADICTED) * (shared - _ON_TOPIC) / (1 - _ON_TOPIC)
