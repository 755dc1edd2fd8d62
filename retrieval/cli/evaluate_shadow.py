"""``clearance eval shadow``: questions asked again of a candidate generation."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.exits import CommandError
from retrieval.cli.opening import opened, require_tenant
from retrieval.cli.options import Json, Tenant
from retrieval.cli.output import console, counted, show_json, table

if TYPE_CHECKING:
    from retrieval.evaluation.shadow import ShadowReport


def shadow(
    context: typer.Context,
    generation: Annotated[
        str, typer.Argument(help="The candidate, such as g2.", metavar="GENERATION")
    ],
    questions: Annotated[
        Path,
        typer.Option(
            help='Lines such as {"query": "…"}, out of a caller\'s own log. Records hold digests.',
            metavar="FILE",
            exists=True,
            dir_okay=False,
        ),
    ],
    tenant: Tenant,
    asker: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            help="Who asks: user:ID or service:ID. Repeat. Default: a sample of the tenant.",
            metavar="PRINCIPAL",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Ask logged questions of a candidate beside the active one, and report changes of rank.

    Under the rights of whoever asks. Nothing is served or recorded, and no document is named.
    """
    with opened(context) as runtime:
        from acl.caller import Caller
        from acl.principal import Principal
        from ingestion.generations.gate import sample_callers
        from retrieval.evaluation.shadow import shadow as replay
        from retrieval.question_set import read_questions

        require_tenant(runtime, tenant)
        callers = [Caller(tenant, Principal.parse(name)) for name in asker or ()]
        texts = [question.text for question in read_questions(questions)]
        if not texts:
            raise CommandError("--questions: there is none in the file")
        chosen = callers or sample_callers(runtime.ingest_context(), tenant)
        report = replay(runtime, generation, texts, chosen)
    if as_json:
        show_json(report.to_dict())
    else:
        _show(report)


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(shadow)


def _show(report: ShadowReport) -> None:
    screen = console()
    overlap = "nothing was found" if report.overlap is None else f"overlap {report.overlap:.3f}"
    times = "" if report.ratio is None else f", {report.ratio:.2f} times as long"
    screen.print(
        f"{report.candidate} against {report.active}: {counted(len(report.changes), 'answer')}, "
        f"{overlap}, another document first in {report.first_changed}{times}"
    )
    columns = ["question", "caller", "overlap", "first", "moved", "lost", "gained"]
    rows = [
        (
            change.question,
            change.caller,
            f"{change.overlap:.2f}",
            "another" if change.first_changed else "the same",
            None if change.moved is None else f"{change.moved:.1f}",
            change.lost,
            change.gained,
        )
        for change in report.worst()
    ]
    screen.print(table(columns, rows, right="question,caller,overlap,moved,lost,gained"))
