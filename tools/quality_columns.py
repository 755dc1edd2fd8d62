"""Write the tables of columns in ``docs/quality.md`` from the datasets they describe.

What never lives here: prose about what figures mean; that is written by hand around the tables.
"""

import sys
from pathlib import Path
from typing import Final

from retrieval.quality.datasets import SHAPES
from tools.reference_docs import table

PAGE: Final = Path(__file__).parents[1] / "docs" / "quality.md"
_BEGIN: Final = "<!-- columns -->\n"
_END: Final = "<!-- /columns -->\n"


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


def written(page: str) -> str:
    """The page with its tables as the code has them."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return f"{before}{_BEGIN}\n{tables()}\n{_END}{after}"


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text("utf-8")), encoding="utf-8")
    sys.stdout.write("docs/quality.md\n")
