"""``clearance eval``: what the verifier and the search are worth on somebody's own data."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from retrieval.cli import (
    evaluate_citations,
    evaluate_gate,
    evaluate_retrieval,
    evaluate_shadow,
)
from retrieval.cli.evaluation_options import Resamples, Seed, figure_of, interval_of
from retrieval.cli.exits import reported
from retrieval.cli.options import Json
from retrieval.cli.output import console, counted, hint, show_json, table
from retrieval.support_model import SupportChoice

if TYPE_CHECKING:
    from retrieval.evaluation.report import Figures, Report

app = typer.Typer(
    name="eval",
    help="Measure verifier and search on your own labelled data. Needs no data directory.",
    no_args_is_help=True,
)

_HEADINGS: Final = {
    "auroc": ("AUROC", "area under the ROC curve"),
    "recall_at_1_percent": ("R@1%", "recall at 1 % false alarms"),
    "recall_at_5_percent": ("R@5%", "recall at 5 % false alarms"),
    "balanced_accuracy": ("bacc", "balanced accuracy"),
    "supported_balanced_accuracy": ("bacc2", "balanced accuracy, supported or not"),
    "recall": ("recall", "recall of what the service does"),
    "false_alarms": ("alarms", "false alarms of what the service does"),
    "calibration_error": ("ECE", "calibration error"),
    "contradiction_auroc": ("cAUROC", "area under the ROC curve of contradiction"),
    "contradiction_recall": ("crec", "recall of contradiction"),
    "contradiction_precision": ("cprec", "precision of contradiction"),
}
"""Of each measure: a heading that leaves room for the others, and its name in full."""

Data = Annotated[
    Path,
    typer.Option("--data", help="The labelled texts: JSON Lines.", metavar="FILE", dir_okay=False),
]

JudgedBy = Annotated[
    SupportChoice, typer.Option("--model", help="Who judges besides the rules; rules: nobody.")
]


@app.command()
def injection(
    data: Data, resamples: Resamples = 1_000, seed: Seed = 2026, as_json: Json = False
) -> None:
    """Measure the injection screen: {"text", "label": 0 or 1, "family"} a line.

    Label 1 is text that carries an injection. Recall at 1 % false alarms is the best of any
    threshold with at most so many in the file; "recall" and "alarms" are of what the service does.
    """
    with reported():
        from retrieval.evaluation.injection import evaluate_injection
        from retrieval.evaluation.lines import InjectionLine, read_lines
        from retrieval.evaluation.resample import Resampling

        lines = read_lines(data, InjectionLine)
        _show(evaluate_injection(lines, resampling=Resampling(resamples, seed)), as_json=as_json)


@app.command()
def support(
    data: Data,
    model: JudgedBy = SupportChoice.MINILM,
    resamples: Resamples = 1_000,
    seed: Seed = 2026,
    as_json: Json = False,
) -> None:
    """Measure the support check: {"evidence", "claim", "label"} a line.

    The label is supported, contradicted or not_enough; "family" may name where a line comes from.
    """
    with reported():
        from retrieval.evaluation.lines import SupportLine, read_lines
        from retrieval.evaluation.resample import Resampling
        from retrieval.evaluation.support import evaluate_support
        from retrieval.support_model import load_support_model
        from verifier.support import check_support, name_of

        lines = read_lines(data, SupportLine)
        judge = load_support_model(model)
        report = evaluate_support(
            lines,
            resampling=Resampling(resamples, seed),
            scorer=partial(check_support, model=judge),
            name=name_of(judge),
        )
        _show(report, as_json=as_json)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    evaluate_citations.register(app)
    evaluate_retrieval.register(app)
    evaluate_gate.register(app)
    evaluate_shadow.register(app)
    root.add_typer(app, name="eval")


def _show(report: Report, *, as_json: bool) -> None:
    if as_json:
        show_json(report.to_dict())
        return
    screen = console()
    named = len(report.families) > 1
    rows = [("all", report.overall), *(report.families.items() if named else ())]
    columns = ["family", "texts", *(_HEADINGS[name][0] for name in report.overall.measures)]
    screen.print(
        table(columns, [_row(name, found) for name, found in rows], right=",".join(columns[1:]))
    )
    screen.print()
    screen.print(
        table(
            ["all texts", "figure", "95 % interval"],
            [
                (f"{short}: {full}", figure_of(estimate), interval_of(estimate))
                for name, estimate in report.overall.measures.items()
                for short, full in (_HEADINGS[name],)
            ],
            right="figure,95 % interval",
        )
    )
    screen.print(
        f"\n{counted(report.overall.total, 'text')} in {report.seconds:.1f} s: "
        f"{report.texts_per_second:,.0f} a second",
        style="dim",
    )
    if any(not count for count in report.overall.counts.values()):
        hint("a label has no text, so figures that need it are missing: add texts of it")


def _row(name: str, found: Figures) -> list[object]:
    return [name, found.total, *(figure_of(estimate) for estimate in found.measures.values())]
