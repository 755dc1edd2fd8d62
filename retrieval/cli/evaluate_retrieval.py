"""``clearance eval retrieval``: how well search ranks somebody's own judged collection."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retrieval.cli.evaluation_options import Resamples, Seed, figure_of
from retrieval.cli.exits import CommandError, reported
from retrieval.cli.options import Json
from retrieval.cli.output import console, counted, errors, show_json, table
from retrieval.cli.runs import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from retrieval.evaluation.resample import Estimate
    from retrieval.evaluation.retrieval import RetrievalReport

Directory = Annotated[
    Path,
    typer.Option(
        "--data",
        help="corpus.jsonl, queries.jsonl and qrels/SPLIT.tsv, as BEIR lays them out; or .all, "
        ".qry and qrel files, as SMART does.",
        metavar="DIR",
        file_okay=False,
        exists=True,
    ),
]
Split = Annotated[str, typer.Option(help="Whose judgements: qrels/SPLIT.tsv.")]
Selectivity = Annotated[
    str | None,
    typer.Option(
        "--acl-selectivity",
        help="Also ask as users who see these shares of the documents, such as 0.5,0.05,0.01.",
        metavar="SHARES",
    ),
]

Chart = Annotated[
    Path | None,
    typer.Option(
        "--chart",
        help="Also draw the figures into this .svg or .png file; needs the notebooks extra.",
        metavar="FILE",
        dir_okay=False,
    ),
]


def retrieval(
    data: Directory,
    split: Split = "test",
    acl_selectivity: Selectivity = None,
    chart: Chart = None,
    resamples: Resamples = 1_000,
    seed: Seed = 2026,
    as_json: Json = False,
) -> None:
    """Measure search: nDCG, recall and reciprocal rank of each leg, fused, and as served.

    The collection is ingested into a directory of its own, which is removed afterwards, with the
    embedder that the settings name. No relevance threshold applies.
    """
    with reported():
        from tempfile import TemporaryDirectory

        from ingestion.index.client import EdgeHost
        from retrieval.evaluation.judged import read_judged
        from retrieval.evaluation.resample import Resampling
        from retrieval.evaluation.retrieval import evaluate_retrieval
        from retrieval.evaluation.smart import is_smart, read_smart
        from retrieval.runtime import Runtime
        from retrieval.settings import Settings

        shares = _shares(acl_selectivity)
        _require_drawable(chart)
        judged = (read_smart if is_smart(data) else read_judged)(data, split=split)
        with TemporaryDirectory(prefix="clearance-eval-") as home:
            # Idle for seconds only: nobody asks this index again.
            settings = Settings(data_dir=Path(home) / "data", index_idle_seconds=5)
            with (
                Runtime.open(settings, on_progress=errors().print) as runtime,
                progress("collection", quiet=as_json) as advance,
                _asking(quiet=as_json) as asked,
            ):
                report = evaluate_retrieval(
                    runtime,
                    judged,
                    shares=shares,
                    resampling=Resampling(resamples, seed),
                    on_ingest=advance,
                    on_question=asked,
                )
                if isinstance(runtime.host, EdgeHost):
                    runtime.host.shutdown()  # its directory goes with everything else
        if chart is not None:
            from retrieval.evaluation.retrieval_chart import save

            save(report, chart)
        if as_json:
            show_json(report.to_dict())
        else:
            _show(report)


def register(group: typer.Typer) -> None:
    """Add the command."""
    group.command()(retrieval)


def _shares(given: str | None) -> tuple[float, ...]:
    try:
        shares = tuple(float(share) for share in given.split(",")) if given else ()
    except ValueError:
        shares = (0.0,)
    if any(not 0 < share <= 1 for share in shares) or sum(shares) > 1:
        raise CommandError(
            "--acl-selectivity: give shares above 0 that make at most 1 together, such as "
            "0.5,0.05,0.01"
        )
    return shares


def _require_drawable(chart: Path | None) -> None:
    """Refuse before the work what would fail after it."""
    if chart is None:
        return
    from retrieval.evaluation.retrieval_chart import FORMATS
    from retrieval.quality.extra import altair, renderer

    if chart.suffix.lower() not in FORMATS:
        raise CommandError(f"--chart: give a file that ends with {' or '.join(FORMATS)}")
    if not chart.absolute().parent.is_dir():
        raise CommandError("--chart: its folder does not exist; make it, or name another")
    altair(), renderer()


@contextmanager
def _asking(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A progress bar for questions."""
    from rich.progress import Progress

    screen = errors()
    with Progress(console=screen, transient=True, disable=quiet or not screen.is_terminal) as bar:
        task = bar.add_task("asking", total=None, visible=False)

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        yield advance


def _show(report: RetrievalReport) -> None:
    screen = console()
    names = list(next(iter(report.measures.values())))
    screen.print(
        table(
            ["ranking", *(column for name in names for column in (name, "95 %"))],
            [
                [ranking, *(cell for name in names for cell in _cells(measures[name]))]
                for ranking, measures in report.measures.items()
            ],
            right=",".join(names),
        )
    )
    from retrieval.evaluation.retrieval_chart import bars

    screen.print("\n" + "\n".join(bars(report)), highlight=False)
    if report.views:
        screen.print()
        screen.print(
            table(
                ["sees", "documents", "recall of exact", "leaked", "p50 ms"],
                [
                    (
                        f"{view.share:.3g}",
                        view.documents,
                        f"{view.recall_of_exact:.4f}",
                        view.leaked,
                        f"{view.milliseconds:.1f}",
                    )
                    for view in report.views
                ],
                right="sees,documents,recall of exact,leaked,p50 ms",
            )
        )
    left_out = f", {report.refused:,} refused for their form" if report.refused else ""
    screen.print(
        f"\n{counted(report.documents, 'document')}{left_out} in {report.ingest_seconds:.0f} s; "
        f"{counted(report.questions, 'question')}, answers p50 {report.milliseconds[0]:.1f} ms, "
        f"p95 {report.milliseconds[1]:.1f} ms; {report.embedder}",
        style="dim",
    )


def _cells(estimate: Estimate) -> tuple[str | None, str | None]:
    """A figure and its interval, short enough for three of them on one line."""
    low, high = estimate.low, estimate.high
    interval = None if low is None or high is None else f"{low:.2f}-{high:.2f}"
    return figure_of(estimate), interval
