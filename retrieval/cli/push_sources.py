"""``clearance sources push``: a source whose documents are delivered over REST."""

from __future__ import annotations

from typing import Annotated

import typer

from retrieval.cli.opening import opened
from retrieval.cli.options import Json, MaxAge, Tenant
from retrieval.cli.output import console, hint, show_json


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("push")(push)


def push(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The source.", metavar="NAME")],
    tenant: Tenant,
    acl: Annotated[
        list[str] | None,
        typer.Option(
            help="An ACL that pushed documents may be put under by its name. Repeat. Entries that "
            "documents bring along need no such leave.",
            metavar="NAME",
        ),
    ] = None,
    max_age: MaxAge = None,
    as_json: Json = False,
) -> None:
    """Make a source that documents are pushed to, or set which ACLs it may use.

    Push with PUT /v1/sources/NAME/documents/ID and a key that has the scope 'ingest'.
    """
    with opened(context) as runtime:
        from ingestion.push_source import keep_push_source

        listed = sorted(set(acl or ()))
        new = keep_push_source(
            runtime.ingest_context(), tenant, name, acls=listed, max_age_seconds=max_age
        )
    if as_json:
        show_json({"source": name, "tenant": tenant, "acls": listed, "new": new})
        return
    console().print(f"{tenant}/{name}: {'made' if new else 'kept'}", style="green", markup=False)
    if new:
        hint(f"clearance keys create service:NAME --tenant {tenant} --scope ingest")
