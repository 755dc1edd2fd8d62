"""One sheet as a stream of rows: what is shown apart from what is hidden, memory flat.

Cells are placed by the address they state and never padded, so a sheet that claims to be as wide
and long as the format allows costs what it holds. What never lives here: what a row looks like as
text, and the parts of a workbook around the sheets.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any

from lxml import etree

from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.cells import PARSING, Look, forget, rich_text, shown
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.rows import Row
from ingestion.parsing.unseen import Unseen

_COLUMN = re.compile(r"\$?([A-Za-z]{1,3})\$?\d*")
_OFF = frozenset({"", "0", "false"})
_MAX_COLUMN_RANGES = 20_000


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
    _hidden_columns: list[tuple[int, int]] = field(default_factory=list)
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
            if etree.QName(element).localname == "col":
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
        hidden = (element.get("hidden") or "").lower() not in _OFF
        if hidden or _is_nothing(element.get("width")):
            if len(self._hidden_columns) >= _MAX_COLUMN_RANGES:
                raise ParseError(
                    "sheet: too many ranges of hidden columns; show the columns",
                    code=ParseErrorCode.TOO_LARGE,
                )
            self._hidden_columns.append((int(element.get("min")) - 1, int(element.get("max")) - 1))

    def _row(self, element: Any, number: int) -> Row:
        row_hidden = (element.get("hidden") or "").lower() not in _OFF
        row_hidden = row_hidden or _is_nothing(element.get("ht"))
        row: dict[int, str] = {}
        column = -1
        for cell in element:
            stated = cell.get("r")
            column = _column_index(stated) if stated else column + 1
            if column >= self.limits.max_columns:
                raise ParseError(
                    f"row {number}: more than {self.limits.max_columns} columns; remove the cells"
                    " that stand so far out",
                    code=ParseErrorCode.TOO_LARGE,
                )
            text, look = self._cell(cell)
            if not text:
                continue
            self._count(text, number)
            if look is Look.HIDDEN:
                self.unseen.add("xlsx.hidden_cell", text)
            elif row_hidden:
                self.unseen.add("xlsx.hidden_row", text)
            elif self._hidden_columns and self._hides(column):
                self.unseen.add("xlsx.hidden_column", text)
            else:
                row[column] = f"{row[column]} {text}" if column in row else text
        return dict(sorted(row.items()))

    def _cell(self, cell: Any) -> tuple[str, Look]:
        kind = cell.get("t") or "n"
        raw: str | None = None
        has_formula = False
        for child in cell:
            name = child.tag.rpartition("}")[2] if isinstance(child.tag, str) else ""
            if name == "v":
                raw = child.text or ""
            elif name == "f":
                has_formula = True
            elif name == "is":
                return " ".join(rich_text(child).split()), self._look(cell)
        if not raw:
            # An empty text is a value, and formulas may well have it.
            self.uncalculated += has_formula and (raw is None or kind != "str")
            return "", Look.PLAIN
        look = self._look(cell)
        text = shown(raw, kind, look, self.book.strings, self.book.epoch)
        return (text if kind == "n" else " ".join(text.split())), look

    def _look(self, cell: Any) -> Look:
        style = int(cell.get("s") or 0)
        known = self.book.looks
        return known[style] if 0 <= style < len(known) else Look.PLAIN

    def _hides(self, column: int) -> bool:
        return any(first <= column <= last for first, last in self._hidden_columns)

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


def _column_index(address: str) -> int:
    """Return the column of an address such as ``AB12``, from 0."""
    match = _COLUMN.fullmatch(address)
    if match is None:
        raise ValueError(address)
    index = 0
    for letter in match[1].upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def _is_nothing(size: str | None) -> bool:
    return size is not None and float(size) == 0
