"""``clearance reindex``: run the configured sources again, or rebuild the whole index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.exits import CommandError, Exit
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import AnyTenant, Json, Since
from retrieval.cli.output import console, errors, printable, show_json
from retrieval.cli.runs import exit_code, print_report, progress, progress_of_many

if TYPE_CHECKING:
    from ingestion.report import Reindexed
    from retrieval.runtime import Runtime


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reindex)


def reindex(
    context: typer.Context,
    tenant: AnyTenant = None,
    source: Annotated[str | None, typer.Option(help="Only this source.", metavar="NAME")] = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full",
            help="Rebuild the index of every tenant from the catalogue, for instance after a "
            "change of CLEARANCE_EMBEDDER. Queries go on meanwhile.",
        ),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would change; write nothing.")
    ] = False,
    since: Since = None,
    confirm_deletions: Annotated[
        bool,
        typer.Option("--confirm-deletions", help="Accept that far fewer documents are listed."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the index in line with every configured source.

    Unchanged documents cost a hash, or nothing where the source marks its versions. One source that
    cannot be read does not keep the others back.
    """
    from ingestion import jobs

    with opened(context) as runtime:
        if full:
            if tenant or source:
                raise CommandError("--full rebuilds all of the index: leave --tenant/--source out")
            if dry_run or since or confirm_deletions:
                raise CommandError("--full reads no source: leave the options of a sync out")
            _rebuild(runtime, as_json=as_json)
            return
        if tenant is not None:
            require_tenant(runtime, tenant)
        with progress_of_many("sources", quiet=as_json) as advance:
            done = jobs.reindex(
                runtime.ingest_context(),
                tenant=tenant,
                source=source,
                dry_run=dry_run,
                since=since,
                confirm_deletions=confirm_deletions,
                on_progress=None
                if advance is None
                else (lambda of, name, state: advance(f"{of}/{name}", state)),
            )
        if not done.reports and not done.broken:
            raise CommandError(
                "there is no such source; list them with 'clearance sources list', or ingest a "
                "folder first"
            )
    if as_json:
        show_json(done.to_dict())
    else:
        _print(done)
    raise typer.Exit(Exit.PARTIAL if done.broken else exit_code(*done.reports))


def _print(done: Reindexed) -> None:
    for report in done.reports:
        print_report(console(), report)
    for one in done.broken:
        errors().print(
            printable(f"error: {one.tenant}/{one.source}: {one.message}"),
            style="red",
            soft_wrap=True,
        )


def _rebuild(runtime: Runtime, *, as_json: bool) -> None:
    from ingestion.generations import rebuild
    from ingestion.report import Progress

    with progress("all tenants", quiet=as_json) as advance:

        def step(done: int, total: int) -> None:
            if advance is not None:
                advance(Progress(done, total, 0, "rebuilding"))

        generation = rebuild(runtime.ingest_context(), step)
    if as_json:
        show_json({"generation": generation})
    else:
        console().print(f"rebuilt: generation {generation} is active", style="green")
