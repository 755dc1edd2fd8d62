"""XLSX yields what its sheets show, a page each; what they hide is reported; bounds hold."""

import re
from datetime import date, datetime, time, timedelta
from io import BytesIO

import openpyxl
import pytest
import xlsxwriter
from openpyxl.comments import Comment

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.registry import ParseLimits, parse
from tests.support.files import ORDER, part, repacked, saved, workbook
from verifier.findings import Severity

SHEET = "xl/worksheets/sheet1.xml"


def read(book: openpyxl.Workbook | bytes, **limits: int) -> ParsedDocument:
    content = book if isinstance(book, bytes) else saved(book)
    return parse(content, name="a.xlsx", limits=ParseLimits(**limits))


def shared(*cells: str) -> bytes:
    """Return a workbook whose cells refer to strings that stand in a part of their own."""
    packed = BytesIO()
    with xlsxwriter.Workbook(packed, {"in_memory": True}) as book:
        book.add_worksheet("S").write_column(0, 0, cells)
    return packed.getvalue()


def rules(document: ParsedDocument) -> list[str]:
    return [finding.rule for finding in document.findings]


def test_each_sheet_is_a_page_under_its_name_and_each_cell_has_its_columns() -> None:
    parsed = read(
        workbook(
            ("North", [["Quarterly report"], [], ["City", "Units"], ["Oslo", 12], ["Bergen", 9]]),
            ("Empty", []),
            ("South", [["City", "Units"], ["Rome", 7.5]]),
        )
    )
    first = (
        "North\n\nQuarterly report\n\nCity | Units\nCity: Oslo | Units: 12\nCity: Bergen | Units: 9"
    )
    second = "South\n\nCity | Units\nCity: Rome | Units: 7.5"
    assert parsed.text == f"{first}\n\n{second}"
    assert [parsed.text[page.start : page.end] for page in parsed.pages] == [first, "", second]
    assert [(h.level, parsed.text[h.start : h.end]) for h in parsed.headings] == [
        (1, "North"),
        (1, "South"),
    ]


@pytest.mark.parametrize(
    ("value", "number_format", "shown"),
    [
        (12, "General", "12"),
        (0.1 + 0.2, "General", "0.3"),
        (1e20, "General", "100000000000000000000"),
        (-1.5e-9, "General", "-1.5e-09"),
        (0.25, "0%", "25%"),
        (1234.5, '"50% off" 0.0', "1234.5"),
        (True, "General", "TRUE"),
        (date(2024, 2, 3), "yyyy-mm-dd", "2024-02-03"),
        (datetime(2024, 2, 3, 4, 5, 6), "yyyy-mm-dd hh:mm:ss", "2024-02-03 04:05:06"),  # noqa: DTZ001 - as sheets have them
        (time(4, 5, 6), "hh:mm:ss", "04:05:06"),
        (timedelta(days=1, hours=2), "[h]:mm:ss", "1 day, 2:00:00"),
        ("two\nlines  and blanks", "General", "two lines and blanks"),
        ("#DIV/0!", "General", "#DIV/0!"),
    ],
)
def test_a_cell_reads_as_it_is_shown(value: object, number_format: str, shown: str) -> None:
    book = workbook(("S", [["x", value]]))
    book.active["B1"].number_format = number_format
    assert read(book).text == f"S\n\nx | {shown}"


def test_strings_that_cells_share_are_read_with_their_escapes() -> None:
    rich = b"<si><r><t>two </t></r><r><t>runs_x000D_</t></r><rPh><t>unread</t></rPh></si></sst>"
    content = shared("a", "a", "b")
    strings = part(content, "xl/sharedStrings.xml").replace(b"<si><t>b</t></si></sst>", rich)
    parsed = read(repacked(content, **{"xl/sharedStrings.xml": strings}))
    assert parsed.text == "S\n\na\na\ntwo runs"


def test_the_stated_title_is_the_title() -> None:
    book = workbook(("S", [["x"]]))
    book.properties.title = " Stated  title "
    assert read(book).title == "Stated title"


