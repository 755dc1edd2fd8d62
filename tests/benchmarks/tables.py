"""Figures as rows, and rows as a terminal table or as Markdown. Nothing is measured here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.table import Table

from tests.benchmarks.figures import Contender

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.benchmarks.figures import (
        DuringFigures,
        Figures,
        NearFigures,
        QueryFigures,
        ResolutionFigures,
        RunFigures,
    )

NAMES: Final = {
    Contender.CLEARANCE: "Clearance",
    Contender.POST: "Chroma, post-filter",
    Contender.WHERE: "Chroma, `where`",
}


@dataclass(frozen=True, slots=True)
class Sheet:
    """A titled table; the first ``texts`` columns are text, the others figures."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int = 1

    def for_terminal(self) -> Table:
        """As rich draws it."""
        table = Table(title=self.title, title_justify="left", title_style="bold")
        for number, column in enumerate(self.columns):
            table.add_column(column, justify="left" if number < self.texts else "right")
        for row in self.rows:
            table.add_row(*(cell.replace("`", "").replace("**", "") for cell in row))
        return table

    def for_markdown(self) -> str:
        """As Markdown writes it, the title in bold above."""
        align = [":--" if n < self.texts else "--:" for n in range(len(self.columns))]
        lines = [self.columns, tuple(align), *self.rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"**{self.title}**\n\n{body}"


def sheets(figures: Figures) -> Iterator[Sheet]:
    """Every table of a run."""
    if figures.queries:
        yield _queries(figures)
    if any(row.stages_ms for row in figures.queries):
        yield stages(figures)
    if figures.ingest is not None:
        yield _ingest(figures)
    if figures.during is not None:
        yield _during(figures.during)
    if figures.resolution:
        yield _resolution(figures.resolution)
    if figures.near is not None:
        yield _near(figures.near)
    if figures.runs:
        yield _runs(figures.runs)
    if figures.cold is not None or figures.memory is not None:
        yield _footprint(figures)


def _queries(figures: Figures) -> Sheet:
    rows = []
    shown = ""
    for row in sorted(figures.queries, key=lambda row: -row.share):
        ours = figures.of(Contender.CLEARANCE, row.audience)
        first = (
            f"{row.audience} ({row.visible:,} under {row.acls})" if row.audience != shown else ""
        )
        shown = row.audience
        rows.append(
            (
                first,
                NAMES[Contender(row.contender)],
                _ms(row.p50_ms),
                _ms(row.p99_ms),
                _ratio(row, ours),
                f"{row.results:.2f}",
                "–" if row.recall is None else f"{row.recall:.3f}",
                str(row.asked),
            )
        )
    columns = (
        "visible (chunks, ACLs)",
        "",
        "p50 ms",
        "p99 ms",
        "times ours",
        "results of 8",
        "recall@10",
        "asked",
    )
    title = f"One question, {figures.parameters['chunks']:,} chunks"
    return Sheet(title, columns, tuple(rows), texts=2)


def stages(figures: Figures) -> Sheet:
    """What each stage of our answers took, for each share that is visible."""
    ours = [row for row in figures.queries if row.contender == Contender.CLEARANCE]
    named = list(dict.fromkeys(stage for row in ours for stage in row.stages_ms))
    rows = []
    for row in sorted(ours, key=lambda row: -row.share):
        cells = [f"{row.stages_ms[stage]:.1f}" for stage in named]
        mode = "exact" if row.exact else "quantised, rescored"
        rows.append((row.audience, mode, *cells))
    columns = ("visible", "precision", *named)
    return Sheet("Where Clearance's milliseconds go (p50)", columns, tuple(rows), texts=2)


def _ingest(figures: Figures) -> Sheet:
    result = figures.ingest
    if result is None:
        raise ValueError("there is no ingest to show")
    ours = result.chunks / result.clearance_s
    rows = []
    lead = "–"
    if result.peer_s is not None:
        theirs = result.chunks / result.peer_s
        lead = f"{ours / theirs:.2f}"
        cosine = "–" if result.cosine_min is None else f"{result.cosine_min:.6f}"
        rows = [("Chroma, from cut chunks", f"{theirs:.1f}", "1.00", cosine)]
        rows += [
            (name, f"{result.chunks / seconds:.1f}", f"{result.peer_s / seconds:.2f}", "")
            for name, seconds in (
                ("LangChain `index()`, in memory, from cut chunks", result.chain_s),
                ("Clearance, embedding alone, of cut chunks", result.embed_s),
                ("The processor, the model's matrix products alone", result.products_s),
            )
            if seconds is not None
        ]
    rows.insert(0, ("Clearance, from files", f"{ours:.1f}", lead, ""))
    columns = ("", "chunks/s", "ratio", "least cosine")
    return Sheet(f"Ingest of {result.chunks:,} chunks, in turns", columns, tuple(rows))


def _runs(runs: list[RunFigures]) -> Sheet:
    rows = [
        (
            row.run,
            f"{row.documents:,}",
            f"{row.seconds:.1f}",
            f"{row.documents / row.seconds:,.0f}",
            "–" if row.peak_mb is None else f"{row.peak_mb:.0f}",
        )
        for row in runs
    ]
    columns = ("", "documents", "s", "documents/s", "most memory of its own, MB")
    return Sheet("A run, by how much its source lists, without the model", columns, tuple(rows))


def _during(during: DuringFigures) -> Sheet:
    rest = during.phases[0]
    rows = [
        (
            row.phase,
            _ms(row.p50_ms),
            _ms(row.p99_ms),
            _ms(row.max_ms),
            f"{row.p99_ms / rest.p99_ms:.1f}",
            f"{row.asked:,}",
            str(row.failed),
            str(row.changed),
        )
        for row in during.phases
    ]
    columns = ("", "p50 ms", "p99 ms", "worst", "p99, times at rest")
    columns += ("asked", "failed", "changed")
    title = (
        f"Questions to an index of {during.points:,} points, {during.written:,} more being written "
        "that the asker cannot see"
    )
    return Sheet(title, columns, tuple(rows))


def _resolution(found: list[ResolutionFigures]) -> Sheet:
    rows = [
        (
            row.engine,
            f"{row.cold_p50_ms:.1f}",
            f"{row.cold_p99_ms:.1f}",
            f"{row.warm_p50_ms:.2f}",
            f"{row.warm_p99_ms:.2f}",
            f"{row.grant_p50_ms:.1f}",
            f"{row.revoke_p50_ms:.1f}",
        )
        for row in found
    ]
    columns = (
        "catalogue",
        "cold p50 ms",
        "p99",
        "warm p50 ms",
        "p99",
        "grant ms",
        "revoke ms",
    )
    size = found[0]
    title = (
        f"Who may see what: {size.users:,} users, {size.groups:,} groups up to ten deep, "
        f"{size.acls:,} ACLs, the asker in {size.joined} groups and seeing {size.visible} ACLs; "
        f"a grant on a folder of {size.chunks:,} chunks"
    )
    return Sheet(title, columns, tuple(rows))


def _near(near: NearFigures) -> Sheet:
    rows = [
        ("exact copies, recall", f"{near.exact_recall:.4f}", ""),
        *(
            (f"{row.variant}, recall", f"{row.found:.4f}", f"{row.conflicts:.4f}")
            for row in near.recalled
        ),
        ("precision of all pairs", f"{near.precision:.4f}", ""),
        ("seconds, everything at once", f"{near.settle_s:.1f}", ""),
        ("seconds of processor time, everything at once", f"{near.settle_cpu_s:.1f}", ""),
        (f"seconds, {near.new} new texts", f"{near.new_s:.2f}", ""),
        ("seconds, nothing new", f"{near.idle_s:.2f}", ""),
    ]
    title = (
        f"Near-duplicates among {near.chunks:,} chunks ({near.texts:,} texts, {near.families:,} "
        f"families): {near.pairs:,} pairs, {near.conflicts:,} conflicts"
    )
    return Sheet(title, ("", "", "of them conflicts"), tuple(rows))


def _footprint(figures: Figures) -> Sheet:
    rows: list[tuple[str, ...]] = []
    cold, memory = figures.cold, figures.memory
    if cold is not None:
        rows += [
            ("`clearance query`, index process running", f"{cold.query_warm_index_s:.2f} s"),
            ("`clearance query`, index process not running", f"{cold.query_cold_index_s:.2f} s"),
            ("`clearance serve`, index process not running", f"{cold.serve_cold_index_s:.2f} s"),
            (
                "Chroma",
                "–" if cold.peer_s is None else f"{cold.peer_s:.2f} s",
            ),
        ]
    if memory is not None:
        rows += [
            ("resident: `clearance serve`", _mb(memory.serve_mb)),
            ("resident: its index process", _mb(memory.index_mb)),
            ("resident: Chroma, all in one process", _mb(memory.peer_mb)),
        ]
    return Sheet("Process start to first answer; memory after the queries", ("", ""), tuple(rows))


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:,.1f}"


def _mb(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} MB"


def _ratio(row: QueryFigures, ours: QueryFigures | None) -> str:
    if ours is None:
        return "–"
    return f"{row.p50_ms / ours.p50_ms:.1f}"
