"""``clearance reindex``: run the configured sources again, or rebuild the whole index."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, redirect_stdout
from enum import StrEnum
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.exits import CommandError, Exit
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import AnyTenant, Json, Since
from retrieval.cli.output import console, errors, printable, show_json
from retrieval.cli.runs import exit_code, print_report, progress, progress_of_many

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.context import IngestContext
    from ingestion.report import Reindexed
    from retrieval.runtime import Runtime


class Engine(StrEnum):
    """Where the documents of a run are parsed and embedded."""

    LOCAL = "local"
    RAY = "ray"


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
    engine: Annotated[
        Engine,
        typer.Option(
            help="Where documents are parsed and embedded: local (this process and its own), or "
            "ray (workers on this machine, or on the cluster that RAY_ADDRESS names; extra ray)."
        ),
    ] = Engine.LOCAL,
    workers: Annotated[
        int | None,
        typer.Option(help="Workers of the engine ray. Default: one a processor.", min=1, max=1024),
    ] = None,
    as_json: Json = False,
) -> None:
    """Bring the index in line with every configured source.

    Unchanged documents cost a hash, or nothing where the source marks its versions. One source that
    cannot be read does not keep the others back.
    """
    from ingestion import jobs

    with opened(context) as runtime:
        if workers is not None and engine is Engine.LOCAL:
            raise CommandError("--workers is for --engine ray: leave it out, or name the engine")
        if full and (tenant or source):
            raise CommandError("--full rebuilds all of the index: leave --tenant/--source out")
        if full and (dry_run or since or confirm_deletions):
            raise CommandError("--full reads no source: leave the options of a sync out")
        if tenant is not None:
            require_tenant(runtime, tenant)
        with _on(runtime, engine, workers) as installation:
            if full:
                generation = _rebuild(installation, quiet=as_json)
            else:
                with progress_of_many("sources", quiet=as_json) as advance:
                    done = jobs.reindex(
                        installation,
                        tenant=tenant,
                        source=source,
                        dry_run=dry_run,
                        since=since,
                        confirm_deletions=confirm_deletions,
                        on_progress=None
                        if advance is None
                        else (lambda of, name, state: advance(f"{of}/{name}", state)),
                    )
        if not full and not done.reports and not done.broken:
            raise CommandError(
                "there is no such source; list them with 'clearance sources list', or ingest a "
                "folder first"
            )
    if full:
        _print_rebuilt(generation, as_json=as_json)
        return
    if as_json:
        show_json(done.to_dict())
    else:
        _print(done)
    raise typer.Exit(Exit.PARTIAL if done.broken else exit_code(*done.reports))


def _print_rebuilt(generation: str, *, as_json: bool) -> None:
    if as_json:
        show_json({"generation": generation})
    else:
        console().print(f"rebuilt: generation {generation} is active", style="green")


def _print(done: Reindexed) -> None:
    for report in done.reports:
        print_report(console(), report)
    for one in done.broken:
        errors().print(
            printable(f"error: {one.tenant}/{one.source}: {one.message}"),
            style="red",
            soft_wrap=True,
        )


@contextmanager
def _on(runtime: Runtime, engine: Engine, workers: int | None) -> Iterator[IngestContext]:
    """The installation, its documents read where the engine reads them."""
    if engine is Engine.LOCAL:
        yield runtime.ingest_context()
        return
    if find_spec("ray") is None:
        raise CommandError("--engine ray: install 'clearance-retrieval[ray]'")
    from ingestion.embedding.factory import create_embedder
    from ingestion.spread.engine import on_ray

    settings = runtime.settings
    # Threads are counted over all workers: several that each take every core would only wait.
    create = partial(create_embedder, model_dir=settings.model_dir, threads=settings.threads or 1)
    count = workers or os.cpu_count() or 1
    with (
        # Ray tells of workers that died on standard output, which is for what was asked for.
        redirect_stdout(sys.stderr),
        on_ray(runtime.ingest_context(), create, workers=count) as installation,
    ):
        yield installation


def _rebuild(installation: IngestContext, *, quiet: bool) -> str:
    from ingestion.generations import rebuild
    from ingestion.report import Progress

    with progress("all tenants", quiet=quiet) as advance:

        def step(done: int, total: int) -> None:
            if advance is not None:
                advance(Progress(done, total, 0, "rebuilding"))

        return rebuild(installation, step)
