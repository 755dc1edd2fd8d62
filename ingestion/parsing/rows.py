"""Table rows as text that still says what it means when a chunk is cut from the middle.

Each row under a header names its columns: ``Region: North | Units: 12``. Labels are cut to a length
that keeps the text linear in the table. What never lives here: where rows come from.
"""

import re
from collections.abc import Mapping

SEPARATOR = " | "
_MAX_LABEL = 60
_FEWEST = 2
# Figures, dates and times: what stands under a header rather than in one.
_FIGURE = re.compile(r"[-+(]?[^\w\s]?\s?\d[\d\s.,:/%+\-]*\)?\s?[^\W\d_]{0,3}")
_YEAR = re.compile(r"(?:19|20)\d\d")

Row = Mapping[int, str]
"""The cells of a row that hold something, by column from 0, in order."""


class Table:
    """Writes the rows of one table after another, remembering what the columns are called."""

    def __init__(self) -> None:
        """Begin without a header."""
        self.labels: dict[int, str] = {}

    def head(self, row: Row) -> str:
        """Take ``row`` as the header of what follows and return it as a line."""
        self.labels = {column: _label(cell) for column, cell in row.items()}
        return SEPARATOR.join(row.values())

    def line(self, row: Row) -> str:
        """Return a row as a line, each cell with the name of its column if it has one."""
        labels = self.labels
        return SEPARATOR.join(
            f"{label}: {cell}" if (label := labels.get(column)) else cell
            for column, cell in row.items()
        )


def looks_like_header(row: Row) -> bool:
    """Tell whether a table's first row names its columns: short, distinct words, no figures.

    Years may stand beside words (``Region | 2023 | 2024``), or alone after an empty corner.
    """
    cells = list(row.values())
    if len(cells) < _FEWEST or len({cell.casefold() for cell in cells}) < len(cells):
        return False
    words = [cell for cell in cells if not _YEAR.fullmatch(cell)]
    if any(len(cell) > _MAX_LABEL or is_figure(cell) for cell in words):
        return False
    return bool(words) or 0 not in row


def is_figure(cell: str) -> bool:
    """Tell whether a cell holds a number, an amount, a date or a time."""
    return len(cell) <= _MAX_LABEL and _FIGURE.fullmatch(cell) is not None


def _label(cell: str) -> str:
    return cell if len(cell) <= _MAX_LABEL else f"{cell[: _MAX_LABEL - 1]}…"