def test_dates_count_from_the_workbooks_own_first_day() -> None:
    book = workbook(("S", [["x", date(2024, 2, 3)]]))
    book.epoch = openpyxl.utils.datetime.CALENDAR_MAC_1904
    book.active["B1"].number_format = "yyyy-mm-dd"
    assert read(book).text == "S\n\nx | 2024-02-03"


def test_a_second_table_names_its_own_columns_and_a_gap_in_a_table_does_not() -> None:
    rows = [["City", "Units"], ["Oslo", 1], [], ["Rome", 2], [], ["Name", "Age"], ["Ann", 30]]
    assert read(workbook(("S", rows))).text.split("\n\n")[1:] == [
        "City | Units\nCity: Oslo | Units: 1",
        "City: Rome | Units: 2",
        "Name | Age\nName: Ann | Age: 30",
    ]


def test_questions_and_answers_with_gaps_are_not_taken_for_headers() -> None:
    rows = [["Question", "Answer"], [], ["Who", "Ann"], ["Where", "Oslo"]]
    assert read(workbook(("S", rows))).text.endswith(
        "Question: Who | Answer: Ann\nQuestion: Where | Answer: Oslo"
    )


@pytest.mark.parametrize("state", ["hidden", "veryHidden"])
def test_a_hidden_sheet_is_an_empty_page_and_a_finding(state: str) -> None:
    book = workbook(("Seen", [["words"]]), ("Gone", [[ORDER]]))
    book["Gone"].sheet_state = state
    parsed = read(book)
    assert parsed.text == "Seen\n\nwords"
    assert parsed.pages[1].start == parsed.pages[1].end == len(parsed.text)
    assert rules(parsed) == ["xlsx.hidden_sheet"]
    assert parsed.findings[0].severity is Severity.HIGH


def test_hidden_rows_columns_and_cells_are_left_out_and_reported() -> None:
    book = workbook(("S", [["a", "b", "c"], ["hide row", "x", "y"], ["d", "hide column", "z"]]))
    sheet = book.active
    sheet.row_dimensions[2].hidden = True
    sheet.column_dimensions["B"].hidden = True
    sheet["C3"].number_format = ";;;"
    parsed = read(book)
    assert parsed.text == "S\n\na | c\na: d"
    assert sorted(rules(parsed)) == ["xlsx.hidden_cell", "xlsx.hidden_column", "xlsx.hidden_row"]


def test_rows_and_columns_of_no_size_are_hidden() -> None:
    content = saved(workbook(("S", [["a", "gone"], ["gone too", "x"]])))
    sheet = (
        part(content, SHEET)
        .replace(b'<row r="2"', b'<row r="2" ht="0" customHeight="1"')
        .replace(b"<sheetData>", b'<cols><col min="2" max="9" width="0"/></cols><sheetData>')
    )
    parsed = read(repacked(content, **{SHEET: sheet}))
    assert parsed.text == "S\n\na"
    assert sorted(rules(parsed)) == ["xlsx.hidden_column", "xlsx.hidden_row"]


def test_comments_are_reported_and_not_served() -> None:
    book = workbook(("S", [["words"]]))
    book.active["A1"].comment = Comment(ORDER, "somebody")
    parsed = read(book)
    assert parsed.text == "S\n\nwords"
    assert (rules(parsed), parsed.findings[0].severity) == (["xlsx.comment"], Severity.HIGH)


def test_a_formula_shows_its_stored_value_and_without_one_is_reported() -> None:
    book = workbook(("S", [["x", "=1+1"], ["y", "=2+2"]]))
    content = saved(book)
    sheet = re.sub(rb"(<f>1\+1</f>)<v\s*/>|<v></v>", rb"\1<v>2</v>", part(content, SHEET), count=1)
    parsed = read(repacked(content, **{SHEET: sheet}))
    assert parsed.text == "S\n\nx | 2\ny"
    assert rules(parsed) == ["xlsx.formula_without_value"]
    assert "1 formulas" in parsed.findings[0].message


