"""The race of engines as a table and as a chart. Nothing is measured here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

from tests.benchmarks.tables import Sheet

if TYPE_CHECKING:
    from tests.benchmarks.figures import EngineFigures, Figures

_GOOD: Final = 0.99
_TICKS: Final = (0.1, 1, 10, 100, 1_000, 10_000)


def sheet(figures: Figures) -> Sheet:
    """A row for each way of filtering, a column for each audience."""
    rows = figures.engines
    people = list(dict.fromkeys((row.audience, row.visible, row.acls) for row in rows))
    ways = list(dict.fromkeys((row.engine, row.mode) for row in rows))
    cells = {(row.engine, row.mode, row.audience): _cell(row) for row in rows}
    columns = ("", "", *(f"{label} ({n:,} under {acls})" for label, n, acls in people))
    title = (
        f"Search alone over {figures.parameters['chunks']:,} chunks, from a vector to ids: "
        "p50 ms (p99) · recall@10 · results of 8"
    )
    lines = tuple(
        (engine, mode, *(cells[engine, mode, label] for label, _, _ in people))
        for engine, mode in ways
    )
    return Sheet(title, columns, lines, texts=2)


def memory(figures: Figures) -> Sheet:
    """What each process has taken by the end."""
    cells = tuple(
        (name, "–" if taken is None else f"{taken:,.0f}")
        for name, taken in figures.engine_mb.items()
    )
    return Sheet("Resident memory of each engine's process, MB", ("", "MB"), cells)


def chart(figures: Figures) -> alt.LayerChart:
    """Median time by visible share; hollow where the ten nearest were not all found."""
    rows = [
        {
            "share": row.share,
            "who": f"{row.engine}: {row.mode}",
            "p50": row.p50_ms,
            "kept": "all of the ten nearest" if _finds(row) else "misses some",
        }
        for row in figures.engines
    ]
    names = list(dict.fromkeys(str(row["who"]) for row in rows))
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "share:Q",
            scale=alt.Scale(type="log"),
            axis=alt.Axis(format=".2~%", values=sorted({row.share for row in figures.engines})),
            title="share of the chunks that the asker may see (logarithmic)",
        ),
        y=alt.Y(
            "p50:Q",
            scale=alt.Scale(type="log"),
            axis=alt.Axis(values=list(_TICKS), format="~g"),
            title="median, ms (logarithmic)",
        ),
        color=alt.Color(
            "who:N",
            sort=names,
            scale=alt.Scale(domain=names, scheme="tableau20"),
            legend=alt.Legend(title=None, labelLimit=320),
        ),
    )
    points = base.mark_point(size=60, filled=False, strokeWidth=2).encode(
        fill=alt.condition(
            "datum.kept == 'misses some'",
            alt.value("white"),
            alt.Color("who:N", sort=names, legend=None),
        )
    )
    title = alt.TitleParams(
        f"Search alone under a filter, {figures.parameters['chunks']:,} chunks",
        subtitle="hollow: some of the ten nearest that the asker may see were missed",
        anchor="start",
    )
    return (base.mark_line() + points).properties(width=460, height=340, title=title)


def _finds(row: EngineFigures) -> bool:
    return row.recall is None or row.recall >= _GOOD


def _cell(row: EngineFigures) -> str:
    tail = "" if row.p99_ms is None else f" ({_ms(row.p99_ms)})"
    recall = "–" if row.recall is None else f"{row.recall:.3f}"
    return f"{_ms(row.p50_ms)}{tail} · {recall} · {row.results:.1f}"


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
