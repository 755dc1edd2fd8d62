"""The race of engines as a table and as a chart. Nothing is measured here."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import altair as alt

from tests.benchmarks.tables import Sheet

if TYPE_CHECKING:
    from tests.benchmarks.figures import EngineFigures, Figures

_GOOD: Final = 0.99
_DASHES: Final = ([1, 0], [6, 3], [2, 2])
_COLOURS: Final = {
    "Clearance": "#0f766e",
    "Chroma": "#be123c",
    "LanceDB": "#1e3a8a",
    "LangChain, FAISS": "#ca8a04",
    "pgvector": "#7c3aed",
    "Haystack": "#64748b",
}
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
    names = list(dict.fromkeys(_name(row) for row in figures.engines))
    dashes: dict[str, list[int]] = {}
    seen: Counter[str] = Counter()
    for row in {(row.engine, row.mode): row for row in figures.engines}.values():
        dashes[_name(row)] = _DASHES[seen[row.engine]]
        seen[row.engine] += 1
    colours = {_name(row): _COLOURS[row.engine] for row in figures.engines}
    rows = [
        {
            "share": row.share,
            "who": _name(row),
            "p50": row.p50_ms,
            "fill": colours[_name(row)] if _finds(row) else "white",
        }
        for row in figures.engines
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "share:Q",
            scale=alt.Scale(type="log"),
            axis=alt.Axis(format=".2~p", values=sorted({row.share for row in figures.engines})),
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
            scale=alt.Scale(domain=names, range=[colours[name] for name in names]),
            legend=alt.Legend(title=None, labelLimit=320, symbolType="stroke", symbolSize=500),
        ),
    )
    lines = base.mark_line().encode(
        strokeDash=alt.StrokeDash(
            "who:N",
            scale=alt.Scale(domain=names, range=[dashes[name] for name in names]),
            legend=alt.Legend(title=None, labelLimit=320, symbolType="stroke", symbolSize=500),
        )
    )
    points = base.mark_point(size=50, strokeWidth=1.5, opacity=1).encode(
        fill=alt.Fill("fill:N", scale=None, legend=None)
    )
    title = alt.TitleParams(
        f"Search alone under a filter, {figures.parameters['chunks']:,} chunks",
        subtitle="hollow: some of the ten nearest that the asker may see were missed",
        anchor="start",
    )
    return (lines + points).properties(width=460, height=380, title=title)


def _name(row: EngineFigures) -> str:
    return f"{row.engine}: {row.mode}"


def _finds(row: EngineFigures) -> bool:
    return row.recall is None or row.recall >= _GOOD


def _cell(row: EngineFigures) -> str:
    tail = "" if row.p99_ms is None else f" ({_ms(row.p99_ms)})"
    recall = "–" if row.recall is None else f"{row.recall:.3f}"
    return f"{_ms(row.p50_ms)}{tail} · {recall} · {row.results:.1f}"


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"
