"""The guarded routes: translate, call the core in a worker thread, count, return.

Plain ``def`` on purpose: the core is synchronous, and the framework runs these in its thread pool.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import PlainTextResponse

from acl.caller import ApiScope, Caller
from retrieval import observed
from retrieval.api.auth import PROBLEMS, Authorised, guarded, runtime_of
from retrieval.api.boundary import request_id_of
from retrieval.api.conditional import NOT_MODIFIED, IfNoneMatch, unless_known
from retrieval.evidence import EvidenceResponse, RetrieveResponse, SourcesResponse
from retrieval.installation_gauges import MEDIA_TYPE, exposition
from retrieval.limits.web import Listing, Reading, Retrieving
from retrieval.lookup import get_evidence, list_sources
from retrieval.pipeline import retrieve
from retrieval.query import RetrieveRequest
from retrieval.runtime import Runtime

SURFACE: Final = "http"
MAX_ID_CHARS: Final = 128
READY: Final = "ok"

router = APIRouter(prefix="/v1", responses=PROBLEMS)
operations = APIRouter()

RuntimeOf = Annotated[Runtime, Depends(runtime_of)]
Retriever = Annotated[Caller, Depends(Authorised(ApiScope.RETRIEVE))]


@router.post("/retrieve", dependencies=guarded(ApiScope.RETRIEVE), operation_id="retrieve")
def retrieve_evidence(
    body: RetrieveRequest,
    caller: Retriever,
    runtime: RuntimeOf,
    ticket: Retrieving,
    request: Request,
) -> RetrieveResponse:
    """Evidence the caller is cleared to see, cited, with what is stale or in doubt."""

    def work() -> RetrieveResponse:
        response = retrieve(runtime, caller, body, request_id=request_id_of(request))
        ticket.evidence_tokens(response.usage.evidence_tokens)
        return response

    return observed.retrieval(SURFACE, body.limit, work)


@router.get(
    "/evidence/{chunk_id}",
    dependencies=guarded(ApiScope.RETRIEVE),
    operation_id="get_evidence",
    response_model=EvidenceResponse,
    responses=NOT_MODIFIED,
)
def evidence_by_id(
    chunk_id: Annotated[str, Path(max_length=MAX_ID_CHARS)],
    caller: Retriever,
    runtime: RuntimeOf,
    ticket: Reading,
    request: Request,
    *,
    response: Response,
    _if_none_match: IfNoneMatch = None,
) -> EvidenceResponse | Response:
    """One piece of evidence with its neighbours. Absent and forbidden are one 404."""

    def work() -> EvidenceResponse:
        found = get_evidence(runtime, caller, chunk_id, request_id=request_id_of(request))
        ticket.evidence_tokens(found.usage.evidence_tokens)
        return found

    return unless_known(request, response, runtime, observed.evidence(SURFACE, work))


@router.get(
    "/sources",
    dependencies=guarded(ApiScope.RETRIEVE),
    operation_id="list_sources",
    response_model=SourcesResponse,
    responses=NOT_MODIFIED,
)
def sources(
    caller: Retriever,
    runtime: RuntimeOf,
    _ticket: Listing,
    request: Request,
    *,
    response: Response,
    _if_none_match: IfNoneMatch = None,
) -> SourcesResponse | Response:
    """Freshness of the sources in which the caller can see something."""
    found = list_sources(runtime, caller, request_id=request_id_of(request))
    return unless_known(request, response, runtime, found)


@operations.get(
    "/metrics",
    dependencies=guarded(ApiScope.OPS),
    operation_id="metrics",
    response_class=PlainTextResponse,
)
def metrics(request: Request, runtime: RuntimeOf) -> Response:
    """Prometheus metrics. Counts span tenants, so a key with the scope ``ops`` is asked for."""
    ready = request.app.state.warmth == READY
    return Response(
        exposition(request.app.state.metrics, runtime, ready=ready), media_type=MEDIA_TYPE
    )
