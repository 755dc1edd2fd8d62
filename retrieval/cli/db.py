"""``clearance db``: the schema of the catalogue, and of the audit where that is apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from retrieval.cli.exits import reported
from retrieval.cli.opening import settings_of
from retrieval.cli.options import Json
from retrieval.cli.output import console, show_json

if TYPE_CHECKING:
    from pathlib import Path

app = typer.Typer(help="The catalogue's schema.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Keep this a group although it has one command."""


@app.command()
def upgrade(context: typer.Context, as_json: Json = False) -> None:
    """Bring the catalogue and the audit to the schema of this version. Safe to repeat."""
    with reported():
        from retrieval.schema import HEAD
        from retrieval.settings import AUDIT, CATALOGUE

        settings = settings_of(context)
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        before, changed = _upgrade(settings.catalogue_url, settings.data_dir / CATALOGUE)
        if settings.audit_url != settings.catalogue_url:
            changed |= _upgrade(settings.audit_url, settings.data_dir / AUDIT)[1]
        if as_json:
            show_json({"from": before, "to": HEAD, "changed": changed})
        elif changed:
            console().print(f"catalogue upgraded from {before or 'empty'} to {HEAD}")
        else:
            console().print(f"catalogue is at {HEAD}; nothing to do")


def _upgrade(url: str, file: Path) -> tuple[str | None, bool]:
    """The revision a database was at, and whether anything was done."""
    from acl.orm import Database
    from retrieval import schema

    schema.keep_private(url, file)
    database = Database(url)
    try:
        return schema.revision(database), schema.upgrade(database)
    finally:
        database.close()
