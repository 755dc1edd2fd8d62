"""``clearance quality``: how long records of answers and checks are kept."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.durations import parse_past
from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened, require_tenant, tenants
from retrieval.cli.options import AnyTenant, Json
from retrieval.cli.output import console, counted, printable, show_json
from retrieval.cli.who import operator

if TYPE_CHECKING:
    from retrieval.quality.retention import Old
    from retrieval.runtime import Runtime

app = typer.Typer(help="Records of answers and checks, as analysts see them.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Records of answers and checks, as analysts see them."""


@app.command()
def prune(
    context: typer.Context,
    tenant: AnyTenant = None,
    before: Annotated[
        datetime | None,
        typer.Option(
            parser=parse_past,
            metavar="WHEN",
            help="Days that were over by then go: 400d before now, or a date. Default: "
            "CLEARANCE_QUALITY_KEEP_DAYS before now.",
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove old records of answers, checks and opinions, of every tenant or of one.

    A job for a scheduler: records are kept until it runs. Who removed how many is in the audit.
    """
    with opened(context) as runtime:
        from retrieval.quality.retention import plan_prune
        from retrieval.quality.retention import prune as remove

        if tenant is not None:
            require_tenant(runtime, tenant)
        until = _before(runtime, before)
        names = tenants(runtime) if tenant is None else [tenant]
        planned = [plan_prune(runtime, name, before=until) for name in names]
        if not dry_run:
            for old in planned:
                remove(runtime, old, actor=operator())
    if as_json:
        show_json([{**old.to_dict(), "removed": not dry_run} for old in planned])
        return
    for old in planned:
        console().print(_line(old, dry_run=dry_run))


def _before(runtime: Runtime, given: datetime | None) -> datetime:
    from retrieval.quality.retention import kept_from

    until = given or kept_from(runtime)
    if until is None:
        raise CommandError(
            "records are kept for good: give --before, or set CLEARANCE_QUALITY_KEEP_DAYS"
        )
    return until


def _line(old: Old, *, dry_run: bool) -> str:
    told = ", ".join(
        (
            counted(old.retrievals, "answer"),
            counted(old.checks, "check"),
            counted(old.feedback, "opinion"),
        )
    )
    done = "nothing removed" if dry_run or not old.records else "removed"
    return f"{printable(old.tenant)}: {told} from before {old.before:%Y-%m-%d}: {done}"
