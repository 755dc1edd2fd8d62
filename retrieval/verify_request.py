"""What can be asked of the check: claims with what they cite, or a whole answer.

Every limit is stated here and named when it is passed. What must never live here: who asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from verifier.citations import MAX_QUOTE
from verifier.claims import split_answer

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_CLAIMS: Final = 50
MAX_CITATIONS: Final = 20
MAX_TOGETHER: Final = 200
MAX_CLAIM_CHARS: Final = 4_000
MAX_ANSWER_CHARS: Final = 20_000
MAX_CHARS_TOGETHER: Final = 20_000
_MAX_OFFSET: Final = 2**31 - 1

_Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_Marker = Annotated[str, StringConstraints(pattern=r"^e[1-9][0-9]{0,2}$")]
_Offset = Annotated[int, Field(ge=0, le=_MAX_OFFSET, strict=True)]


class _Body(BaseModel):
    """Base of the parts of a request: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CitationToCheck(_Body):
    """What a claim rests on: a chunk, or a piece of an answer by its receipt."""

    chunk_id: _Id | None = Field(default=None, description="As in the evidence.")
    receipt_id: _Id | None = Field(default=None, description="With evidence, instead of chunk_id.")
    evidence: _Marker | None = Field(default=None, description="Such as e1, as in the answer.")
    quote: Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUOTE)] | None = Field(
        default=None, description="The words quoted from it, if any."
    )
    start: _Offset | None = Field(
        default=None, description="With end: where it stands, as in the evidence's citation."
    )
    end: _Offset | None = Field(default=None, description="One past the last code point.")

    @model_validator(mode="after")
    def _name_one_thing(self) -> CitationToCheck:
        by_receipt = (self.receipt_id is not None, self.evidence is not None)
        if any(by_receipt) == (self.chunk_id is not None) or any(by_receipt) != all(by_receipt):
            raise ValueError("give chunk_id, or receipt_id with evidence, and not both")
        if (self.start is None) != (self.end is None):
            raise ValueError("give start and end, or neither")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError("end must be greater than start")
        return self


class ClaimToCheck(_Body):
    """One statement of a draft."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CLAIM_CHARS)]
    citations: list[CitationToCheck] = Field(min_length=1, max_length=MAX_CITATIONS)


class AnswerToCheck(_Body):
    """A whole draft, whose sentences cite by markers such as ``[e1]`` or ``[1]``."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_ANSWER_CHARS)]
    receipt_id: _Id | None = Field(
        default=None, description="Of the answer that the markers are taken from."
    )
    chunks: dict[_Marker, _Id] | None = Field(
        default=None,
        max_length=MAX_TOGETHER,
        description="Instead of receipt_id: the chunk_id behind each marker.",
    )

    @model_validator(mode="after")
    def _name_one_thing(self) -> AnswerToCheck:
        if (self.receipt_id is None) == (self.chunks is None):
            raise ValueError("give receipt_id or chunks, and not both")
        return self


class VerifyRequest(_Body):
    """``POST /v1/verify`` and the tool ``verify_claims``: ``claims`` or ``answer``."""

    claims: Annotated[list[ClaimToCheck], Field(min_length=1, max_length=MAX_CLAIMS)] | None = (
        Field(default=None, description="Statements, each with what it cites.")
    )
    answer: AnswerToCheck | None = Field(
        default=None, description="Instead of claims: a draft, which is split into sentences."
    )

    @model_validator(mode="after")
    def _stay_within_reason(self) -> VerifyRequest:
        if (self.claims is None) == (self.answer is None):
            raise ValueError("give claims or answer, and not both")
        asked = list(assertions(self))
        count = sum(len(one.citations) for one in asked)
        if len(asked) > MAX_CLAIMS:
            raise ValueError(
                f"answer: it makes {len(asked)} claims: check at most {MAX_CLAIMS} at once"
            )
        if count > MAX_TOGETHER:
            raise ValueError(f"{count} citations: check at most {MAX_TOGETHER} at once")
        together = sum(len(one.text) for one in asked)
        if together > MAX_CHARS_TOGETHER:
            raise ValueError(
                f"claims: {together} characters together: check at most {MAX_CHARS_TOGETHER} at "
                "once"
            )
        return self


@dataclass(frozen=True, slots=True)
class Reference:
    """What is cited: a chunk, or a piece of an answer; nothing, where a marker stands for nothing.

    Attributes:
        chunk_id: as given.
        receipt_id: as given, with ``evidence``.
        evidence: the place in that answer, such as ``e1``.
        quote: the words quoted from it.
        span: where they stand in the extracted text of the document.
    """

    chunk_id: str | None = None
    receipt_id: str | None = None
    evidence: str | None = None
    quote: str | None = None
    span: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Assertion:
    """One claim as it is checked, given or split from an answer.

    Attributes:
        text: what is claimed.
        citations: what it cites, in order.
        quotes: words in quotation marks that must stand in something it cites.
        span: where it stands in the answer; None if it was given.
    """

    text: str
    citations: tuple[Reference, ...]
    quotes: tuple[str, ...] = ()
    span: tuple[int, int] | None = None


def claims_in(request: VerifyRequest) -> int:
    """How many claims there are to check."""
    return sum(1 for _ in assertions(request))


def assertions(request: VerifyRequest) -> Iterator[Assertion]:
    """The claims of a request, in order."""
    for claim in request.claims or ():
        yield Assertion(claim.text, tuple(map(_reference, claim.citations)))
    if request.answer is not None:
        yield from _split(request.answer)


def _reference(citation: CitationToCheck) -> Reference:
    span = None
    if citation.start is not None and citation.end is not None:
        span = citation.start, citation.end
    return Reference(
        citation.chunk_id, citation.receipt_id, citation.evidence, citation.quote, span
    )


def _split(answer: AnswerToCheck) -> Iterator[Assertion]:
    for claim in split_answer(answer.text):
        cited = tuple(
            Reference(chunk_id=answer.chunks.get(marker))
            if answer.chunks is not None
            else Reference(receipt_id=answer.receipt_id, evidence=marker)
            for marker in claim.markers
        )
        yield Assertion(claim.text, cited, claim.quotes, (claim.start, claim.end))
