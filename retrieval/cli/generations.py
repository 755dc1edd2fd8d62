"""``clearance generations``: builds of the index side by side, and which of them is served."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from retrieval.cli.exits import CommandError, Exit
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json
from retrieval.cli.output import console, hint, show_json, table
from retrieval.cli.runs import progress
from retrieval.cli.who import operator

if TYPE_CHECKING:
    from collections.abc import Sequence

    from acl.caller import Caller
    from ingestion.generations.report import GateReport
    from ingestion.models import GenerationRow
    from retrieval.runtime import Runtime

Generation = Annotated[
    str, typer.Argument(help="The generation, as listed, such as g2.", metavar="GENERATION")
]
_COLUMNS = ("generation", "state", "embedder", "chunks of", "gate", "canary", "since")

app = typer.Typer(
    help=(
        "Builds of the index. Another embedder or another cut is built beside what is served, "
        "compared, and promoted: no query fails meanwhile, none mixes two, and nothing is lost "
        "by going back.\n\n"
        "1. clearance generations build --embedder SPEC: ingestion goes on, and reaches both.\n\n"
        "2. clearance generations gate g2: coverage, ACLs, quality, latency, two worlds.\n\n"
        "3. clearance generations canary g2 --permille 50: a share of the questions, if you like.\n"
        "\n4. clearance generations promote g2: from the next query on.\n\n"
        "5. clearance generations rollback, at once; or, when all is well, retire g1."
    ),
    no_args_is_help=True,
)


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """List every build there ever was, and how it stands."""
    with opened(context) as runtime:
        from ingestion.active import all_generations

        rows = all_generations(runtime.database)
    if as_json:
        show_json([_shape(row) for row in rows])
        return
    console().print(table(_COLUMNS, [_cells(row) for row in rows]))
    if not rows:
        hint("clearance ingest FOLDER --tenant TENANT makes the first")


@app.command()
def build(
    context: typer.Context,
    embedder: Annotated[
        str | None,
        typer.Option(help="Its embedder. Default: CLEARANCE_EMBEDDER.", metavar="SPEC"),
    ] = None,
    max_tokens: Annotated[
        int | None, typer.Option(min=1, help="The most tokens of a chunk.", metavar="TOKENS")
    ] = None,
    overlap: Annotated[
        int | None, typer.Option(min=0, help="Tokens that neighbours share.", metavar="TOKENS")
    ] = None,
    as_json: Json = False,
) -> None:
    """Build a generation beside the active one, from the catalogue alone.

    Queries and ingestion go on. A build that was interrupted goes on when asked for again alike.
    """
    with opened(context, embedder=embedder) as runtime:
        from ingestion import generations
        from ingestion.chunking import Chunker
        from ingestion.report import Progress

        work = runtime.ingest_context()
        sizes = {"max_tokens": max_tokens, "overlap_tokens": overlap}
        given = {name: size for name, size in sizes.items() if size is not None}
        try:
            chunker = Chunker(work.embedder.count_tokens, **given)
        except ValueError as error:
            raise CommandError(str(error)) from None
        with progress("all tenants", quiet=as_json) as advance:

            def step(done: int, total: int) -> None:
                if advance is not None:
                    advance(Progress(done, total, 0, "building"))

            made = generations.build(work, chunker=chunker, on_progress=step)
    _said(f"generation {made} is ready", {"generation": made, "state": "ready"}, as_json=as_json)
    if not as_json:
        hint(f"clearance generations gate {made}")


@app.command()
def gate(
    context: typer.Context,
    generation: Generation,
    questions: Annotated[
        Path | None,
        typer.Option(
            help='A file of lines such as {"query": "…", "relevant": ["handbook/travel.md"]}. '
            "Default: titles of documents, compared by what is found.",
            metavar="FILE",
            exists=True,
            dir_okay=False,
        ),
    ] = None,
    tenant: Annotated[
        str | None, typer.Option("--tenant", "-t", help="Whose callers.", metavar="TENANT")
    ] = None,
    asker: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            help="Who asks: user:ID or service:ID. Repeat. Default: a sample of each tenant.",
            metavar="PRINCIPAL",
        ),
    ] = None,
    latency_ratio: Annotated[
        float,
        typer.Option(min=0.1, help="How many times as long the median query may take."),
    ] = 2.0,
    as_json: Json = False,
) -> None:
    """Compare a generation with the active one. Exit code 3 if it does not pass.

    Coverage: every document stands in it. ACL parity: each chunk under its document's ACL. Quality
    and latency: asked the same. Two worlds: no answer changes with what its caller cannot see.
    """
    with opened(context) as runtime:
        from ingestion.generations import gate as compare
        from ingestion.generations.report import Thresholds
        from retrieval.question_set import read_questions
        from retrieval.ranking import fuse

        report = compare(
            runtime.ingest_context(),
            generation,
            rank=lambda result: [candidate.id for candidate in fuse(result)],
            questions=() if questions is None else read_questions(questions),
            callers=_callers(runtime, tenant, asker or ()),
            thresholds=Thresholds(latency_ratio=latency_ratio),
        )
    _show_report(report, as_json=as_json)
    raise typer.Exit(Exit.OK if report.passed else Exit.PARTIAL)


@app.command()
def promote(
    context: typer.Context,
    generation: Generation,
    force: Annotated[
        bool,
        typer.Option("--force", help="Although its gate refused it. The audit will tell."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Serve a generation that has passed its gate, from the next query on.

    The one before stays ready and up to date until it is retired.
    """
    with opened(context) as runtime:
        from ingestion import generations

        before = generations.promote(
            runtime.ingest_context(), generation, by=operator(), force=force
        )
    _said(
        f"generation {generation} is active",
        {"generation": generation, "before": before, "forced": force},
        as_json=as_json,
    )
    if before is not None and not as_json:
        hint(f"clearance generations rollback, or clearance generations retire {before}")


