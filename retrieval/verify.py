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
from ingestion.catalog import locate, source_states
from retrieval.assemble import best_place, date, trust
from retrieval.evidence import Model
from retrieval.ids import well_formed
from retrieval.pipeline import recheck
from retrieval.receipt_store import own_statement
from retrieval.standing import rights_hold, snapshot
from verifier.citations import MAX_QUOTE, QuoteOutcome, check_quote
from verifier.policy import TrustVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from acl.caller import Caller
    from retrieval.receipt_statement import Statement
    from retrieval.runtime import Runtime
    from retrieval.standing import Snapshot

MAX_CLAIMS: Final = 50
MAX_CITATIONS: Final = 20
MAX_TOGETHER: Final = 200
MAX_CLAIM_CHARS: Final = 4_000
_ATTEMPTS: Final = 3

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

    @model_validator(mode="after")
    def _stay_within_reason(self) -> VerifyRequest:
        count = sum(len(claim.citations) for claim in self.claims)
        if count > MAX_TOGETHER:
            raise ValueError(f"{count} citations: check at most {MAX_TOGETHER} at once")
        return self


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
    """Check the citations of a draft against what the caller may see now.

    As with an answer, the rights are looked at last of all. While they keep changing under us,
    nothing is available.
    """
    statements = _statements(runtime, caller, request)
    cited = {one: _chunk_of(one, statements) for one in _citations(request)}
    ids = sorted({ident for ident in cited.values() if ident is not None})
    for _ in range(_ATTEMPTS):
        before = snapshot(runtime, caller)
        checked = _check_all(cited, _texts(runtime, before, ids))
        if rights_hold(runtime, caller, before.scope):
            break
    else:
        checked = _check_all(cited, {})
    return VerifyResponse(
        request_id=request_id,
        claims=[
            CheckedClaim(citations=[checked[citation] for citation in claim.citations])
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


def _texts(runtime: Runtime, before: Snapshot, ids: Sequence[str]) -> dict[str, str]:
    """The chunks among ``ids`` that the caller may see, as they would be served."""
    scope = before.scope
    with runtime.database.read(scope.tenant) as session:
        chunks = {ident: chunk for ident, (_, chunk) in locate(session, scope, ids).items()}
        names = sorted({place.source for chunk in chunks.values() for place in chunk.places})
        sources = source_states(session, scope.tenant, names)
    served = {}
    for chunk in chunks.values():
        if not recheck(scope, chunk):
            continue
        places = [date(one, sources, now=runtime.clock(), max_age=None) for one in chunk.places]
        current = [place for place in places if not place.excluded]
        if current:
            place = best_place(current).place
            trusted = trust(chunk, place, runtime.settings.trust_policy)
            if trusted.verdict is not TrustVerdict.WITHHELD:
                served[chunk.id] = trusted.text
    return served


def _check_all(
    cited: Mapping[CitationToCheck, str | None], texts: Mapping[str, str]
) -> dict[CitationToCheck, CheckedCitation]:
    return {one: _check(one, texts.get(ident or "")) for one, ident in cited.items()}


def _check(citation: CitationToCheck, text: str | None) -> CheckedCitation:
    if text is None:
        return _UNAVAILABLE
    if citation.quote is None:
        return CheckedCitation(result=CitationResult.UNQUOTED, start=None, end=None)
    match = check_quote(citation.quote, text)
    return CheckedCitation(result=_RESULT_OF[match.outcome], start=match.start, end=match.end)
