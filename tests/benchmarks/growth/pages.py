"""What growing costs, as tables and charts. Nothing is measured here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import altair as alt
import numpy as np

from tests.benchmarks import readme
from tests.benchmarks.chart import save
from tests.benchmarks.growth import scale
from tests.benchmarks.machine import sentence
from tests.benchmarks.tables import Sheet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.benchmarks.growth.figures import GrowthFigures, LaneFigures

_CHART: Final = "img/growth.svg"
_PANELS: Final = {
    "corpus": ("chunks", "chunks of the corpus, {n:,} visible"),
    "visible": ("visible", "visible chunks, linear"),
    "acls": ("acls", "visible ACLs over {n:,} chunks"),
    "tenants": ("tenants", "tenants, {n:,} visible"),
}
_TITLES: Final = {
    "corpus": "A larger corpus, the same view",
    "visible": "A larger view",
    "acls": "The same number of visible chunks under more ACLs",
    "tenants": "More tenants beside one that stays the same",
}
_COLOUR: Final = "#0f766e"


def sheets(figures: GrowthFigures) -> Iterator[Sheet]:
    """Every table."""
    for axis, title in _TITLES.items():
        yield _lanes(title, figures.on(axis))
    yield _estates(figures)
    yield scale.checked(figures)


def write(figures: GrowthFigures, docs: Path) -> None:
    """Put tables and charts into the pages of ``docs``."""
    save(chart(figures), docs / _CHART)
    parts = [f"![Median time to an answer as one thing grows]({_CHART})", findings(figures)]
    parts += [sheet.for_markdown() for sheet in sheets(figures)]
    parts.append(f"{sentence(figures.machine)}.")
    readme.write(docs / "benchmarks.md", "\n\n".join(parts), name="growth")
    sizing = [sheet.for_markdown() for sheet in scale.sheets(figures)]
    sizing.append(f"Measured on {sentence(figures.machine)}.")
    readme.write(docs / "sizing.md", "\n\n".join(sizing), name="sizing")


def findings(figures: GrowthFigures) -> str:
    """Slopes, in words."""
    model = scale.Model.fitted(figures.on("visible"))
    corpora = figures.on("corpus")
    spread = max(lane.p50_ms for lane in corpora) / min(lane.p50_ms for lane in corpora)
    noise = float(np.median([lane.p90_ms / lane.p10_ms for lane in corpora]))
    return (
        f"From {corpora[0].chunks:,} to {corpora[-1].chunks:,} chunks the medians of one view of "
        f"{corpora[0].visible:,} chunks differ by a factor of {spread:.2f}, where the tenth and "
        f"the ninetieth percentile of a single lane differ by {noise:.1f}. Of {figures.compared} "
        f"questions {figures.same} had the same answer in all three, to the last bit of every "
        f"score. Within the exact limit an answer takes {model.base_ms:.0f} ms and "
        f"{1_000 * model.exact_ms:.2f} ms for every 1,000 visible chunks; beyond it "
        f"{1_000 * model.quantised_ms:.2f} ms for every 1,000."
    )


def chart(figures: GrowthFigures) -> alt.ConcatChart:
    """A panel for each direction of growth: median, and the tenth to ninetieth percentile."""
    panels = [_panel(figures, axis) for axis in _PANELS if figures.on(axis)]
    together = alt.concat(*panels, columns=2).resolve_scale(color="independent")
    return together.properties(
        title=alt.TitleParams(
            "Time to an answer over HTTP as one thing grows",
            subtitle="median, and the tenth to the ninetieth percentile; one question at a time",
            anchor="start",
        )
    )


def _panel(figures: GrowthFigures, axis: str) -> alt.LayerChart:
    field, label = _PANELS[axis]
    lanes = figures.on(axis)
    rows = [
        {
            "x": getattr(lane, field),
            "p10": lane.p10_ms,
            "p50": lane.p50_ms,
            "p90": lane.p90_ms,
            "corpus": f"{lane.chunks:,} chunks",
        }
        for lane in lanes
    ]
    scale_of = alt.Scale() if axis == "visible" else alt.Scale(type="log")
    values = sorted({row["x"] for row in rows}) if axis != "visible" else alt.Undefined
    colour = alt.value(_COLOUR)
    if axis == "visible":
        names = list(dict.fromkeys(str(row["corpus"]) for row in rows))
        colour = alt.Color(
            "corpus:N",
            scale=alt.Scale(domain=names, range=["#94a3b8", "#ca8a04", _COLOUR][: len(names)]),
            legend=alt.Legend(title=None, orient="bottom-right"),
        )
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X(
            "x:Q",
            scale=scale_of,
            axis=alt.Axis(format="~s", values=values),
            title=label.format(n=lanes[0].visible),
        ),
        color=colour,
    )
    y = alt.Y("p50:Q", scale=alt.Scale(zero=True), title="ms")
    line = base.mark_line(point=True).encode(y=y)
    bars = base.mark_rule(opacity=0.4).encode(y="p10:Q", y2="p90:Q")
    return (bars + line).properties(width=300, height=190, title=_TITLES[axis])


def _lanes(title: str, lanes: list[LaneFigures]) -> Sheet:
    rows = [
        (
            f"{lane.chunks:,}",
            f"{lane.tenants:,}",
            f"{lane.visible:,}",
            f"{lane.acls:,}",
            "exact" if lane.exact else "quantised, rescored",
            f"{lane.p50_ms:.1f}",
            f"{lane.p10_ms:.1f}–{lane.p90_ms:.1f}",
            f"{lane.stages_ms['resolve']:.1f}",
            f"{lane.stages_ms['search']:.1f}",
            f"{lane.stages_ms['fetch']:.1f}",
            f"{lane.first_ms:.0f}",
            str(lane.failed),
        )
        for lane in lanes
    ]
    columns = ("chunks", "tenants", "visible", "under ACLs", "precision", "p50 ms", "p10–p90")
    columns += ("resolve", "search", "fetch", "first answer", "failed")
    return Sheet(title, columns, tuple(rows), texts=0)


def _estates(figures: GrowthFigures) -> Sheet:
    rows = [
        (
            f"{row.chunks:,}",
            f"{row.tenants:,}",
            f"{row.acls:,}",
            _mb(row.serve_mb),
            _mb(row.index_mb),
            _mb(row.catalogue_disk_mb),
            _mb(row.index_disk_mb),
        )
        for row in figures.estates
    ]
    columns = ("chunks", "tenants", "ACLs", "service, MB", "index process, MB")
    columns += ("catalogue on disk, MB", "index on disk, MB")
    return Sheet("Memory after the questions, and disk", columns, tuple(rows), texts=0)


def _mb(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"
