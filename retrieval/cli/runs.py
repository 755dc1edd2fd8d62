"""How a run shows itself: a progress bar while it goes on, a report when it is done."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.text import Text

from retrieval.cli.durations import spoken
from retrieval.cli.exits import Exit
from retrieval.cli.output import counted, errors, one_line, table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from ingestion.report import Progress, RunReport

SHOWN_PER_CODE: Final = 5

_STYLES: Final = {"ok": "green", "partial": "yellow", "failed": "red", "cancelled": "yellow"}


@contextmanager
def progress(label: str, *, quiet: bool = False) -> Iterator[Callable[[Progress], None] | None]:
    """A progress bar on standard error; yields what to call, or None if ``quiet``."""
    with progress_of_many(label, quiet=quiet) as advance:
        yield None if advance is None else (lambda state: advance(label, state))


@contextmanager
def progress_of_many(
    label: str, *, quiet: bool = False
) -> Iterator[Callable[[str, Progress], None] | None]:
    """A progress bar for one run after another; yields what to call with the label of each."""
    if quiet:
        yield None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    screen = errors()
    with Bar(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task = bar.add_task(f"{one_line(label)}: listing", total=None, rate="")

        shown = label

        def advance(of: str, state: Progress) -> None:
            nonlocal shown
            if of != shown:
                bar.reset(task)
                shown = of
            rate = "" if state.rate is None else f"{state.rate:,.0f} documents/s"
            # Segments are merged and near-duplicates compared when every document is written.
            doing = "finishing" if state.done == state.total else state.phase
            bar.update(
                task,
                description=f"{one_line(of)}: {doing}",
                completed=state.done,
                total=state.total,
                rate=rate,
            )

        yield advance


def exit_code(*reports: RunReport) -> Exit:
    """0 if every run is complete, else 3."""
    return Exit.OK if all(report.status == "ok" for report in reports) else Exit.PARTIAL


def print_report(screen: Console, report: RunReport) -> None:
    """A run for people: how it ended, what changed, what failed and why."""
    seconds = (
        (report.finished_at - report.started_at).total_seconds() if report.finished_at else None
    )
    end = "nothing written" if report.dry_run else f"took {spoken(seconds)}"
    if report.rate is not None and not report.dry_run:
        end += f", {report.rate:,.1f} a second"
    screen.print(
        Text.assemble(
            (str(report.status), f"bold {_STYLES.get(str(report.status), '')}"),
            f"  {one_line(report.tenant)}/{one_line(report.source)}",
            (f"  {counted(report.listed, 'document')} listed, {end}", "dim"),
        )
    )
    counts = {
        "added": report.added,
        "changed": report.changed,
        "moved to another ACL": report.moved,
        "renamed": report.renamed,
        "deleted": report.deleted,
        "closed (no valid ACL)": report.closed,
        "unchanged": report.unchanged,
        "late, so ignored": report.late,
        "skipped": report.skipped,
        "failed": report.failed,
        "held back": report.held_deletions,
        "not come to": report.backlog,
    }
    screen.print(
        table(
            ["would be" if report.dry_run else "documents", "count"],
            [(name, count) for name, count in counts.items() if count],
            right="count",
        )
    )
    if report.not_optimised is not None:
        screen.print(
            f"the index was not optimised: {one_line(report.not_optimised)}", style="yellow"
        )
    if report.chunks_added or report.chunks_removed:
        screen.print(
            f"chunks: {report.chunks_added:,} added, {report.chunks_removed:,} removed, "
            f"{report.chunks_deduplicated:,} already there",
            style="dim",
        )
    _print_plan(screen, report)
    _print_failures(screen, report)
    if report.status == "cancelled":
        screen.print("stopped on request: run it again to go on", style="yellow")
    if report.held_deletions:
        screen.print(
            f"{report.held_deletions:,} documents are no longer listed, unusually many: they stay "
            "until you run it again with --confirm-deletions",
            style="yellow",
            soft_wrap=True,
        )


def _print_plan(screen: Console, report: RunReport) -> None:
    """What a dry run would do, a few documents of each change."""
    by_change: dict[str, list[str]] = {}
    for one in report.plan:
        if one.change != "failed":
            by_change.setdefault(one.change.value, []).append(one.external_id)
    for change, names in by_change.items():
        screen.print(Text.assemble((f"\n{change}", "bold"), f"  {len(names):,}"))
        for name in names[:SHOWN_PER_CODE]:
            screen.print(Text.assemble("  ", one_line(name)), soft_wrap=True)
        if len(names) > SHOWN_PER_CODE:
            screen.print(f"  … and {len(names) - SHOWN_PER_CODE:,} more (with --json)", style="dim")


def _print_failures(screen: Console, report: RunReport) -> None:
    """Failures by code, most frequent first, a few of each."""
    if not report.failures:
        return
    for code, count in report.codes.items():
        screen.print(Text.assemble((f"\n{one_line(code)}", "bold red"), f"  {count:,}"))
        shown = [failure for failure in report.failures if failure.code == code][:SHOWN_PER_CODE]
        for failure in shown:
            screen.print(
                Text.assemble(
                    "  ", one_line(failure.external_id), ("  " + one_line(failure.message), "dim")
                ),
                soft_wrap=True,
            )
        if count > len(shown):
            screen.print(f"  … and {count - len(shown):,} more (all of them with --json)")
