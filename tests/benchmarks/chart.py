"""The chart of a run: median time to an answer, by how much the asker may see."""

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
    chart = (bars + labels).properties(width=560, height={"step": 15}, title=title)
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.configure_view(stroke=None).configure(background="white").save(str(path))
