"""The command tree: every command and group, and the options that stand before them."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from retrieval.cli import (
    acl,
    audit,
    backup,
    db,
    directory,
    doctor,
    duplicates,
    erase,
    evaluate,
    flags,
    generations,
    index_runs,
    ingest,
    keys,
    migrate,
    push_sources,
    quality,
    quality_report,
    query,
    receipt,
    reindex,
    serve,
    sources,
    status,
    verify,
    worker,
)
from retrieval.cli.exits import reported
from retrieval.cli.opening import Globals

app = typer.Typer(
    name="clearance",
    help=(
        "Evidence the caller is cleared to see, cited, and honest about doubt.\n\n"
        "Commands act on a data directory. Whoever can read it is its operator: no token is asked "
        "for, and 'query' may ask as anyone. Agents and applications go through 'serve' or 'mcp' "
        "with a key instead.\n\n"
        "Exit codes: 0 ok, 2 error, 3 done in part, 4 stale, 5 a receipt or the audit is broken."
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(*, asked: bool) -> None:
    if asked:
        typer.echo(f"clearance {version('clearance-retrieval')}")
        raise typer.Exit


@app.callback()
def before(
    context: typer.Context,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            envvar="CLEARANCE_DATA_DIR",
            help="Where the catalogue and the index live.",
            file_okay=False,
        ),
    ] = None,
    _show_version: Annotated[
        bool,
        typer.Option("--version", callback=lambda value: _version(asked=value), is_eager=True),
    ] = False,
) -> None:
    """Note what holds for every command."""
    context.obj = Globals(data_dir)


ingest.register(app)
reindex.register(app)
migrate.register(app)
query.register(app)
verify.register(app)
serve.register(app)
worker.register(app)
status.register(app)
duplicates.register(app)
doctor.register(app)
erase.register(app)
backup.register(app)
evaluate.register(app)
quality_report.register(app)
push_sources.register(sources.app)
app.add_typer(sources.app, name="sources")
app.add_typer(index_runs.app, name="runs")
app.add_typer(generations.app, name="generations")
app.add_typer(flags.app, name="flags")
app.add_typer(acl.app, name="acl")
app.add_typer(directory.app, name="directory")
app.add_typer(keys.app, name="keys")
app.add_typer(audit.app, name="audit")
app.add_typer(quality.app, name="quality")
app.add_typer(receipt.app, name="receipt")
app.add_typer(db.app, name="db")


@app.command()
def demo() -> None:
    """Show every promise on the packaged corpus, in a data directory of its own.

    Exit code 1 if an expectation fails.
    """
    with reported():
        from retrieval.demo.run import main

        raise typer.Exit(main())
