"""``clearance eval gate``: whether a candidate may be released, against a recorded baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.evaluate_retrieval import Directory, Split
from retrieval.cli.exits import CommandError, Exit, reported
from retrieval.cli.options import Json
from retrieval.cli.output import console, errors, hint, show_json, table

if TYPE_CHECKING:
    from retrieval.evaluation.gate import GateResult
    from retrieval.evaluation.gate_figures import Measured
    from retrieval.evaluation.measuring import Asked

Baseline = Annotated[
    Path, typer.Option(help="The figures to hold the candidate against.", metavar="FILE")
]
Labelled = Annotated[
    Path | None,
    typer.Option(help="Labelled texts, as for eval injection.", metavar="FILE", dir_okay=False),
]
Pairs = Annotated[
    Path | None,
    typer.Option(help="Labelled pairs, as for eval support.", metavar="FILE", dir_okay=False),
]
Page = Annotated[
    Path | None,
    typer.Option(
        help="Write a Markdown page for a pull request, with a picture beside it (.svg) where the "
        "extra 'notebooks' is installed.",
        metavar="FILE",
    ),
]


def gate(
    baseline: Baseline,
    data: Directory,
    split: Split = "test",
    injection: Labelled = None,
    support: Pairs = None,
    report: Page = None,
    record: Annotated[
        bool, typer.Option("--record", help="Write the baseline instead of comparing with it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Compare this version and configuration with a baseline. Exit code 3 if it is refused.

    Ranking, leaks, two worlds, citations, staleness and latency are measured on a judged
    collection, in a directory of its own; the screen and the judge on labelled texts. How far each
    figure may fall behind, and why, stands in retrieval/evaluation/thresholds.py.
    """
    with reported():
        from retrieval.evaluation.gate import judge
        from retrieval.evaluation.gate_chart import picture
        from retrieval.evaluation.gate_figures import read_measured, write_measured
        from retrieval.evaluation.gate_page import page

        before = None if record else _existing(baseline)
        measured = _measured(_asked(data, split, injection, support))
        if before is None:
            write_measured(baseline, measured)
            if as_json:
                show_json(measured.model_dump(mode="json", exclude={"figures": {"samples"}}))
            else:
                console().print(f"{len(measured.figures)} figures recorded", style="green")
            return
        result = judge(read_measured(before), measured)
        if report is not None:
            drawn = picture(result)
            beside = report.with_suffix(".svg")
            if drawn is not None:
                beside.write_text(drawn, "utf-8")
            report.write_text(page(result, picture=None if drawn is None else beside.name), "utf-8")
    if as_json:
        show_json(result.to_dict())
    else:
        _show(result)
    raise typer.Exit(Exit.OK if result.passed else Exit.PARTIAL)


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(gate)


def _existing(baseline: Path) -> Path:
    if not baseline.is_file():
        raise CommandError(
            f"--baseline: there is no {baseline.name}; record one with --record, and keep it"
        )
    return baseline


def _asked(data: Path, split: str, injection: Path | None, support: Path | None) -> Asked:
    from retrieval.evaluation.judged import read_judged
    from retrieval.evaluation.lines import InjectionLine, SupportLine, read_lines
    from retrieval.evaluation.measuring import Asked as Everything
    from retrieval.evaluation.smart import is_smart, read_smart

    return Everything(
        (read_smart if is_smart(data) else read_judged)(data, split=split),
        () if injection is None else read_lines(injection, InjectionLine),
        () if support is None else read_lines(support, SupportLine),
    )


def _measured(asked: Asked) -> Measured:
    """The figures of the service as installed and configured here."""
    from functools import partial
    from tempfile import TemporaryDirectory

    from ingestion.index.client import EdgeHost
    from retrieval.evaluation.measuring import Candidate, measure
    from retrieval.runtime import Runtime
    from retrieval.settings import Settings
    from verifier.support import check_support

    with TemporaryDirectory(prefix="clearance-gate-") as home:
        # Idle for seconds only: nobody asks this index again.
        settings = Settings(data_dir=Path(home) / "data", index_idle_seconds=5)
        with Runtime.open(settings, on_progress=errors().print) as runtime:
            candidate = Candidate(judge=partial(check_support, model=runtime.support_model))
            measured = measure(runtime, asked, candidate)
            if isinstance(runtime.host, EdgeHost):
                runtime.host.shutdown()  # its directory goes with everything else
    return measured


def _show(result: GateResult) -> None:
    rows = [
        (
            one.rule.figure,
            None if one.baseline is None else f"{one.baseline:.4g}",
            None if one.candidate is None else f"{one.candidate:.4g}",
            "holds" if one.passed else "REFUSED",
            one.detail,
        )
        for one in result.judgements
    ]
    columns = ["figure", "baseline", "candidate", "", "what was found"]
    console().print(table(columns, rows, right="baseline,candidate"))
    if not result.passed:
        hint("the thresholds and their reasons: retrieval/evaluation/thresholds.py")
