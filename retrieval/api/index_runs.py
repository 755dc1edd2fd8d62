"""``/v1/index-runs``: running a source again, for whoever holds ``ingest``.

A run is carried out by a process beside the service; here it is announced, looked at and stopped.
Reports tell how many documents came to what and how often what failed. Names of documents are not
in them: the office of ingest is no view of a source.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Any, Final, Self

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import AwareDatetime, Field, StrictBool

from acl.caller import ApiScope, Caller
from acl.entries import MAX_NAME_LENGTH
from ingestion import runs
from ingestion.lock import exclusive
from ingestion.report import RunStatus
from retrieval import idempotency
from retrieval.api.admin_routing import Strict
from retrieval.api.auth import PROBLEMS, Authorised, guarded
from retrieval.api.boundary import route_of
from retrieval.api.documents import IdempotencyKey, PostOf
from retrieval.api.routes import RuntimeOf
from retrieval.queue.kind import ATTEMPTS

MAX_PAGE: Final = 500
_COUNTS: Final = (
    *("listed", "added", "changed", "moved", "renamed", "deleted", "closed", "unchanged", "late"),
    *("skipped", "backlog", "held_deletions"),
    *("chunks_added", "chunks_removed", "chunks_deduplicated"),
)

router = APIRouter(
    prefix="/v1/index-runs",
    responses=PROBLEMS
    | {
        status: {**PROBLEMS[422], "description": description}
        for status, description in {
            404: "There is no such run or source in the caller's tenant",
            409: "A run of the source waits or goes on",
        }.items()
    },
)

Ingester = Annotated[Caller, Depends(Authorised(ApiScope.INGEST))]
RunId = Annotated[str, Path(max_length=64, description="The run's id.")]


class RunRequest(Strict):
    """Which source is to be run again, and how."""

    source: str = Field(min_length=1, max_length=MAX_NAME_LENGTH)
    full: StrictBool = Field(default=False, description="Process unchanged documents too.")
    dry_run: StrictBool = Field(default=False, description="Only count what would change.")
    since: AwareDatetime | None = Field(
        default=None, description="Leave out what was last modified no later than this."
    )
    confirm_deletions: StrictBool = Field(
        default=False, description="Accept a listing that shrank unusually."
    )

    def options(self, *, attempts: int) -> runs.RunOptions:
        """As the core knows them."""
        return runs.RunOptions(
            attempts=attempts,
            full=self.full,
            dry_run=self.dry_run,
            since=self.since,
            confirm_deletions=self.confirm_deletions,
        )


class RunProgress(Strict):
    """Where a run stands, to within a second."""

    done: int
    total: int
    chunks: int
    phase: str
    rate: float | None = Field(default=None, description="Documents per second.")
    eta_seconds: float | None = None


class RunSummary(Strict):
    """What a run came to."""

    counts: dict[str, int] = Field(description="How many documents came to what.")
    failures: dict[str, int] = Field(description="How many failed, by code.")
    error: str | None = Field(description="The code of what ended the run early.")


class IndexRun(Strict):
    """A run of a source."""

    id: str
    source: str
    status: RunStatus
    full: bool
    dry_run: bool
    since: AwareDatetime | None
    started_at: AwareDatetime = Field(description="When it began; until then, when it was asked.")
    finished_at: AwareDatetime | None
    cancelled_at: AwareDatetime | None = Field(description="When somebody asked it to stop.")
    progress: RunProgress | None
    report: RunSummary | None = Field(description="Null until it has ended.")

    @classmethod
    def of(cls, run: runs.RunState) -> Self:
        """As clients read it."""
        return cls(
            id=run.id,
            source=run.source,
            status=run.status,
            full=run.options.full,
            dry_run=run.options.dry_run,
            since=run.options.since,
            started_at=run.started_at,
            finished_at=run.finished_at,
            cancelled_at=run.cancelled_at,
            progress=RunProgress.model_validate(run.progress) if run.progress else None,
            report=None if run.status in runs.GOING else _summary(run.report),
        )


class RunPage(Strict):
    """The latest runs, newest first."""

    runs: list[IndexRun]


def _summary(report: Mapping[str, Any]) -> RunSummary:
    error = report.get("error")
    return RunSummary(
        counts={name: report[name] for name in _COUNTS if name in report},
        failures=Counter(failure["code"] for failure in report.get("failures", ())),
        # The message may name files of the machine; operators read it with 'clearance runs show'.
        error=None if not error else error.partition(":")[0],
    )


@router.post(
    "", status_code=202, dependencies=guarded(ApiScope.INGEST), operation_id="create_index_run"
)
def create_index_run(
    body: RunRequest, post: PostOf, response: Response, idempotency_key: IdempotencyKey = None
) -> IndexRun:
    """Ask for a run of a source; it is carried out beside the service. See where Location says."""
    caller, runtime, request = post.caller, post.runtime, post.request
    tenant, now, context = caller.tenant, runtime.clock(), runtime.ingest_context()
    sent = None
    if idempotency_key is not None:
        route = f"POST {route_of(request.scope)}"
        asked = body.model_dump_json().encode()
        sent = idempotency.Request.of(caller, idempotency_key, route, asked)
    # One transaction, so that one key never makes two runs.
    with exclusive(context.lock_path), runtime.database.write(tenant) as session:
        before = None if sent is None else idempotency.recall(session, tenant, sent, now=now)
        if before is not None:
            run_id = before.body
        else:
            options = body.options(attempts=ATTEMPTS[runtime.settings.queue])
            run_id = runs.submit(
                context, session, tenant, body.source, options, by=str(caller.subject)
            )
            if sent is not None:
                reply = idempotency.Reply(202, run_id)
                idempotency.remember(session, tenant, sent, reply, now=now)
    request.app.state.runner.wake()
    response.headers["Location"] = f"{router.prefix}/{run_id}"
    return IndexRun.of(runs.run_state(context, tenant, run_id))


@router.get(
    "",
    dependencies=guarded(ApiScope.INGEST, parameters=("source", "limit")),
    operation_id="list_index_runs",
)
def list_index_runs(
    caller: Ingester,
    runtime: RuntimeOf,
    source: Annotated[str | None, Query(max_length=MAX_NAME_LENGTH)] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_PAGE)] = 100,
) -> RunPage:
    """The latest runs of the caller's tenant, or of one source of it."""
    found = runs.run_states(runtime.ingest_context(), caller.tenant, source=source, limit=limit)
    return RunPage(runs=[IndexRun.of(run) for run in found])


@router.get("/{run_id}", dependencies=guarded(ApiScope.INGEST), operation_id="get_index_run")
def get_index_run(run_id: RunId, caller: Ingester, runtime: RuntimeOf) -> IndexRun:
    """One run: where it stands, and once it has ended, what it came to."""
    return IndexRun.of(runs.run_state(runtime.ingest_context(), caller.tenant, run_id))


@router.post(
    "/{run_id}:cancel",
    status_code=202,
    dependencies=guarded(ApiScope.INGEST, takes_body=False),
    operation_id="cancel_index_run",
)
def cancel_index_run(run_id: RunId, caller: Ingester, runtime: RuntimeOf) -> IndexRun:
    """Ask a run to stop. It does so after the batch in hand; what is written stays."""
    return IndexRun.of(runs.cancel(runtime.ingest_context(), caller.tenant, run_id))
