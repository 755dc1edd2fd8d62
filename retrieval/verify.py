"""Checking an agent's draft: do the quotes stand in the evidence they cite?

Only evidence that the caller may see now is looked at. A citation that was never issued, belongs to
somebody else, or cites what is deleted or lost is ``unavailable``: one word, whichever it is.
Whether evidence *supports* a claim is not judged here yet, and every claim says so.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from acl.errors import NotFoundError
from ingestion.catalog import fetch, served_generation
from retrieval.assemble import trust
from retrieval.evidence import Model
from retrieval.ids import well_formed
from retrieval.pipeline import recheck
from retrieval.receipt_store import own_statement
from verifier.citations import MAX_QUOTE, QuoteOutcome, check_quote
from verifier.policy import TrustVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from acl.caller import Caller
    from retrieval.receipt_statement import Statement
    from retrieval.runtime import Runtime

MAX_CLAIMS: Final = 50
MAX_CITATIONS: Final = 20
MAX_CLAIM_CHARS: Final = 4_000

_Id = Annotated[str, StringConstraints(min_length=1, max_length=128)]
_Place = Annotated[str, StringConstraints(pattern=r"^e[1-9][0-9]{0,2}$")]


class _Body(BaseModel):
    """Base of the parts of a request: what is not known is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class CitationToCheck(_Body):
    """What a claim rests on: a chunk, or a piece of an answer by its receipt."""

    chunk_id: _Id | None = Field(default=None, description="As in the evidence.")
    receipt_id: _Id | None = Field(default=None, description="With evidence, instead of chunk_id.")
    evidence: _Place | None = Field(default=None, description="Such as e1, as in the answer.")
    quote: Annotated[str, StringConstraints(min_length=1, max_length=MAX_QUOTE)] | None = Field(
        default=None, description="The words quoted from it, if any."
    )

    @model_validator(mode="after")
    def _name_one_thing(self) -> CitationToCheck:
        by_receipt = (self.receipt_id is not None, self.evidence is not None)
        if any(by_receipt) == (self.chunk_id is not None) or any(by_receipt) != all(by_receipt):
            raise ValueError("give chunk_id, or receipt_id with evidence, and not both")
        return self


class ClaimToCheck(_Body):
    """One statement of a draft."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=MAX_CLAIM_CHARS)]
    citations: list[CitationToCheck] = Field(min_length=1, max_length=MAX_CITATIONS)


class VerifyRequest(_Body):
    """``POST /v1/verify`` and the tool ``verify_claims``."""

    claims: list[ClaimToCheck] = Field(min_length=1, max_length=MAX_CLAIMS)


class CitationResult(StrEnum):
    """What became of one citation."""

    QUOTED = "quoted"
    ALTERED = "altered"
    NOT_FOUND = "not_found"
    UNQUOTED = "unquoted"
    UNAVAILABLE = "unavailable"


_RESULT_OF: Final = {
    QuoteOutcome.EXACT: CitationResult.QUOTED,
    QuoteOutcome.ALIGNED: CitationResult.QUOTED,
    QuoteOutcome.ALTERED: CitationResult.ALTERED,
    QuoteOutcome.STITCHED: CitationResult.ALTERED,
    QuoteOutcome.NOT_FOUND: CitationResult.NOT_FOUND,
    QuoteOutcome.EMPTY: CitationResult.NOT_FOUND,
}


class CheckedCitation(Model):
    """One citation, in the order of the request."""

    result: CitationResult = Field(
        description="quoted: the quote stands in the evidence. altered: it stands there otherwise, "
        "or was put together from parts. not_found: it does not stand there. unquoted: the "
        "evidence is there, and no quote was given. unavailable: no such evidence, or not for you."
    )
    start: int | None = Field(description="Where in the evidence's text the quote stands.")
    end: int | None


class CheckedClaim(Model):
    """One claim, in the order of the request."""

    support: Literal["not_assessed"] = "not_assessed"
    reasons: list[Literal["support_not_assessed"]] = Field(
        default=["support_not_assessed"],
        description="support_not_assessed: quotes were checked; whether the evidence supports the "
        "claim was not.",
    )
    citations: list[CheckedCitation]


class VerifyResponse(Model):
    """What the check found; neither claims nor evidence are repeated."""

    request_id: str
    claims: list[CheckedClaim]


_UNAVAILABLE: Final = CheckedCitation(result=CitationResult.UNAVAILABLE, start=None, end=None)


def verify_claims(
    runtime: Runtime, caller: Caller, request: VerifyRequest, *, request_id: str
) -> VerifyResponse:
    """Check the citations of a draft against what the caller may see now."""
    wanted = {}
    statements = _statements(runtime, caller, request)
    for citation in _citations(request):
        chunk_id = _chunk_of(citation, statements)
        if chunk_id is not None:
            wanted[citation] = chunk_id
    texts = _texts(runtime, caller, set(wanted.values()))
    return VerifyResponse(
        request_id=request_id,
        claims=[
            CheckedClaim(
                citations=[
                    _check(citation, texts.get(wanted.get(citation, "")))
                    for citation in claim.citations
                ]
            )
            for claim in request.claims
        ],
    )


def _citations(request: VerifyRequest) -> Iterable[CitationToCheck]:
    return (citation for claim in request.claims for citation in claim.citations)


def _statements(runtime: Runtime, caller: Caller, request: VerifyRequest) -> dict[str, Statement]:
    """The caller's own receipts among those cited."""
    found = {}
    for receipt_id in sorted({one.receipt_id for one in _citations(request) if one.receipt_id}):
        try:
            found[receipt_id] = own_statement(runtime, caller, receipt_id)
        except NotFoundError:
            continue  # absent or somebody else's: what cites it is unavailable
    return found


def _chunk_of(citation: CitationToCheck, statements: Mapping[str, Statement]) -> str | None:
    if citation.chunk_id is not None:
        return citation.chunk_id if well_formed(citation.chunk_id) else None
    statement = statements.get(citation.receipt_id or "")
    place = int((citation.evidence or "e0")[1:])
    if statement is None or place > len(statement.citations):
        return None
    return statement.citations[place - 1].chunk_id


def _texts(runtime: Runtime, caller: Caller, ids: set[str]) -> dict[str, str]:
    """The chunks among ``ids`` that the caller may see now, as they would be served."""
    with runtime.database.read(caller.tenant) as session:
        generation = served_generation(session)
        scope = runtime.resolver.resolve(session, caller, now=runtime.clock()).scope
        if generation is None or scope.empty:
            return {}
        chunks = fetch(session, scope, generation, sorted(ids), fingerprint="")
    served = {}
    for chunk in chunks.values():
        place = min(chunk.places, key=lambda place: (place.document_id, place.ordinal))
        trusted = trust(chunk, place, runtime.settings.trust_policy)
        if recheck(scope, chunk) and trusted.verdict is not TrustVerdict.WITHHELD:
            served[chunk.id] = trusted.text
    return served


def _check(citation: CitationToCheck, text: str | None) -> CheckedCitation:
    if text is None:
        return _UNAVAILABLE
    if citation.quote is None:
        return CheckedCitation(result=CitationResult.UNQUOTED, start=None, end=None)
    match = check_quote(citation.quote, text)
    return CheckedCitation(result=_RESULT_OF[match.outcome], start=match.start, end=match.end)
