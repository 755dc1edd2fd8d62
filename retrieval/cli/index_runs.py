"""``clearance runs``: runs of sources, how they stand, and stopping one."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, hint, show_json, table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.runs import RunState

app = typer.Typer(help="Runs of sources: how they stand, and stopping one.", no_args_is_help=True)

RunId = Annotated[str, typer.Argument(help="The run's id.", metavar="ID")]


@app.command("list")
def list_(
    context: typer.Context,
    tenant: Tenant,
    source: Annotated[
        str | None, typer.Option(help="Only runs of this source.", metavar="NAME")
    ] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1)] = 20,
    as_json: Json = False,
) -> None:
    """List a tenant's latest runs, newest first."""
    with opened(context) as runtime:
        from ingestion.runs import run_states

        require_tenant(runtime, tenant)
        found = run_states(runtime.ingest_context(), tenant, source=source, limit=limit)
    if as_json:
        show_json([_told(run) for run in found])
        return
    console().print(
        table(
            ["run", "source", "status", "started", "done", "asked by"],
            [
                (
                    run.id,
                    run.source,
                    run.status.value,
                    f"{run.started_at:%Y-%m-%d %H:%M:%S}",
                    _done(run),
                    run.requested_by,
                )
                for run in found
            ],
            right="done",
        )
    )
    if not found:
        hint("no source was run yet: clearance ingest, or clearance reindex")


@app.command()
def show(context: typer.Context, run_id: RunId, tenant: Tenant) -> None:
    """Show one run as JSON: its options, its progress, and its report with every failure."""
    with opened(context) as runtime, _named(run_id):
        from ingestion.runs import run_state

        show_json(_told(run_state(runtime.ingest_context(), tenant, run_id)))


@app.command()
def cancel(context: typer.Context, run_id: RunId, tenant: Tenant, as_json: Json = False) -> None:
    """Ask a run to stop. It does so after the batch in hand; what is written stays."""
    with opened(context) as runtime, _named(run_id):
        from ingestion.report import RunStatus
        from ingestion.runs import cancel as stop

        run = stop(runtime.ingest_context(), tenant, run_id)
    if as_json:
        show_json(_told(run))
    elif run.status is RunStatus.RUNNING:
        console().print("asked to stop; it does so after the batch in hand")
    else:
        console().print(f"{run.status.value}")


@contextmanager
def _named(run_id: str) -> Iterator[None]:
    from acl.errors import NotFoundError

    try:
        yield
    except NotFoundError:
        raise CommandError(
            f"run {run_id!r} does not exist; list them with 'clearance runs list'"
        ) from None


def _told(run: RunState) -> dict[str, Any]:
    return asdict(run)


def _done(run: RunState) -> str | None:
    if not run.progress:
        return None
    return f"{run.progress['done']:,} of {run.progress['total']:,}"