@app.command()
def rollback(context: typer.Context, as_json: Json = False) -> None:
    """Serve the generation that was active before, from the next query on. Nothing is lost."""
    with opened(context) as runtime:
        from ingestion import generations

        now = generations.rollback(runtime.ingest_context(), by=operator())
    _said(f"generation {now} is active again", {"generation": now}, as_json=as_json)


@app.command()
def canary(
    context: typer.Context,
    generation: Generation,
    permille: Annotated[
        int, typer.Option(min=0, max=1_000, help="Questions of a thousand; 0 ends it.")
    ],
    as_json: Json = False,
) -> None:
    """Let a ready generation answer a share of the questions.

    A caller who asks the same again is answered by the same generation; no reply tells by which.
    """
    with opened(context) as runtime:
        from ingestion import generations

        generations.canary(runtime.ingest_context(), generation, permille, by=operator())
    _said(
        f"generation {generation} answers {permille} of 1,000 questions",
        {"generation": generation, "permille": permille},
        as_json=as_json,
    )


@app.command()
def retire(context: typer.Context, generation: Generation, as_json: Json = False) -> None:
    """Drop a generation that is not served: its index, its chunks, vectors no other needs."""
    with opened(context) as runtime:
        from ingestion import generations

        generations.retire(runtime.ingest_context(), generation, by=operator())
    _said(
        f"generation {generation} is retired",
        {"generation": generation, "state": "retired"},
        as_json=as_json,
    )


def _callers(runtime: Runtime, tenant: str | None, principals: Sequence[str]) -> list[Caller]:
    from acl.caller import Caller as Asking
    from acl.principal import Principal

    if (tenant is None) != (not principals):
        raise CommandError("--tenant and --as go together: say whose principals ask")
    if tenant is None:
        return []
    require_tenant(runtime, tenant)
    return [Asking(tenant, Principal.parse(name)) for name in principals]


def _said(text: str, fields: dict[str, object], *, as_json: bool) -> None:
    if as_json:
        show_json(fields)
    else:
        console().print(text, style="green")


def _show_report(report: GateReport, *, as_json: bool) -> None:
    if as_json:
        show_json(report.to_dict())
        return
    rows = [
        (check.condition.value, "holds" if check.passed else "REFUSED", check.detail)
        for check in report.checks
    ]
    console().print(table(("condition", "", "what was found"), rows))
    if report.passed:
        hint(f"clearance generations promote {report.generation}")


def _shape(row: GenerationRow) -> dict[str, Any]:
    return {
        "id": row.id,
        "state": row.state,
        "embedder": row.embedder,
        "spec": row.spec,
        "dimensions": row.dimensions,
        "chunker": row.chunker,
        "sanitiser": row.sanitiser,
        "created_at": row.created_at.isoformat(),
        "changed_at": None if row.changed_at is None else row.changed_at.isoformat(),
        "served_until": None if row.served_until is None else row.served_until.isoformat(),
        "canary_permille": row.canary_permille,
        "gate": None if row.gate is None else json.loads(row.gate),
    }


def _cells(row: GenerationRow) -> tuple[object, ...]:
    gate_ = (
        None if row.gate is None else ("passed" if json.loads(row.gate)["passed"] else "refused")
    )
    since = row.changed_at or row.created_at
    return (
        row.id,
        row.state,
        row.embedder,
        row.chunker.rpartition(":")[2],
        gate_,
        f"{row.canary_permille}/1000" if row.canary_permille else None,
        f"{since:%Y-%m-%d %H:%M}Z",
    )
