"""Write the tables of columns and of figures in ``docs/quality.md`` from what they describe.

What never lives here: prose about what figures mean; that is written by hand around the tables.
"""

import sys
from pathlib import Path
from typing import Final

from retrieval.quality.datasets import SHAPES
from retrieval.quality.metrics import METRICS
from tools.reference_docs import table

PAGE: Final = Path(__file__).parents[1] / "docs" / "quality.md"


def tables() -> str:
    """A heading, what a row is, and a table of columns for each dataset."""
    parts = []
    for dataset, shape in SHAPES.items():
        rows = ((f"`{c.name}`", c.kind.value, c.meaning) for c in shape.columns)
        filters = ", ".join(f"`{name}`" for name in sorted(shape.filters))
        parts += [
            f"### {dataset}",
            f"{shape.about} Filters: {filters}.",
            table(("column", "holds", "meaning"), rows),
        ]
    return "\n\n".join(parts) + "\n"


def figures() -> str:
    """What each figure means, what moves it and what it cannot tell."""
    parts = []
    for metric in METRICS.values():
        after = f" After {metric.after}." if metric.after else ""
        over = f"`{metric.top}` over `{metric.bottom}`, resampled by {metric.unit}"
        parts += [
            f"### {metric.name}",
            f"{metric.means} Worse when it goes {metric.worse}; {over}.{after}",
            f"- **Moved by**: {metric.moves}\n- **Cannot tell**: {metric.cannot}",
        ]
    return "\n\n".join(parts) + "\n"


def written(page: str) -> str:
    """The page with its tables as the code has them."""
    for name, make in (("columns", tables), ("figures", figures)):
        before, _, rest = page.partition(f"<!-- {name} -->\n")
        _, _, after = rest.partition(f"<!-- /{name} -->\n")
        page = f"{before}<!-- {name} -->\n\n{make()}\n<!-- /{name} -->\n{after}"
    return page


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), encoding="utf-8")
    sys.stdout.write("docs/quality.md\n")
