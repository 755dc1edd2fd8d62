"""Small cells: figures about so few queries that they would speak of somebody.

A cell is one row of a figure. Where rows are grouped by source, caller, question or document, a
row over fewer than :data:`SMALL_CELL` queries keeps its name and loses its figures. This is primary
suppression alone: whoever is also given the total of all cells can subtract. Publish either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

SMALL_CELL: Final = 5
_REVEALING: Final = frozenset({"source", "caller", "query", "view", "document_id", "chunk_id"})


def threshold(by: Sequence[str], minimum: int | None) -> int:
    """The smallest cell that is shown: the one asked for, else by what the rows are grouped by."""
    if minimum is not None:
        return minimum
    return 1 if _REVEALING.isdisjoint(by) else SMALL_CELL


def grouped(frame: pd.DataFrame, by: Sequence[str]) -> Any:
    """The frame's cells, to aggregate; without columns to group by, one cell of everything.

    Grouping by nothing is grouping by a constant: one road for both, empty frames included.
    """
    keys = list(by) or ["everything"]
    return frame.assign(everything=0).groupby(keys, as_index=False, observed=True)


def hide_small(
    table: pd.DataFrame, size: str, minimum: int, *, figures: Sequence[str]
) -> pd.DataFrame:
    """Blank the figures of small cells and say so in a column ``hidden``.

    A cell of size 0 is shown: that nothing happened speaks of nobody.

    Args:
        table: one row a cell.
        size: the column that holds how many queries a cell is about.
        minimum: cells of size 1 to ``minimum - 1`` are hidden.
        figures: numeric columns to blank, ``size`` included if it must not be shown.
    """
    hidden = table[size].between(1, minimum - 1)
    blanked = table.astype(dict.fromkeys(figures, "float64"))
    blanked.loc[hidden, list(figures)] = float("nan")
    return blanked.assign(hidden=hidden.astype("bool"))
