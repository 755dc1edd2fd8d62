"""``clearance backup`` and ``clearance restore``: a data directory in one file, and back."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.exits import CommandError, reported
from retrieval.cli.opening import Globals, opened, settings_of
from retrieval.cli.options import Json
from retrieval.cli.output import console, counted, hint, show_json
from retrieval.cli.runs import progress

if TYPE_CHECKING:
    from retrieval.settings import Settings


def register(app: typer.Typer) -> None:
    """Add both commands."""
    app.command()(backup)
    app.command()(restore)


def backup(
    context: typer.Context,
    target: Annotated[
        Path,
        typer.Argument(
            help="The file to write, or a directory for one named by the time.", metavar="FILE"
        ),
    ],
    with_keys: Annotated[
        bool,
        typer.Option(
            "--with-keys/--without-keys",
            help="Also the private signing keys. Without them, a restored service signs with new "
            "ones.",
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Back up the catalogue and the audit while the service goes on.

    Whatever was acknowledged before is in it. The index is not: it is made again from the
    catalogue. Keep the file as you keep the documents: whoever has it can read them all.
    """
    with opened(context) as runtime:
        from retrieval.backup import back_up

        made_in, manifest = back_up(
            runtime.settings, target.expanduser(), with_keys=with_keys, now=runtime.clock()
        )
    if as_json:
        show_json({"file": str(made_in), **asdict(manifest)})
        return
    size = sum(file.bytes for file in manifest.files.values())
    console().print(
        f"{made_in}: {counted(len(manifest.files), 'file')}, {size / (1 << 20):,.1f} MiB",
        style="green",
    )
    if not with_keys:
        hint("the signing keys are not in it: back them up apart, or use --with-keys")


def restore(
    context: typer.Context,
    source: Annotated[
        Path, typer.Argument(help="The backup.", metavar="FILE", exists=True, dir_okay=False)
    ],
    directory: Annotated[
        Path | None,
        typer.Argument(
            help="The data directory to make: new or empty. Default: --data-dir.", metavar="DIR"
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make a data directory of a backup, and its index from the catalogue.

    Every file is checked against the backup's manifest first; of one that was changed, nothing is
    restored. What was served is indexed again; generations beside it are named, to be built again.
    """
    with reported():
        from ingestion.backup import restore as restore_files

        if directory is not None:
            context.obj = Globals(directory)
        settings = settings_of(context)
        _require_files(settings)
        manifest = restore_files(source, settings.data_dir)
    generation, lost = _index_again(context, quiet=as_json)
    if as_json:
        show_json(
            {
                "directory": str(settings.data_dir),
                "generation": generation,
                "build_again": lost,
                **asdict(manifest),
            }
        )
        return
    console().print(f"{settings.data_dir}: restored as of {manifest.created_at}", style="green")
    if not manifest.keys:
        hint("put the signing keys back, or new ones are made: receipts of before need the old")
    if lost:
        hint(
            f"only what is served was indexed again: build {', '.join(lost)} again by 'clearance "
            "generations build', with the options of then, before it can be promoted"
        )
    hint(f"clearance --data-dir {settings.data_dir} doctor")


def _require_files(settings: Settings) -> None:
    if not settings.catalogue_url.startswith("sqlite"):
        raise CommandError("CLEARANCE_DATABASE_URL names a server: restore it with its own tools")


def _index_again(context: typer.Context, *, quiet: bool) -> tuple[str | None, list[str]]:
    """Build the index of what was restored; None if nothing was ever ingested there.

    Returns:
        The generation that is served now, and those beside it that would have to be built again.
    """
    with opened(context) as runtime:
        from ingestion.active import current_generation
        from ingestion.behind import begin_lost_again
        from ingestion.generations import rebuild
        from ingestion.report import Progress

        if current_generation(runtime.database) is None:
            return None, []
        with progress("all tenants", quiet=quiet) as advance:

            def step(done: int, total: int) -> None:
                if advance is not None:
                    advance(Progress(done, total, 0, "indexing"))

            work = runtime.ingest_context()
            return rebuild(work, step, by="restore"), begin_lost_again(work)
