"""XLSX: each sheet a page under its name, each row a line, each cell with its column's name.

openpyxl finds the parts of the workbook and knows its number formats; the sheets are streamed by
``sheet``, because openpyxl's own rows do not say what is hidden. Values are those stored with the
file: nothing is calculated, no macro is run, no other workbook is opened. What never lives here:
drawings and charts, headers and footers of the printed page.
"""

import io
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any

from lxml import etree
from openpyxl.packaging.relationship import get_dependents, get_rels_path
from openpyxl.reader.excel import ExcelReader

from ingestion.documents import ParsedDocument, Span
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.cells import looks, parser, shared_strings
from ingestion.parsing.flow import Flow
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.package import check_package
from ingestion.parsing.rows import Row, Table, is_figure, looks_like_header
from ingestion.parsing.sheet import Book, Sheet
from ingestion.parsing.unseen import Unseen, remark
from verifier.sanitise import Markup

if TYPE_CHECKING:
    from verifier.findings import Finding

PARSER_VERSION = "xlsx/1"
_MAX_TITLE = 300
_STYLES = "xl/styles.xml"
_STRINGS = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
# By what the names of such parts hold.
_BESIDE = {
    "xl/externalLinks/": (
        "xlsx.external_link",
        "cells refer to other workbooks, which are not opened",
    ),
    "vbaProject.bin": ("xlsx.macros", "the workbook has macros, which are not read"),
}
_COMMENTS = ("/comments", "/threadedComment")


def parse_xlsx(content: bytes, media_type: str, limits: ParseLimits) -> ParsedDocument:
    """Read what the sheets of a workbook show.

    Raises:
        ParseError: ``encrypted``, ``too_many_pages``, ``too_large`` or ``malformed``.
    """
    names = check_package(content, limits, kind="XLSX")
    try:
        reader = ExcelReader(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
        reader.read_manifest()
        reader.read_workbook()
        reader.read_properties()
        writer = _Writer(reader, names, limits)
        writer.write()
    except ParseError:
        raise
    except Exception as error:
        # Whatever part is missing or wrong, openpyxl, lxml and zipfile each say it differently.
        raise ParseError(
            f"content: not a readable XLSX ({type(error).__name__}); open it in a spreadsheet"
            " program and save it again",
            code=ParseErrorCode.MALFORMED,
        ) from error
    return ParsedDocument(
        text=writer.flow.text(),
        title=" ".join((reader.wb.properties.title or "").split())[:_MAX_TITLE] or None,
        media_type=media_type,
        pages=tuple(writer.pages),
        headings=tuple(writer.flow.headings),
        findings=tuple(writer.findings),
        markup=Markup.PLAIN,
        parser=PARSER_VERSION,
    )


class _Writer:
    """One pass over the sheets of a workbook, in the order of their tabs."""

    def __init__(self, reader: Any, names: frozenset[str], limits: ParseLimits) -> None:
        self.flow = Flow(max_chars=limits.max_chars)
        self.pages: list[Span] = []
        self.findings: list[Finding] = []
        self._archive = reader.archive
        # Not by find_sheets(), which passes over sheets that lead nowhere with a mere warning.
        self._sheets = [(sheet, reader.parser.rels[sheet.id]) for sheet in reader.parser.sheets]
        self._names = names
        self._limits = limits
        self._book = Book(
            _strings(reader),
            looks(self._archive.read(_STYLES) if _STYLES in names else None),
            reader.wb.epoch,
        )

    def write(self) -> None:
        """Write every sheet, and what the workbook holds beside them as findings."""
        if len(self._sheets) > self._limits.max_pages:
            raise ParseError(
                f"sheets: {len(self._sheets)} exceed the limit of {self._limits.max_pages};"
                " split the workbook",
                code=ParseErrorCode.TOO_MANY_PAGES,
            )
        for sheet, part in self._sheets:
            start, end = self._sheet(sheet, part.target)
            self.pages.append(Span(start, end))
        for mark, (rule, message) in _BESIDE.items():
            if any(mark in name for name in self._names):
                self.findings.append(remark(self.flow.place, rule=rule, message=message))

    def _sheet(self, sheet: Any, part: str) -> tuple[int, int]:
        """Write one sheet and return where it stands; a hidden one stands nowhere."""
        if part not in self._names or "chartsheet" in part:
            return self.flow.place, self.flow.place
        unseen = Unseen()
        page = Sheet(self._book, self._limits, unseen)
        with self._archive.open(part) as stream:
            rows = page.rows(stream)
            if sheet.state == "visible":
                start, end = self._show(sheet.name, rows)
            else:
                start = end = self.flow.place
                for _, row in rows:
                    unseen.add("xlsx.hidden_sheet", " ".join(row.values()))
        for text in self._comments(part):
            unseen.add("xlsx.comment", text)
        self.findings.extend(unseen.report(self.flow.place))
        if page.uncalculated:
            self.findings.append(
                remark(
                    self.flow.place,
                    rule="xlsx.formula_without_value",
                    message=f"{page.uncalculated} formulas have no stored value; open the workbook"
                    " in a spreadsheet program and save it",
                )
            )
        return start, end

    def _show(self, name: str, rows: Iterator[tuple[bool, Row]]) -> tuple[int, int]:
        """Write a sheet's name and its rows; a sheet that shows none stands nowhere."""
        first = next(rows, None)
        if first is None:
            return self.flow.place, self.flow.place
        self.flow.break_line(2)
        mark = self.flow.mark()
        self.flow.write_raw(" ".join(name.split()) or "-")
        self.flow.add_heading(1, mark)
        self.flow.break_line(2)
        for gap, line in _lines(chain([first], rows)):
            self.flow.break_line(2 if gap else 1)
            self.flow.write_raw(line)
        return mark[1], self.flow.place

    def _comments(self, part: str) -> Iterator[str]:
        """Yield what is said in the margins of a sheet."""
        links = get_rels_path(part)
        if links not in self._names:
            return
        for link in get_dependents(self._archive, links):
            if link.Type.endswith(_COMMENTS) and link.target in self._names:
                root = etree.fromstring(self._archive.read(link.target), parser())
                yield " ".join(node.text or "" for node in root.iter("{*}t", "{*}text"))


def _strings(reader: Any) -> list[str]:
    part = reader.package.find(_STRINGS)
    if part is None:
        return []
    with reader.archive.open(part.PartName[1:]) as stream:
        return shared_strings(stream)


def _lines(rows: Iterable[tuple[bool, Row]]) -> Iterator[tuple[bool, str]]:
    """Yield each row as a line, and whether a blank row stands before it.

    The first row of two and more cells names the columns if it reads like names. After a blank row
    that is not enough, since a table may have gaps: figures must stand beneath the words then.
    """
    table = Table()
    begins = headed = False
    rows = iter(rows)
    coming = next(rows, None)
    while coming is not None:
        gap, row = coming
        coming = next(rows, None)
        begins = begins or gap
        is_title = begins and len(row) == 1
        if begins and not is_title:
            begins = False
            is_header = looks_like_header(row) and (not headed or _contrasts(row, coming))
            headed = headed or is_header
            if is_header or not row.keys() <= table.labels.keys():
                table = Table()
            line = table.head(row) if is_header else table.line(row)
        else:
            line = " ".join(row.values()) if is_title else table.line(row)
        yield gap, line


def _contrasts(row: Row, following: tuple[bool, Row] | None) -> bool:
    """Tell whether figures stand right beneath the words of ``row``."""
    if following is None or following[0]:
        return False
    return any(column in row and is_figure(cell) for column, cell in following[1].items())
