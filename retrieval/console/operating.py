"""For those who run the service: runs of the sources, the generations of the index, and health.

Runs are the tenant's own and ask for ``ingest``, as in REST; what spans tenants asks for ``ops``,
as the metrics do, and names none.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Depends
from fastapi.responses import RedirectResponse, Response

from acl.caller import ApiScope
from acl.entries import MAX_NAME_LENGTH
from ingestion import runs
from ingestion.active import all_generations
from ingestion.index.facets import LAYOUT
from retrieval.api.index_runs import IndexRun
from retrieval.console.page import Page, page
from retrieval.console.session import HOME
from retrieval.console.visit import SignedIn, Visit, opened_by

LATEST: Final = 50
_SEE_OTHER: Final = 303

router = APIRouter(prefix=HOME, route_class=Page, include_in_schema=False)

Ingester = Annotated[Visit, Depends(SignedIn(ApiScope.INGEST))]
Operator = Annotated[Visit, Depends(SignedIn(ApiScope.OPS))]


@router.get(
    "/runs", dependencies=opened_by(ApiScope.INGEST, "source"), operation_id="list_index_runs"
)
def list_runs(visit: Ingester, source: str = "") -> Response:
    """The latest runs of the tenant, or of one source of it."""
    found = runs.run_states(
        visit.runtime.ingest_context(),
        visit.caller.tenant,
        source=source[:MAX_NAME_LENGTH] or None,
        limit=LATEST,
    )
    told = [IndexRun.of(run) for run in found]
    return page(visit, "runs.html", told=told, source=source)


@router.get("/runs/{run_id}", dependencies=opened_by(ApiScope.INGEST), operation_id="get_index_run")
def show_run(run_id: str, visit: Ingester) -> Response:
    """One run: where it stands, and once it has ended, what it came to."""
    told = runs.run_state(visit.runtime.ingest_context(), visit.caller.tenant, run_id)
    return page(visit, "run.html", run=IndexRun.of(told), going=told.status in runs.GOING)


@router.post(
    "/runs/{run_id}/cancel",
    dependencies=opened_by(ApiScope.INGEST),
    operation_id="cancel_index_run",
)
def cancel_run(run_id: str, visit: Ingester) -> Response:
    """Ask a run to stop after the batch in hand; what is written stays."""
    visit.sent.require_only()
    told = runs.cancel(visit.runtime.ingest_context(), visit.caller.tenant, run_id)
    return RedirectResponse(f"{HOME}/runs/{told.id}", _SEE_OTHER)


@router.get("/operations", dependencies=opened_by(ApiScope.OPS))
def operations(visit: Operator) -> Response:
    """Whether queries can be answered, and what the index is built of."""
    return page(
        visit,
        "operations.html",
        guards=list(visit.runtime.guards),
        warmth=str(visit.request.app.state.warmth),
        generations=all_generations(visit.runtime.database),
        layout=LAYOUT,
    )
