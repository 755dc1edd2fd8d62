"""``clearance eval citations``: citation recall and precision as measured, against the truth."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.evaluation_options import Resamples, Seed, figure_of, interval_of
from retrieval.cli.exits import reported
from retrieval.cli.options import Json
from retrieval.cli.output import console, counted, show_json, table
from retrieval.support_model import SupportChoice

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.evaluation.lines import CitationLine
    from retrieval.evaluation.report import Figures, Report

Scripts = Annotated[
    Path,
    typer.Option(
        "--data",
        help="Claims with citations: JSON Lines. Or a directory laid out as SciFact is, of whose "
        "rationales a scripted answerer makes them.",
        metavar="FILE|DIR",
        exists=True,
    ),
]
Split = Annotated[str, typer.Option(help="Of a directory: whose claims, claims_SPLIT.jsonl.")]
JudgedBy = Annotated[
    SupportChoice, typer.Option("--model", help="Who judges besides the rules; rules: nobody.")
]


def citations(
    data: Scripts,
    split: Split = "dev",
    model: JudgedBy = SupportChoice.MINILM,
    resamples: Resamples = 1_000,
    seed: Seed = 2026,
    as_json: Json = False,
) -> None:
    """Measure what the check of claims says of citations: {"claim", "citations", "supported"}.

    A citation is {"text", "quote", "helps"}: "text" of the piece, none if there is no such piece,
    and whether it truly helps. "family" names a way of citing, and lines of one "group" are
    resampled together.
    """
    with reported():
        from retrieval.evaluation.citations import evaluate_citations
        from retrieval.evaluation.resample import Resampling
        from retrieval.support_model import load_support_model

        report = evaluate_citations(
            _lines(data, split),
            resampling=Resampling(resamples, seed),
            model=load_support_model(model),
        )
    if as_json:
        show_json(report.to_dict())
    else:
        _show(report)


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(citations)


def _lines(data: Path, split: str) -> Sequence[CitationLine]:
    from retrieval.evaluation.lines import CitationLine, read_lines
    from retrieval.evaluation.scripted import read_scripted

    return read_scripted(data, split=split) if data.is_dir() else read_lines(data, CitationLine)


def _show(report: Report) -> None:
    screen = console()
    columns = ("way of citing", "claims", "recall", "95 %", "true", "precision", "95 % ", "true ")
    named = report.families.items() if len(report.families) > 1 else ()
    rows = [_row(name, found) for name, found in (*named, ("all", report.overall))]
    screen.print(table(columns, rows, right=",".join(columns[1:])))
    right = [
        f"{figure_of(report.overall.measures[name])} of {what}"
        for name, what in (("claims_right", "claims"), ("citations_right", "citations"))
        if report.overall.measures[name].value is not None
    ]
    screen.print(f"\ntold for what they are: {' and '.join(right)}, by {report.scorer}")
    screen.print(f"{counted(report.overall.total, 'claim')} in {report.seconds:.1f} s", style="dim")


def _row(name: str, found: Figures) -> list[object]:
    row: list[object] = [name, found.total]
    for figure in ("recall", "precision"):
        measured, true = found.measures[figure], found.measures[f"true_{figure}"]
        row += [figure_of(measured), interval_of(measured), figure_of(true)]
    return row
