"""What the charts and diagrams of office files say in words and figures.

What never lives here: pictures, and how charts look.
"""

from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import Any

from lxml import etree

from ingestion.parsing.cells import parser
from ingestion.parsing.rows import Table

_MAX_POINTS = 10_000


def chart_lines(chart: Any) -> Iterator[str]:
    """Yield a chart as lines: its title, what the series are called, and a row for each category.

    Args:
        chart: Of python-pptx.
    """
    if chart.has_title and chart.chart_title.has_text_frame:
        yield " ".join(chart.chart_title.text_frame.text.split())
    for plot in chart.plots:
        table = Table()
        series = list(plot.series)
        names = (" ".join(str(one.name or "").split()) for one in series)
        yield table.head({column: name for column, name in enumerate(names, start=1) if name})
        labels = [" ".join(str(label).split()) for label in islice(plot.categories, _MAX_POINTS)]
        values = [list(islice(one.values, _MAX_POINTS)) for one in series]
        for label, *figures in zip_longest(labels, *values):
            row = {0: label} if label else {}
            row |= {
                column: f"{figure:.15g}"
                for column, figure in enumerate(figures, start=1)
                if figure is not None
            }
            yield table.line(row)


def diagram_lines(part: bytes) -> Iterator[str]:
    """Yield the texts of a diagram's data, or of the comments on a slide, a line each."""
    root = etree.fromstring(part, parser())
    for node in root.iter("{*}t", "{*}text"):
        words = " ".join((node.text or "").split())
        if words:
            yield words