def test_links_to_other_workbooks_and_macros_are_reported_and_not_followed() -> None:
    content = saved(workbook(("S", [["words"]])))
    parts = {"xl/externalLinks/externalLink1.xml": b"<externalLink/>", "xl/vbaProject.bin": b"x"}
    assert rules(read(repacked(content, **parts))) == ["xlsx.external_link", "xlsx.macros"]


def test_a_sheet_that_claims_to_be_as_large_as_can_be_costs_what_it_holds() -> None:
    content = saved(workbook(("S", [["words"]])))
    sheet = (
        part(content, SHEET)
        .replace(b'ref="A1"', b'ref="A1:XFD1048576"')
        .replace(
            b"</row>",
            b'</row><row r="1048576"><c r="XFD1048576" t="inlineStr"><is><t>far</t></is></c></row>',
        )
    )
    assert b"XFD1048576" in sheet
    assert read(repacked(content, **{SHEET: sheet})).text == "S\n\nwords\n\nfar"


@pytest.mark.parametrize("address", ["ZZZ1", "1A", "A1:B2", "É1", "ABCD1", "1"])
def test_a_cell_that_stands_nowhere_is_refused(address: str) -> None:
    content = saved(workbook(("S", [["words"]])))
    sheet = part(content, SHEET).replace(b'r="A1"', f'r="{address}"'.encode())
    with pytest.raises(ParseError):
        read(repacked(content, **{SHEET: sheet}))


@pytest.mark.parametrize("index", ["-1", "1", "x"])
def test_a_string_that_the_workbook_does_not_have_is_malformed(index: str) -> None:
    content = shared("words")
    sheet = part(content, SHEET).replace(b"<v>0</v>", f"<v>{index}</v>".encode())
    with pytest.raises(ParseError, match="not a readable XLSX") as caught:
        read(repacked(content, **{SHEET: sheet}))
    assert caught.value.code == ParseErrorCode.MALFORMED


@pytest.mark.parametrize(
    ("limits", "code", "said"),
    [
        ({"max_pages": 1}, ParseErrorCode.TOO_MANY_PAGES, "sheets: 2 exceed"),
        ({"max_chars": 40}, ParseErrorCode.TOO_LARGE, "split"),
        ({"max_cell_chars": 40}, ParseErrorCode.TOO_LARGE, "row 2: a cell exceeds"),
        ({"max_columns": 2}, ParseErrorCode.TOO_LARGE, "row 1: more than 2 columns"),
        ({"max_parts": 3}, ParseErrorCode.TOO_LARGE, "unpacks to"),
    ],
)
def test_what_is_beyond_a_limit_is_refused(
    limits: dict[str, int], code: ParseErrorCode, said: str
) -> None:
    book = workbook(("S", [["a", "b", "c"], ["x" * 50]]), ("T", [["d"]]))
    with pytest.raises(ParseError, match=said) as caught:
        read(book, **limits)
    assert caught.value.code == code


def test_one_long_string_named_by_many_cells_is_refused_before_it_is_repeated() -> None:
    content = shared("x" * 30_000)
    cells = b"".join(b'<c t="s"><v>0</v></c>' for _ in range(5_000))
    sheet = part(content, SHEET).replace(b"</row>", cells + b"</row>")
    with pytest.raises(ParseError, match=r"^sheet: more than 1000000 characters") as caught:
        read(repacked(content, **{SHEET: sheet}), max_chars=1_000_000)
    assert caught.value.code == ParseErrorCode.TOO_LARGE


def test_a_sheet_of_very_many_rows_is_refused_with_the_remedy() -> None:
    content = shared("words")
    rows = b'<row><c t="s"><v>0</v></c></row>' * 100_000
    sheet = part(content, SHEET).replace(b"</sheetData>", rows + b"</sheetData>")
    with pytest.raises(ParseError, match="split") as caught:
        read(
            repacked(content, **{SHEET: sheet}),
            max_chars=100_000,
            max_unpacked_ratio=10_000,
        )
    assert caught.value.code == ParseErrorCode.TOO_LARGE
