"""``clearance reindex``: run the configured sources again, or rebuild the whole index."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.exits import CommandError, Exit
from retrieval.cli.ingest import run_folder
from retrieval.cli.opening import opened, require_tenant, tenants
from retrieval.cli.options import AnyTenant, Json
from retrieval.cli.output import console, errors, printable, show_json
from retrieval.cli.runs import exit_code, print_report, progress

if TYPE_CHECKING:
    from ingestion.models import SourceRow
    from ingestion.report import RunReport
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
    as_json: Json = False,
) -> None:
    """Bring the index in line with every configured source.

    Unchanged documents cost a hash. One source that cannot be read does not keep the others back.
    """
    with opened(context) as runtime:
        if full:
            if tenant or source:
                raise CommandError("--full rebuilds all of the index: leave --tenant/--source out")
            _rebuild(runtime, as_json=as_json)
            return
        if tenant is not None:
            require_tenant(runtime, tenant)
        chosen = [
            row
            for name in ([tenant] if tenant else tenants(runtime))
            for row in _sources(runtime, name)
            if source in {None, row.name}
        ]
        if not chosen:
            raise CommandError(
                "there is no such source; list them with 'clearance sources list', or ingest a "
                "folder first"
            )
        reports, broken = _run_all(runtime, chosen, as_json=as_json)
    if as_json:
        show_json({"runs": [report.to_dict() for report in reports], "errors": broken})
    raise typer.Exit(Exit.PARTIAL if broken else exit_code(*reports))


def _run_all(
    runtime: Runtime, chosen: list[SourceRow], *, as_json: bool
) -> tuple[list[RunReport], list[dict[str, str]]]:
    from ingestion.errors import IngestionError

    reports: list[RunReport] = []
    broken: list[dict[str, str]] = []
    for row in chosen:
        try:
            report = _run(runtime, row, quiet=as_json)
        except (IngestionError, CommandError) as error:
            broken.append({"tenant": row.tenant, "source": row.name, "error": str(error)})
            if not as_json:
                errors().print(
                    printable(f"error: {row.tenant}/{row.name}: {error}"),
                    style="red",
                    soft_wrap=True,
                )
            continue
        reports.append(report)
        if not as_json:
            print_report(console(), report)
    return reports, broken


def _run(runtime: Runtime, row: SourceRow, *, quiet: bool) -> RunReport:
    if row.kind != "folder":
        raise CommandError(f"a source of kind {row.kind!r} cannot be run from here")
    config = json.loads(row.config)
    folder = Path(config["root"])
    if not folder.is_dir():
        raise CommandError(f"its folder {folder} is not there: mount it, or ingest its new place")
    return run_folder(
        runtime,
        folder,
        tenant=row.tenant,
        name=row.name,
        allow=config.get("allow", ()),
        deny=config.get("deny", ()),
        quiet=quiet,
    )


def _sources(runtime: Runtime, tenant: str) -> list[SourceRow]:
    from sqlalchemy import select

    from ingestion.models import SourceRow as Row

    with runtime.database.read(tenant) as session:
        rows = list(session.scalars(select(Row).order_by(Row.name)))
        session.expunge_all()
    return rows


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
