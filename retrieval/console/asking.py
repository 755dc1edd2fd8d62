"""Asking: the form, the answer, and one piece of evidence with what stands around it.

A question is sent in a body and never stands in an address, where histories and proxies would keep
it. What is shown is the response of :func:`retrieval.pipeline.retrieve` and nothing besides.
"""

from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends
from fastapi.responses import Response
from pydantic import ValidationError

from acl.caller import ApiScope
from retrieval import observed
from retrieval.api.problems import FieldError, refuse_fields
from retrieval.console.form import Form
from retrieval.console.page import Page, page
from retrieval.console.session import HOME
from retrieval.console.visit import SignedIn, Visit, admission, opened_by
from retrieval.evidence import EvidenceResponse, RetrieveResponse
from retrieval.limits.budgets import Operation
from retrieval.limits.ticket import Ticket
from retrieval.lookup import get_evidence, list_sources
from retrieval.pipeline import retrieve
from retrieval.query import MAX_QUERY_CHARS, RetrieveRequest
from retrieval.receipt_status import receipt_status

SURFACE: Final = "console"
LIMITS: Final = (4, 8, 16, 32)
_FIELDS: Final = ("query", "sources", "limit", "weak", "modified_since", "cursor")
_DEFAULT_LIMIT: Final = "8"
_UNPROCESSABLE: Final = 422

router = APIRouter(prefix=HOME, route_class=Page, include_in_schema=False)

Retriever = Annotated[Visit, Depends(SignedIn(ApiScope.RETRIEVE))]
Asking = Annotated[Ticket, admission(Operation.RETRIEVE, ApiScope.RETRIEVE)]
Reading = Annotated[Ticket, admission(Operation.GET_EVIDENCE, ApiScope.RETRIEVE)]
Listing = Annotated[Ticket, admission(Operation.LIST_SOURCES, ApiScope.RETRIEVE)]


@router.get("/ask", dependencies=opened_by(ApiScope.RETRIEVE), operation_id="retrieve")
def empty(visit: Retriever, _ticket: Listing) -> Response:
    """The form."""
    return _asked(visit)


@router.post("/ask", dependencies=opened_by(ApiScope.RETRIEVE), operation_id="retrieve")
def ask(visit: Retriever, ticket: Asking) -> Response:
    """The form, and the answer below it; or what is wrong with the question."""
    form = visit.sent
    form.require_only(*_FIELDS)
    try:
        request = RetrieveRequest.model_validate(_request(form))
    except ValidationError as error:
        problem = refuse_fields(error.errors(), request_id=visit.request_id)
        visit.request.state.code = problem.code
        return _asked(visit, errors=problem.errors or [], status=_UNPROCESSABLE)

    def work() -> RetrieveResponse:
        response = retrieve(visit.runtime, visit.caller, request, request_id=visit.request_id)
        ticket.evidence_tokens(response.usage.evidence_tokens)
        return response

    return _asked(visit, response=observed.retrieval(SURFACE, request.limit, work))


@router.get(
    "/evidence/{chunk_id}", dependencies=opened_by(ApiScope.RETRIEVE), operation_id="get_evidence"
)
def evidence(chunk_id: str, visit: Retriever, ticket: Reading) -> Response:
    """One piece with its neighbours. Absent and forbidden are one page."""

    def work() -> EvidenceResponse:
        told = get_evidence(visit.runtime, visit.caller, chunk_id, request_id=visit.request_id)
        ticket.evidence_tokens(told.usage.evidence_tokens)
        return told

    return page(visit, "evidence.html", told=observed.evidence(SURFACE, work))


@router.get("/sources", dependencies=opened_by(ApiScope.RETRIEVE), operation_id="list_sources")
def sources(visit: Retriever, _ticket: Listing) -> Response:
    """The sources in which the caller can see something, and how current they are."""
    told = list_sources(visit.runtime, visit.caller, request_id=visit.request_id)
    return page(visit, "sources.html", sources=told.sources)


@router.get(
    "/receipts/{receipt_id}",
    dependencies=opened_by(ApiScope.RETRIEVE),
    operation_id="receipt_status",
)
def receipt(receipt_id: str, visit: Retriever) -> Response:
    """How what one of the caller's own receipts cites stands now."""
    told = receipt_status(visit.runtime, visit.caller, receipt_id, request_id=visit.request_id)
    return page(visit, "receipt.html", told=told)


def _request(form: Form) -> dict[str, Any]:
    """The form as the request of REST; what is left empty is left out."""
    asked: dict[str, Any] = {
        "query": form.one("query").strip(),
        "limit": form.one("limit") or _DEFAULT_LIMIT,
        "sources": form.many("sources") or None,
        "cursor": form.one("cursor") or None,
    }
    if form.one("weak"):
        asked["min_relevance"] = 0.0
    if since := form.one("modified_since"):
        asked["filters"] = {"modified_at": {"since": f"{since}T00:00:00Z"}}
    return asked


def _asked(
    visit: Visit,
    *,
    response: RetrieveResponse | None = None,
    errors: list[FieldError] | None = None,
    status: int = 200,
) -> Response:
    """The page with the form as it was sent, and what came of it."""
    form = visit.sent
    listed = list_sources(visit.runtime, visit.caller, request_id=visit.request_id)
    return page(
        visit,
        "ask.html",
        status=status,
        response=response,
        errors={error.field.partition(".")[0]: _plain(error) for error in errors or []},
        asked={
            "query": form.one("query"),
            "limit": form.one("limit") or _DEFAULT_LIMIT,
            "sources": form.many("sources"),
            "weak": form.one("weak"),
            "modified_since": form.one("modified_since"),
            "cursor": form.one("cursor"),
        },
        sources=listed.sources,
        limits=LIMITS,
        max_chars=MAX_QUERY_CHARS,
    )


def _plain(error: FieldError) -> str:
    """What is wrong with a field, for people."""
    if error.field == "query" and "at least 1 character" in error.message:
        return "Write a question first."
    if error.field.startswith("filters"):
        return "Give a date such as 2026-01-31, or leave it empty."
    return error.message[:1].upper() + error.message[1:]
