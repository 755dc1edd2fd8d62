"""``clearance db``: the catalogue's schema."""

from __future__ import annotations

import typer

from retrieval.cli.exits import reported
from retrieval.cli.opening import settings_of
from retrieval.cli.options import Json
from retrieval.cli.output import console, show_json

app = typer.Typer(help="The catalogue's schema.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep this a group although it has one command."""


@app.command()
def upgrade(context: typer.Context, as_json: Json = False) -> None:
    """Bring the catalogue to the schema of this version. Safe to repeat."""
    with reported():
        from acl.orm import Database
        from retrieval import schema

        settings = settings_of(context)
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = Database(settings.catalogue_url)
        try:
            before = schema.revision(database)
            changed = schema.upgrade(database)
        finally:
            database.close()
        if as_json:
            show_json({"from": before, "to": schema.HEAD, "changed": changed})
        elif changed:
            console().print(f"catalogue upgraded from {before or 'empty'} to {schema.HEAD}")
        else:
            console().print(f"catalogue is at {schema.HEAD}; nothing to do")
