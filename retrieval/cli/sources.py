"""``clearance sources``: what is configured, how fresh, and by which standard."""

from __future__ import annotations

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from retrieval.cli.config_file import read_config
from retrieval.cli.durations import parse_duration, spoken
from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import AclMaxAge, Json, MaxAge, Tenant
from retrieval.cli.output import console, hint, show_json, table

app = typer.Typer(help="Sources and how fresh they must be.", no_args_is_help=True)


class OnStaleChoice(StrEnum):
    """What happens to evidence of a source that is too old."""

    FLAG = "flag"
    EXCLUDE = "exclude"


@app.command("list")
def list_(context: typer.Context, tenant: Tenant, as_json: Json = False) -> None:
    """List a tenant's sources with their freshness."""
    with opened(context) as runtime:
        from ingestion.freshness import source_freshness

        require_tenant(runtime, tenant)
        with runtime.database.read(tenant) as session:
            found = source_freshness(session, tenant, runtime.clock())
        if as_json:
            show_json([asdict(source) for source in found])
            return
        console().print(
            table(
                ["source", "state", "age", "may be", "when stale", "documents", "last error"],
                [
                    (
                        source.name,
                        source.state,
                        spoken(source.age_seconds),
                        spoken(source.max_age_seconds),
                        source.on_stale,
                        source.documents,
                        source.last_error,
                    )
                    for source in found
                ],
                right="age,may be,documents",
            )
        )
        if not found:
            hint(f"there is no source yet: clearance ingest FOLDER --tenant {tenant}")


@app.command()
def add(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The source.", metavar="NAME")],
    tenant: Tenant,
    kind: Annotated[
        str,
        typer.Option(help="folder, jsonl, parquet, fsspec, sql, or a plug-in's.", metavar="KIND"),
    ],
    config: Annotated[
        Path,
        typer.Option(help="A YAML file with the fields of its kind.", metavar="FILE"),
    ],
    max_age: MaxAge = None,
    acl_max_age: AclMaxAge = None,
    as_json: Json = False,
) -> None:
    """Note down a source of any kind, or change how it is configured; 'reindex' runs it.

    What each kind takes is in docs/sources.md. Secrets are never stored: name the environment
    variables that hold them.
    """
    with opened(context) as runtime:
        from ingestion.kept_source import keep_source

        new = keep_source(
            runtime.ingest_context(),
            tenant,
            name,
            kind=kind,
            config=read_config(config),
            max_age_seconds=max_age,
            acl_max_age_seconds=acl_max_age,
        )
    if as_json:
        show_json({"source": name, "tenant": tenant, "kind": kind, "new": new})
        return
    console().print(f"{tenant}/{name}: {'made' if new else 'kept'}", style="green", markup=False)
    hint(f"clearance reindex --tenant {tenant} --source {name}")


@app.command("set")
def set_(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The source.", metavar="NAME")],
    tenant: Tenant,
    max_age: Annotated[
        str | None,
        typer.Option(help="Such as 12h or 7d, or 'none' for no limit.", metavar="DURATION"),
    ] = None,
    acl_max_age: Annotated[
        str | None,
        typer.Option(
            help="How old its permissions may be before it closes, or 'none' for no limit.",
            metavar="DURATION",
        ),
    ] = None,
    on_stale: Annotated[
        OnStaleChoice | None,
        typer.Option(help="Serve stale evidence flagged, or leave it out."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Change how old a source and its permissions may be, and what happens when it is older."""
    seconds, acl_seconds = (
        None if given in {None, "none"} else parse_duration(str(given))
        for given in (max_age, acl_max_age)
    )
    with opened(context) as runtime:
        from acl.admin.freshness import limit_age
        from ingestion.freshness import describe
        from ingestion.models import SourceRow

        if max_age is None and acl_max_age is None and on_stale is None:
            raise CommandError("nothing to change: give --max-age, --acl-max-age or --on-stale")
        require_tenant(runtime, tenant)
        with runtime.database.write(tenant) as session:
            row = session.get(SourceRow, (tenant, name))
            if row is None:
                raise CommandError(
                    f"source {name!r} does not exist; list them with 'clearance sources list'"
                )
            if max_age is not None:
                row.max_age_seconds = seconds
            if acl_max_age is not None:
                limit_age(session, tenant, name, max_age_seconds=acl_seconds, now=runtime.clock())
            if on_stale is not None:
                row.on_stale = on_stale.value
            now = describe(row, runtime.clock())
        if as_json:
            show_json(
                {
                    "name": now.name,
                    "max_age_seconds": now.max_age_seconds,
                    "on_stale": now.on_stale,
                    "state": now.state,
                }
            )
        else:
            console().print(
                f"{now.name}: may be {spoken(now.max_age_seconds)} old, when stale "
                f"{now.on_stale}; now {now.state}"
            )
