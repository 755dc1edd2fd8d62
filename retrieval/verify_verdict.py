"""What becomes of one claim: its verdict, what it rests on, and what its citations are worth."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pydantic import Field

from retrieval.evidence import Model
from retrieval.verify_quotes import (
    GOOD,
    REFUSED,
    CheckedCitation,
    CitationResult,
    best_of,
    check_citation,
)
from verifier.changes import Kind
from verifier.support import Hearing, Support, SupportVerdict
from verifier.support_windows import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retrieval.verify_evidence import Cited
    from retrieval.verify_request import Assertion, Reference

_PLACES: Final = 4  # of a score: more would be a show of precision


class ClaimReason(StrEnum):
    """Why a claim is not supported, or why its verdict is to be taken with care."""

    NO_CITATION = "no_citation"
    CITATION_NOT_FOUND = "citation_not_found"
    QUOTE_REFUSED = "quote_refused"
    SAYS_OTHERWISE = "says_otherwise"
    BEYOND_EVIDENCE = "beyond_evidence"
    CLOSE_TO_CALL = "close_to_call"
    CITATIONS_DISAGREE = "citations_disagree"


class BestSpan(Model):
    """The passage that decided."""

    citation: int = Field(description="Place of the citation in the claim's list, from 0.")
    start: int = Field(description="First code point in the evidence's text.")
    end: int = Field(description="One past the last code point.")


class CheckedClaim(Model):
    """One claim, in the order of the request."""

    verdict: SupportVerdict = Field(
        description="supported: the cited evidence says so. contradicted: it says otherwise. "
        "not_enough: it does not tell, is not there, or was misquoted."
    )
    score: float = Field(description="How far the cited evidence supports it, from 0 to 1.")
    contradiction: float = Field(description="How far it contradicts it, from 0 to 1.")
    best: BestSpan | None = Field(description="The passage that decided; None without one.")
    differs_in: list[Kind] = Field(description="In what the evidence says otherwise, or no more.")
    reasons: list[ClaimReason]
    start: int | None = Field(default=None, description="Where it stands in the answer.")
    end: int | None = None
    citations: list[CheckedCitation]


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim with what it is worth to the answer.

    Attributes:
        claim: as it is told.
        precise: of each citation, whether it helps to support the claim.
    """

    claim: CheckedClaim
    precise: tuple[bool, ...]


@dataclass(frozen=True, slots=True)
class Bench:
    """What claims are judged by: the evidence of every reference, read once.

    Attributes:
        cited: what each reference leads to; nothing, where the caller may not see it.
        texts: the same, read.
    """

    cited: Mapping[Reference, Cited]
    texts: Mapping[str, Evidence]

    @classmethod
    def of(cls, cited: Mapping[Reference, Cited]) -> Bench:
        """Read every piece once, however often it is cited."""
        pieces = {one.chunk_id: one.trusted.text for one in cited.values()}
        return cls(cited, {ident: Evidence.of(text) for ident, text in pieces.items()})

    def judge(self, asked: Assertion) -> Judged:
        """Judge one claim by what it cites."""
        checked = self._citations(asked)
        usable = [
            (place, self.texts[self.cited[reference].chunk_id])
            for place, reference in enumerate(asked.citations)
            if checked[place].result in GOOD or checked[place].result in REFUSED
        ]
        hearing = Hearing.of(asked.text, [text for _, text in usable])
        support, which = hearing.judge()
        refused = any(one.result in REFUSED for one in checked)
        verdict = support.verdict
        if refused and verdict is SupportVerdict.SUPPORTED:
            # The words it quotes are not there: whatever else is, the reader is misled.
            verdict = SupportVerdict.NOT_ENOUGH
        alone = [hearing.judge([at])[0] for at in range(len(usable))] if len(usable) > 1 else []
        best = None
        if which is not None and support.start is not None and support.end is not None:
            best = BestSpan(citation=usable[which][0], start=support.start, end=support.end)
        claim = CheckedClaim(
            verdict=verdict,
            score=round(support.score, _PLACES),
            contradiction=round(support.contradiction, _PLACES),
            best=best,
            differs_in=list(dict.fromkeys(d.kind for d in (*support.against, *support.beyond))),
            reasons=_reasons(asked, checked, support, alone),
            start=asked.span[0] if asked.span else None,
            end=asked.span[1] if asked.span else None,
            citations=checked,
        )
        places = [place for place, _ in usable]
        return Judged(claim, _precise(hearing, verdict, checked, places, alone))

    def _citations(self, asked: Assertion) -> list[CheckedCitation]:
        checked = [check_citation(one, self.cited.get(one)) for one in asked.citations]
        there = {
            place: self.cited[one]
            for place, one in enumerate(asked.citations)
            if checked[place].result is CitationResult.UNQUOTED
        }
        for place, quoted in best_of(asked.quotes, there).items():
            checked[place] = quoted
        return checked


def _precise(
    hearing: Hearing,
    verdict: SupportVerdict,
    checked: Sequence[CheckedCitation],
    usable: Sequence[int],
    alone: Sequence[Support],
) -> tuple[bool, ...]:
    """Of each citation, whether the claim is supported by it alone, or not without it.

    Source: T. Gao, H. Yen, J. Yu and D. Chen, "Enabling large language models to generate text
    with citations", EMNLP 2023, section 4.
    """
    if verdict is not SupportVerdict.SUPPORTED:
        return (False,) * len(checked)
    if len(usable) == 1:
        return tuple(place == usable[0] for place in range(len(checked)))
    everyone = frozenset(range(len(usable)))
    helps = {
        place: alone[at].verdict is SupportVerdict.SUPPORTED
        or hearing.judge(everyone - {at})[0].verdict is not SupportVerdict.SUPPORTED
        for at, place in enumerate(usable)
    }
    return tuple(helps.get(place, False) for place in range(len(checked)))


def _reasons(
    asked: Assertion,
    checked: Sequence[CheckedCitation],
    support: Support,
    alone: Sequence[Support],
) -> list[ClaimReason]:
    results = {one.result for one in checked}
    verdicts = {one.verdict for one in alone}
    lost = {CitationResult.NOT_FOUND, CitationResult.UNVERIFIABLE}
    told = {
        ClaimReason.NO_CITATION: not asked.citations,
        ClaimReason.CITATION_NOT_FOUND: bool(results & lost),
        ClaimReason.QUOTE_REFUSED: bool(results & REFUSED),
        ClaimReason.SAYS_OTHERWISE: support.verdict is SupportVerdict.CONTRADICTED,
        ClaimReason.BEYOND_EVIDENCE: bool(support.beyond),
        ClaimReason.CLOSE_TO_CALL: support.abstained,
        ClaimReason.CITATIONS_DISAGREE: {SupportVerdict.SUPPORTED, SupportVerdict.CONTRADICTED}
        <= verdicts,
    }
    return [reason for reason, holds in told.items() if holds]
