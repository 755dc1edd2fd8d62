"""The figures of search as a picture: each measure of each ranking, with its interval.

An SVG or PNG file where the libraries of the ``notebooks`` extra are installed, and bars of
characters for any terminal. What never lives here: measuring.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from retrieval.quality.extra import altair, renderer
from retrieval.quality.style import DOUBT, GOOD, INK, NONE, ROW, card

if TYPE_CHECKING:
    from pathlib import Path

    from retrieval.evaluation.retrieval import RetrievalReport

FORMATS: Final = (".svg", ".png")
_SHADES: Final = (GOOD, DOUBT, NONE)
_SCALE: Final = 2  # pixels of a PNG to each of the chart's own
_CELLS: Final = 40


def bars(report: RetrievalReport) -> list[str]:
    """The first measure of each ranking as a line of characters; a whole bar would be 1."""
    widest = max(map(len, report.measures))
    lines = []
    for ranking, measures in report.measures.items():
        value = next(iter(measures.values())).value or 0.0
        lines.append(f"{ranking:<{widest}}  {'█' * round(_CELLS * value):<{_CELLS}} {value:.3f}")
    return lines


def save(report: RetrievalReport, path: Path) -> None:
    """Write the picture to ``path``, as its ending says.

    Raises:
        MissingExtraError: a library is not installed.
        OSError: it cannot be written there.
    """
    drawn = _chart(report).to_json()
    if path.suffix.lower() == ".png":
        path.write_bytes(renderer().vegalite_to_png(drawn, scale=_SCALE))
    else:
        path.write_text(renderer().vegalite_to_svg(drawn), encoding="utf-8")


def _chart(report: RetrievalReport) -> Any:
    alt = altair()
    rows = [
        {"ranking": ranking, "measure": name, **estimate.to_dict()}
        for ranking, measures in report.measures.items()
        for name, estimate in measures.items()
    ]
    rankings, names = list(report.measures), list(next(iter(report.measures.values())))
    place = {
        "y": alt.Y("ranking:N", sort=rankings, title=None),
        "yOffset": alt.YOffset("measure:N", sort=names),
    }
    base = alt.Chart(alt.Data(values=rows))
    values = base.mark_bar().encode(
        x=alt.X("value:Q", title=None, scale=alt.Scale(domain=[0, 1])),
        color=alt.Color(
            "measure:N", sort=names, title=None, scale=alt.Scale(domain=names, range=_SHADES)
        ),
        **place,
    )
    intervals = base.mark_rule(color=INK).encode(x="low:Q", x2="high:Q", **place)
    return card(
        alt.layer(values, intervals).properties(height=ROW * len(rows)),
        "How well search ranks",
        f"{report.documents:,} documents, {report.questions:,} questions, {report.embedder}; "
        "lines: 95 % intervals",
    )
