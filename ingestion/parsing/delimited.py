"""CSV and TSV: one line per row, each cell with the name of its column.

The delimiter is the one that cuts the first rows most evenly; a file that none cuts is plain text.
What never lives here: types. A cell is what the file says, blanks folded.
"""

import csv
import io
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import NoReturn

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.decoding import decode
from ingestion.parsing.flow import Flow
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.rows import Row, Table, looks_like_header
from verifier.sanitise import Markup

PARSER_VERSION = "csv/1"
TSV = "text/tab-separated-values"
# In order of preference where two cut equally well: a comma also stands in numbers and sentences.
_DELIMITERS = "\t;|,"
_SAMPLE_CHARS = 65_536
_SAMPLE_ROWS = 100
_MIN_EVEN = 0.5  # of rows as wide as most; prose with commas has fewer
_STATED = "sep="  # what spreadsheet programs write before the first row


def parse_delimited(content: bytes, media_type: str, limits: ParseLimits) -> ParsedDocument:
    """Read a table file.

    Raises:
        ParseError: ``binary`` or ``malformed`` if it is no text in one encoding, ``too_large`` if
            a cell, a row or the text is.
    """
    source = decode(content)
    delimiter, source = _delimiter(source, media_type)
    return ParsedDocument(
        text=source if delimiter is None else _text(source, delimiter, limits),
        title=None,
        media_type=media_type,
        pages=(),
        headings=(),
        findings=(),
        markup=Markup.PLAIN,
        parser=PARSER_VERSION,
    )


def _delimiter(source: str, media_type: str) -> tuple[str | None, str]:
    """Return the delimiter and the table; None where nothing cuts it into columns."""
    first, newline, rest = source.partition("\n")
    if newline and first.lower().startswith(_STATED) and len(first) == len(_STATED) + 1:
        return first[-1], rest
    sample = source[:_SAMPLE_CHARS]
    if len(source) > _SAMPLE_CHARS and "\n" in sample:
        sample = sample[: sample.rindex("\n")]
    candidates = "\t" if media_type == TSV else _DELIMITERS
    best = max(candidates, key=lambda mark: _evenness(sample, mark))  # the first of equals
    return (best if _evenness(sample, best) > _MIN_EVEN else None), source


def _evenness(sample: str, delimiter: str) -> float:
    """Return the share of rows with as many cells as most have; 0 where most have one."""
    try:
        rows = islice(csv.reader(io.StringIO(sample), delimiter=delimiter), _SAMPLE_ROWS)
        widths = Counter(len(row) for row in rows if row)
    except csv.Error:
        return 0.0
    total = widths.total()
    widths.pop(1, None)
    return max(widths.values()) / total if widths else 0.0


def _text(source: str, delimiter: str, limits: ParseLimits) -> str:
    flow = Flow(max_chars=limits.max_chars)
    table = Table()
    first = True
    for row in _rows(source, delimiter, limits):
        flow.break_line()
        flow.write_raw(table.head(row) if first and looks_like_header(row) else table.line(row))
        first = False
    return flow.text()


def _rows(source: str, delimiter: str, limits: ParseLimits) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(source), delimiter=delimiter)
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error:
            _refuse(number, f"a cell exceeds the limit of {csv.field_size_limit()} characters")
        if cells is None:
            return
        if len(cells) > limits.max_columns:
            _refuse(number, f"{len(cells)} cells exceed the limit of {limits.max_columns}")
        row = {
            column: " ".join(cell.split())
            for column, cell in enumerate(cells)
            if cell and not cell.isspace()
        }
        if row:
            if max(map(len, row.values())) > limits.max_cell_chars:
                _refuse(number, f"a cell exceeds the limit of {limits.max_cell_chars} characters")
            yield row


def _refuse(row: int, problem: str) -> NoReturn:
    raise ParseError(
        f"row {row}: {problem}; close an open quotation mark or split the file",
        code=ParseErrorCode.TOO_LARGE,
    )
