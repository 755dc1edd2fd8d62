"""What becomes of one claim: its verdict, what it rests on, and what its citations are worth."""

from __future__ import annotations

from collections import Counter
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
from verifier.support_model import Remembering
from verifier.support_windows import Evidence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retrieval.verify_evidence import Cited
    from retrieval.verify_request import Assertion, Reference
    from verifier.support_model import SupportModel

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
        model: the trained judge, if there is one; what it said is remembered no longer than this.
    """

    cited: Mapping[Reference, Cited]
    texts: Mapping[str, Evidence]
    model: Remembering | None = None

    @classmethod
    def of(cls, cited: Mapping[Reference, Cited], *, model: SupportModel | None = None) -> Bench:
        """Read every piece once, however often it is cited."""
        pieces = {one.chunk_id: one.trusted.text for one in cited.values()}
        texts = {ident: Evidence.of(text) for ident, text in pieces.items()}
        return cls(cited, texts, None if model is None else Remembering(model))

    def judge(self, asked: Assertion) -> Judged:
        """Judge one claim by what it cites; a piece that is cited more than once is heard once."""
        checked = self._citations(asked)
        chunks = {
            place: self.cited[reference].chunk_id
            for place, reference in enumerate(asked.citations)
            if checked[place].result in GOOD or checked[place].result in REFUSED
        }
        heard = list(dict.fromkeys(chunks.values()))
        texts = [self.texts[ident] for ident in heard]
        hearing = Hearing.of(asked.text, texts, model=self.model)
        support, which = hearing.judge()
        refused = any(one.result in REFUSED for one in checked)
        verdict = support.verdict
        if refused and verdict is SupportVerdict.SUPPORTED:
            # The words it quotes are not there: whatever else is, the reader is misled.
            verdict = SupportVerdict.NOT_ENOUGH
        alone = [hearing.judge([at])[0].verdict for at in range(len(heard))]
        claim = CheckedClaim(
            verdict=verdict,
            score=round(support.score, _PLACES),
            contradiction=round(support.contradiction, _PLACES),
            best=None if which is None else _best(support, chunks, heard[which]),
            differs_in=list(dict.fromkeys(d.kind for d in (*support.against, *support.beyond))),
            reasons=_reasons(asked, checked, support, alone),
            start=asked.span[0] if asked.span else None,
            end=asked.span[1] if asked.span else None,
            citations=checked,
        )
        helpful = set()
        if verdict is SupportVerdict.SUPPORTED:
            helpful = _helpful(hearing, heard, alone, Counter(chunks.values()))
        return Judged(claim, tuple(chunks.get(at) in helpful for at in range(len(checked))))

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


def _best(support: Support, chunks: Mapping[int, str], decisive: str) -> BestSpan | None:
    """The passage that decided, by the first citation of the piece it stands in."""
    if support.start is None or support.end is None:
        return None
    first = next(place for place, ident in chunks.items() if ident == decisive)
    return BestSpan(citation=first, start=support.start, end=support.end)


def _helpful(
    hearing: Hearing,
    heard: Sequence[str],
    alone: Sequence[SupportVerdict],
    times: Mapping[str, int],
) -> set[str]:
    """The pieces that help to support a claim: by themselves, or because others do not without.

    A piece that is cited more than once is still there when one of its citations is left out.

    Source: T. Gao, H. Yen, J. Yu and D. Chen, "Enabling large language models to generate text
    with citations", EMNLP 2023, section 4.
    """
    everyone = frozenset(range(len(heard)))
    return {
        ident
        for at, ident in enumerate(heard)
        if alone[at] is SupportVerdict.SUPPORTED
        or (
            times[ident] == 1
            and hearing.judge(everyone - {at})[0].verdict is not SupportVerdict.SUPPORTED
        )
    }


def _reasons(
    asked: Assertion,
    checked: Sequence[CheckedCitation],
    support: Support,
    alone: Sequence[SupportVerdict],
) -> list[ClaimReason]:
    results = {one.result for one in checked}
    lost = {CitationResult.NOT_FOUND, CitationResult.UNVERIFIABLE}
    told = {
        ClaimReason.NO_CITATION: not asked.citations,
        ClaimReason.CITATION_NOT_FOUND: bool(results & lost),
        ClaimReason.QUOTE_REFUSED: bool(results & REFUSED),
        ClaimReason.SAYS_OTHERWISE: support.verdict is SupportVerdict.CONTRADICTED,
        ClaimReason.BEYOND_EVIDENCE: bool(support.beyond),
        ClaimReason.CLOSE_TO_CALL: support.abstained,
        ClaimReason.CITATIONS_DISAGREE: {SupportVerdict.SUPPORTED, SupportVerdict.CONTRADICTED}
        <= set(alone),
    }
    return [reason for reason, holds in told.items() if holds]
