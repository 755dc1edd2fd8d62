"""``clearance ingest``: a folder, a manifest or storage into the index."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.cli.exits import CommandError, reported
from retrieval.cli.opening import opened
from retrieval.cli.options import AclMaxAge, Json, MaxAge, Since, Tenant
from retrieval.cli.origin import origin_of
from retrieval.cli.output import console, hint, show_json
from retrieval.cli.runs import exit_code, print_report, progress
from retrieval.cli.watching import run_on_change

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ingestion.report import RunReport
    from retrieval.runtime import Runtime


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(ingest)


def ingest(
    context: typer.Context,
    where: Annotated[
        str,
        typer.Argument(
            help="A folder, a manifest (.jsonl, .parquet) or a URL such as s3://bucket/folder.",
            metavar="WHERE",
        ),
    ],
    tenant: Tenant,
    source: Annotated[
        str | None,
        typer.Option(help="Name of the source. Default: made from WHERE.", metavar="NAME"),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Who may see it all, such as group:staff. Repeat.", metavar="PRINCIPAL"),
    ] = None,
    deny: Annotated[
        list[str] | None, typer.Option(help="Who may not. Repeat.", metavar="PRINCIPAL")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="A YAML file with further fields of the source: see docs/sources.md.",
            metavar="FILE",
        ),
    ] = None,
    max_age: MaxAge = None,
    acl_max_age: AclMaxAge = None,
    full: Annotated[bool, typer.Option("--full", help="Process unchanged documents too.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would change; write nothing.")
    ] = False,
    since: Since = None,
    confirm_deletions: Annotated[
        bool,
        typer.Option("--confirm-deletions", help="Accept that far fewer documents are listed."),
    ] = False,
    watch: Annotated[
        bool,
        typer.Option(
            "--watch",
            help="Stay, and run again whenever the folder changes, until interrupted.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring the index in line with a folder, a manifest or storage.

    Documents need an ACL: give --allow, put an .acl.yaml into the folder, or let each row of the
    manifest say who may see it. What has none is reported and not indexed. Running it again costs
    only what has changed; it may be interrupted. For a database: clearance sources add.
    """
    with reported():  # before a data directory is made for nothing
        origin = origin_of(where, allow=allow or (), deny=deny or (), config=config)
        name = origin.named(source)
        if watch and origin.kind != "folder":
            raise CommandError("--watch is for folders: run anything else again by a schedule")
        if watch and since is not None:
            raise CommandError("--since is for one run: leave it or --watch out")
    with opened(context) as runtime:

        def once(cancelled: Callable[[], bool]) -> RunReport:
            report = run_source(
                runtime,
                tenant=tenant,
                name=name,
                kind=origin.kind,
                config=origin.config,
                max_age_seconds=max_age,
                acl_max_age_seconds=acl_max_age,
                full=full,
                dry_run=dry_run,
                since=since,
                confirm_deletions=confirm_deletions,
                cancelled=cancelled,
                quiet=as_json,
            )
            if as_json:
                show_json(report.to_dict())
            else:
                print_report(console(), report)
                _suggest(runtime, report, allow or ())
            return report

        if watch:
            run_on_change(Path(where), once, data_dir=runtime.settings.data_dir)
            return
        report = once(lambda: False)
    raise typer.Exit(exit_code(report))


def run_source(
    runtime: Runtime,
    *,
    tenant: str,
    name: str,
    kind: str,
    config: Mapping[str, Any],
    max_age_seconds: int | None = None,
    acl_max_age_seconds: int | None = None,
    full: bool = False,
    dry_run: bool = False,
    since: datetime | None = None,
    confirm_deletions: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
    quiet: bool = False,
) -> RunReport:
    """Ingest one source with a progress bar; it remembers what ``reindex`` needs."""
    from ingestion import jobs
    from ingestion.sources.registry import open_source, settled_config

    source = open_source(name, kind, config)
    with progress(f"{tenant}/{name}", quiet=quiet) as advance:
        return jobs.ingest(
            runtime.ingest_context(),
            source,
            tenant=tenant,
            config=jobs.SourceConfig(
                kind=kind,
                config=settled_config(kind, config),
                max_age_seconds=max_age_seconds,
                acl_max_age_seconds=acl_max_age_seconds,
            ),
            full=full,
            dry_run=dry_run,
            since=since,
            confirm_deletions=confirm_deletions,
            on_progress=advance,
            cancelled=cancelled,
        )


def _suggest(runtime: Runtime, report: RunReport, allow: Sequence[str]) -> None:
    """What a newcomer needs next: members for an empty group, an ACL, or a first question."""
    if report.dry_run or report.status is None:
        return
    tenant = report.tenant
    unlabelled = sum(failure.code == "acl_missing" for failure in report.failures)
    empty = [name for name in allow if name.startswith("group:") and _empty(runtime, tenant, name)]
    if unlabelled and not allow:
        hint(
            f"{unlabelled:,} documents stand under no ACL, so nobody may see them: run it again "
            "with --allow group:NAME, put an .acl.yaml into the folder, or fill the rows' acl"
        )
    for group in empty:
        hint(
            f"{group} has no members, so it admits nobody yet: "
            f"clearance acl add-member {group} user:NAME --tenant {tenant}"
        )
    if report.added and not empty:
        hint(f'clearance query "…" --tenant {tenant} --as user:NAME')


def _empty(runtime: Runtime, tenant: str, group: str) -> bool:
    from sqlalchemy import select

    from acl.models import MembershipRow

    with runtime.database.read(tenant) as session:
        return session.scalar(select(MembershipRow).where(MembershipRow.grp == group)) is None
