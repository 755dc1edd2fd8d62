"""``clearance migrate``: from the embedded index to a Qdrant server, and back, while serving."""

from __future__ import annotations

from typing import Annotated

import typer

from ingestion.index.hosts import EngineKind
from retrieval.cli.exits import Exit
from retrieval.cli.opening import opened
from retrieval.cli.options import Json
from retrieval.cli.output import console, hint, show_json, table
from retrieval.cli.runs import progress
from retrieval.cli.who import operator


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(migrate)


def migrate(
    context: typer.Context,
    engine: Annotated[EngineKind, typer.Argument(help="Where what is served is to live.")],
    latency_ratio: Annotated[
        float,
        typer.Option(min=0.1, help="How many times as long the median query may take there."),
    ] = 10.0,
    as_json: Json = False,
) -> None:
    """Move the index to a Qdrant server, or back, while queries and ingestion go on.

    A generation is built on the other engine, compared with the one that is served, and promoted if
    it passes: exit code 3 if not. What was served before stays, until it is retired.
    """
    with opened(context) as runtime:
        from ingestion.generations.moving import move
        from ingestion.generations.report import Thresholds
        from ingestion.report import Progress
        from retrieval.ranking import fuse

        with progress("all tenants", quiet=as_json) as advance:

            def step(done: int, total: int) -> None:
                if advance is not None:
                    advance(Progress(done, total, 0, "building"))

            moved = move(
                runtime.ingest_context(),
                engine,
                rank=lambda result: [candidate.id for candidate in fuse(result)],
                by=operator(),
                thresholds=Thresholds(latency_ratio=latency_ratio),
                on_progress=step,
            )
    if as_json:
        show_json(
            {
                "engine": engine.value,
                "generation": moved.generation,
                "before": moved.before,
                "promoted": moved.promoted,
                "gate": None if moved.report is None else moved.report.to_dict(),
            }
        )
    elif moved.report is None:
        console().print(f"generation {moved.generation} is served by the {engine} engine already")
    elif moved.promoted:
        console().print(
            f"generation {moved.generation} on the {engine} engine is active", style="green"
        )
        hint(f"clearance generations rollback, or clearance generations retire {moved.before}")
    else:
        rows = [
            (check.condition.value, "holds" if check.passed else "REFUSED", check.detail)
            for check in moved.report.checks
        ]
        console().print(table(("condition", "", "what was found"), rows))
    raise typer.Exit(Exit.OK if moved.promoted else Exit.PARTIAL)
