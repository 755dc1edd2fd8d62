"""Options that several commands share, with one wording each."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from retrieval.cli.durations import parse_duration, parse_moment, parse_past

Tenant = Annotated[str, typer.Option("--tenant", "-t", help="The tenant.", metavar="TENANT")]
AnyTenant = Annotated[
    str | None, typer.Option("--tenant", "-t", help="Only this tenant.", metavar="TENANT")
]
As = Annotated[
    str, typer.Option("--as", help="Who asks: user:ID or service:ID.", metavar="PRINCIPAL")
]
Actor = Annotated[
    str | None,
    typer.Option(
        "--actor",
        help="The agent asking for them; only what both may see is found.",
        metavar="PRINCIPAL",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text for people.")]
MaxAge = Annotated[
    int | None,
    typer.Option(
        "--max-age",
        parser=parse_duration,
        metavar="DURATION",
        help="How old may the source be before it counts as stale, such as 12h or 7d.",
    ),
]
AclMaxAge = Annotated[
    int | None,
    typer.Option(
        "--acl-max-age",
        parser=parse_duration,
        metavar="DURATION",
        help="How old may its permissions be before it closes, such as 4h.",
    ),
]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since",
        parser=parse_past,
        help="Only what was modified after this: a duration such as 2d, or a date. Nothing is "
        "deleted, and the source does not count as checked.",
        metavar="MOMENT",
    ),
]
Expires = Annotated[
    datetime | None,
    typer.Option(
        "--expires",
        parser=parse_moment,
        metavar="WHEN",
        help="A duration from now such as 30d, or a date such as 2030-01-31.",
    ),
]
