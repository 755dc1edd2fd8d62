"""``clearance directory``: synchronising users and groups with whoever keeps them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from retrieval.cli.acl_change import administering
from retrieval.cli.acl_policy import PlanOnly
from retrieval.cli.exits import CommandError, Exit
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, one_line, show_json, table
from retrieval.cli.plan_view import print_plan

if TYPE_CHECKING:
    from rich.console import Console

    from acl.admin.sync import SyncReport

app = typer.Typer(help="Users and groups that a directory keeps.", no_args_is_help=True)

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


@app.callback()
def directory() -> None:
    """Users and groups that a directory keeps."""


@app.command()
def sync(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON or JSON lines: users, services, groups.", metavar="FILE", dir_okay=False
        ),
    ],
    tenant: Tenant,
    name: Annotated[
        str, typer.Option("--name", help="The directory's name, such as okta.", metavar="NAME")
    ],
    plan: PlanOnly = False,
    confirm_removals: Annotated[
        bool,
        typer.Option("--confirm-removals", help="Accept that unusually much is removed."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring what a directory keeps in line with its listing.

    Only what it keeps is ever removed by it. Unusually many removals are held, while the rest is
    done, until you confirm them; the exit code is 3 then.
    """
    with opened(context) as runtime:
        from acl.admin.sync_file import MAX_BYTES, read_listing

        require_tenant(runtime, tenant)
        if not _NAME.fullmatch(name):
            raise CommandError("--name: use letters, digits, dots, dashes or underscores")
        with file.open("rb") as stream:
            listing = read_listing(stream.read(MAX_BYTES + 1), file=str(file))
        if plan:
            from acl.admin.sync import plan_sync

            with runtime.database.write(tenant) as session:
                report = plan_sync(
                    session,
                    tenant,
                    name,
                    listing,
                    secret=runtime.secret,
                    now=runtime.clock(),
                    confirm_removals=confirm_removals,
                )
        else:
            with administering(runtime, tenant) as administration:
                report = administration.sync(name, listing, confirm_removals=confirm_removals)
        if as_json:
            show_json({**report.to_dict(), "planned": plan})
        else:
            _print(console(), report, planned=plan)
    if report.held:
        raise typer.Exit(Exit.PARTIAL)


def _print(screen: Console, report: SyncReport, *, planned: bool) -> None:
    counts = [(key.replace("_", " "), count) for key, count in report.counts.items() if count]
    if counts:
        screen.print(table(["would be" if planned else "done", "count"], counts, right="count"))
    print_plan(screen, report.plan, planned=planned)
    for heading, names in (
        ("switched off by hand, so they stay off", report.left_off),
        ("kept by another directory, so left as they are", report.kept_elsewhere),
    ):
        if names:
            shown = ", ".join(map(one_line, names[:10]))
            screen.print(f"{heading}: {len(names):,} ({shown})", style="yellow", soft_wrap=True)
    for kind, count in report.held.items():
        screen.print(
            f"{count:,} removals ({kind.value}) are held, unusually many: all stays as it was "
            "until you run it again with --confirm-removals",
            style="yellow",
            soft_wrap=True,
        )
