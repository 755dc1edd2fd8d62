"""The charts of a run: median time to an answer, by how much the asker may see, and its stages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt

from tests.benchmarks.figures import Contender

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.figures import Figures

_NAMES: Final = {
    Contender.CLEARANCE: "Clearance",
    Contender.POST: "sentence-transformers + Chroma, post-filter",
    Contender.WHERE: "sentence-transformers + Chroma, where",
}
_COLOURS: Final = ("#0f766e", "#94a3b8", "#475569")
_STAGE_COLOURS: Final = (
    "#1e3a8a",
    "#0f766e",
    "#65a30d",
    "#ca8a04",
    "#ea580c",
    "#be123c",
    "#7c3aed",
    "#0891b2",
    "#64748b",
)


def draw(figures: Figures, path: Path) -> None:
    """Write the chart as SVG (or whatever the suffix of ``path`` says)."""
    rows = [
        {
            "visible": row.audience,
            "share": row.share,
            "who": _NAMES[Contender(row.contender)],
            "p50": row.p50_ms,
            "label": f"{row.p50_ms:,.0f} ms · {row.results:.1f} of 8",
        }
        for row in figures.queries
    ]
    base = alt.Chart(alt.Data(values=rows)).encode(
        y=alt.Y(
            "visible:N",
            sort=alt.EncodingSortField("share", order="descending"),
            title="share of the chunks that the asker may see",
        ),
        yOffset=alt.YOffset("who:N", sort=list(_NAMES.values())),
        x=alt.X(
            "p50:Q",
            scale=alt.Scale(type="log", domainMin=1),
            title="median time to an answer, ms (logarithmic)",
        ),
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        x2=alt.datum(1),
        color=alt.Color(
            "who:N",
            scale=alt.Scale(domain=list(_NAMES.values()), range=list(_COLOURS)),
            legend=alt.Legend(orient="top", title=None, labelLimit=320),
        ),
    )
    labels = base.mark_text(align="left", dx=4, fontSize=10, color="#334155").encode(text="label:N")
    title = alt.TitleParams(
        f"One question over {figures.parameters['chunks']:,} chunks",
        subtitle="with the number of results that the asker may see, of 8 asked for",
        anchor="start",
    )
    save((bars + labels).properties(width=560, height={"step": 15}, title=title), path)


def draw_stages(figures: Figures, path: Path) -> None:
    """Write the chart of where Clearance's time goes, a bar for each share that is visible."""
    ours = [row for row in figures.queries if row.contender == Contender.CLEARANCE]
    stages = list(dict.fromkeys(stage for row in ours for stage in row.stages_ms))
    rows = [
        {
            "visible": row.audience,
            "share": row.share,
            "stage": stage,
            "place": place,
            "ms": row.stages_ms[stage],
        }
        for row in ours
        for place, stage in enumerate(stages)
    ]
    bars = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar()
        .encode(
            y=alt.Y(
                "visible:N",
                sort=alt.EncodingSortField("share", order="descending"),
                title="visible share",
            ),
            x=alt.X("ms:Q", stack="zero", title="milliseconds, median of each stage"),
            order=alt.Order("place:Q"),
            color=alt.Color(
                "stage:N",
                scale=alt.Scale(domain=stages, range=list(_STAGE_COLOURS[: len(stages)])),
                legend=alt.Legend(orient="top", title=None, columns=len(stages)),
            ),
        )
    )
    title = alt.TitleParams(
        "Where the milliseconds of an answer go",
        subtitle=f"{figures.parameters['chunks']:,} chunks, over HTTP, one question at a time",
        anchor="start",
    )
    save(bars.properties(width=560, height={"step": 34}, title=title), path)


def save(chart: alt.TopLevelMixin, path: Path) -> None:
    """Write a chart, on white and without a frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.configure_view(stroke=None).configure(background="white").save(str(path))
