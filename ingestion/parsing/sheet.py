"""One sheet as a stream of rows: what is shown apart from what is hidden, memory flat.

Cells are placed by the address they state and never padded, so a sheet that claims to be as wide
and long as the format allows costs what it holds. What never lives here: what a row looks like as
text, and the parts of a workbook around the sheets.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import IO, Any

from lxml import etree

from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.cells import PARSING, Look, forget, local, rich_text, shown
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.rows import Row
from ingestion.parsing.unseen import Unseen

_COLUMN = re.compile(r"\$?[A-Za-z]{1,3}")
_OFF = frozenset({"", "0", "false"})


@dataclass(frozen=True, slots=True)
class Book:
    """What the sheets of a workbook share."""

    strings: Sequence[str]
    looks: Sequence[Look]
    epoch: datetime


@dataclass(slots=True)
class Sheet:
    """The rows of one sheet; what was met on the way is known once they have been read.

    Attributes:
        book: What the sheets share.
        limits: What the file may cost.
        unseen: Receives the content of hidden rows, columns and cells.
        uncalculated: Formulas without a stored value.
    """

    book: Book
    limits: ParseLimits
    unseen: Unseen
    uncalculated: int = 0
    _hidden_columns: bytearray | None = None
    _written: int = 0

    def rows(self, stream: IO[bytes]) -> Iterator[tuple[bool, Row]]:
        """Yield the shown cells of each row that shows any, and whether a blank row is before it.

        A hidden row is not blank: what a filter hides does not part a table in two.

        Raises:
            ParseError: ``too_large`` if a cell, a row or all of it is.
            etree.XMLSyntaxError: It is not XML.
        """
        number = 0
        filled = -1
        gap = False
        for _, element in etree.iterparse(stream, tag=("{*}col", "{*}row"), **PARSING):
            if local(element) == "col":
                self._column(element)
                continue  # its parent is forgotten with the first row
            stated = element.get("r")
            number = int(stated) if stated else number + 1
            met = self._written
            row = self._row(element, number)
            forget(element)
            if self._written > met:
                gap = gap or number > filled + 1
                filled = number
            if row:
                yield gap, row
                gap = False

    def _column(self, element: Any) -> None:
        if _is_on(element.get("hidden")) or _is_nothing(element.get("width")):
            width = self.limits.max_columns
            first, last = int(element.get("min")), min(int(element.get("max")), width)
            hidden = self._hidden_columns or bytearray(width)
            hidden[max(first - 1, 0) : last] = b"\1" * (last - max(first - 1, 0))
            self._hidden_columns = hidden[:width]

    def _row(self, element: Any, number: int) -> Row:
        row_hidden = _is_on(element.get("hidden")) or _is_nothing(element.get("ht"))
        hidden_columns = self._hidden_columns
        row: dict[int, str] = {}
        column = -1
        for cell in element:
            stated = cell.get("r")
            column = _column_index(stated.rstrip("0123456789$")) if stated else column + 1
            if column >= self.limits.max_columns:
                raise ParseError(
                    f"row {number}: more than {self.limits.max_columns} columns; remove the cells"
                    " that stand so far out",
                    code=ParseErrorCode.TOO_LARGE,
                )
            look = self._look(cell)
            text = self._cell(cell, look)
            if not text:
                continue
            self._count(text, number)
            if look is Look.HIDDEN:
                self.unseen.add("xlsx.hidden_cell", text)
            elif row_hidden:
                self.unseen.add("xlsx.hidden_row", text)
            elif hidden_columns and hidden_columns[column]:
                self.unseen.add("xlsx.hidden_column", text)
            else:
                row[column] = f"{row[column]} {text}" if column in row else text
        return dict(sorted(row.items()))

    def _cell(self, cell: Any, look: Look) -> str:
        kind = cell.get("t") or "n"
        raw: str | None = None
        has_formula = False
        for child in cell:
            name = local(child)
            if name == "v":
                raw = child.text or ""
            elif name == "f":
                has_formula = True
            elif name == "is":
                return rich_text(child)
        if raw:
            return shown(raw, kind, look, self.book.strings, self.book.epoch)
        # An empty text is a value, and formulas may well have it.
        self.uncalculated += has_formula and (raw is None or kind != "str")
        return ""

    def _look(self, cell: Any) -> Look:
        stated = cell.get("s")
        if stated is None:
            return Look.PLAIN
        style, known = int(stated), self.book.looks
        return known[style] if 0 <= style < len(known) else Look.PLAIN

    def _count(self, text: str, row: int) -> None:
        """Refuse before a row is joined: one shared string may be named by a million cells."""
        self._written += len(text)
        if len(text) > self.limits.max_cell_chars:
            raise ParseError(
                f"row {row}: a cell exceeds the limit of {self.limits.max_cell_chars} characters;"
                " split it",
                code=ParseErrorCode.TOO_LARGE,
            )
        if self._written > self.limits.max_chars:
            raise ParseError(
                f"sheet: more than {self.limits.max_chars} characters; split the workbook",
                code=ParseErrorCode.TOO_LARGE,
            )


@lru_cache(maxsize=20_000)
def _column_index(letters: str) -> int:
    """Return the column that letters such as ``AB`` stand for, from 0."""
    if _COLUMN.fullmatch(letters) is None:
        raise ValueError(letters)
    index = 0
    for letter in letters.lstrip("$").upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _is_on(value: str | None) -> bool:
    return value is not None and value.lower() not in _OFF


def _is_nothing(size: str | None) -> bool:
    return size is not None and float(size) == 0
