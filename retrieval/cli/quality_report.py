"""``clearance report``: pages for people who open no notebook."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.durations import parse_past
from retrieval.cli.exits import CommandError, reported
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, show_json, table

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from retrieval.quality.records import Records

app = typer.Typer(name="report", help="Write reports that can be passed on.", no_args_is_help=True)
_BEFORE = 4
"""How many times as long a span before the period it is held against."""


@app.callback()
def group() -> None:
    """Write reports that can be passed on."""


@app.command()
def quality(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="Where to write it.", metavar="FILE", dir_okay=False)],
    since: Annotated[
        str, typer.Option(help="From when on: such as 7d, or 2026-11-01.", metavar="WHEN")
    ] = "7d",
    made_up: Annotated[
        bool, typer.Option("--made-up", help="Of a made-up history, to see what it looks like.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Write the citation quality of a period as one HTML page that needs nothing else.

    Of the service that CLEARANCE_URL names, with the rights of CLEARANCE_TOKEN; else of every
    tenant of this installation. It is held against the four times as long span before it. Needs
    the extra "notebooks".
    """
    from datetime import UTC, datetime

    begins, ends = parse_past(since), datetime.now(UTC)
    with reported():
        from retrieval.quality.errors import QualityError
        from retrieval.quality.report import report

        try:
            if made_up:
                begins, ends, records = _made_up(ends - begins)
            else:
                records = _records(context, begins - _BEFORE * (ends - begins))
            page = report(records, since=begins, until=ends)
        except QualityError as error:
            raise CommandError(str(error)) from None
        out.write_text(page, "utf-8")
    queries = len(records.between(begins, ends).retrievals)
    if as_json:
        show_json({"queries": queries, "since": begins.isoformat(), "until": ends.isoformat()})
    else:
        console().print(f"a report on {queries:,} queries is written", style="green")


@app.command()
def citations(
    context: typer.Context,
    tenant: Tenant,
    since: Annotated[
        str, typer.Option(help="Served from when on: such as 90d.", metavar="WHEN")
    ] = "90d",
    sample: Annotated[
        int, typer.Option(help="Citations to look at again.", min=1, max=100_000)
    ] = 500,
    as_json: Json = False,
) -> None:
    """Look at past citations again: valid, stale, superseded or withdrawn, by their age.

    A job for a scheduler: what it finds goes up with every correction and deletion. Weeks of fewer
    than five citations lose their figures.
    """
    begins = parse_past(since)
    with opened(context) as runtime:
        from acl.caller import ApiScope, Caller
        from acl.principal import Principal
        from retrieval.quality.rot import by_age, reverify

        require_tenant(runtime, tenant)
        # An operator at the catalogue may audit it; no view of theirs decides anything here.
        auditor = Caller(
            tenant, Principal.parse("service:operator"), api_scopes=frozenset({ApiScope.AUDIT})
        )
        weeks = by_age(reverify(runtime, auditor, since=begins, sample=sample))
    if as_json:
        show_json([week.to_dict() for week in weeks])
        return
    columns = ["weeks old", "citations", "rotten", "95 %", "valid", "stale", "superseded"]
    rows = [
        (
            week.weeks,
            week.citations,
            None if week.rotten is None else f"{week.rotten:.1%}",
            None if week.low is None or week.high is None else f"{week.low:.1%}-{week.high:.1%}",
            *(week.statuses.get(name) for name in ("valid", "stale", "superseded", "withdrawn")),
        )
        for week in weeks
    ]
    console().print(table([*columns, "withdrawn"], rows, right=",".join(columns)))


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="report")


def _records(context: typer.Context, since: datetime) -> Records:
    from retrieval.quality.load import URL_VARIABLE, installed, load
    from retrieval.quality.records import Origin

    if os.environ.get(URL_VARIABLE):
        return load(since=since)
    with opened(context) as runtime:
        return installed(runtime, since=since, until=None, origin=Origin.INSTALLATION)


def _made_up(length: timedelta) -> tuple[datetime, datetime, Records]:
    """The made-up history, whose last days take the place of the last days."""
    from retrieval.quality.made_up import SHOWN
    from retrieval.quality.made_up import made_up as history

    return SHOWN.ends - length, SHOWN.ends, history()
