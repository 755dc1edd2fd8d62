"""Whatever a document says is in its text, every span says what it claims, and no damage escapes.

Documents are made by the libraries people make them with, from arbitrary words; the oracle is the
list of words that went in.
"""

import csv
import io
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any
from zipfile import ZipFile

import docx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pptx.util import Inches

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError
from ingestion.parsing.registry import ParseLimits, parse
from tests.support.files import deck, mail, part, repacked, saved, workbook
from verifier.findings import Finding

# Letters and marks of many scripts, and what separates rows, cells and labels; nothing that XML
# cannot hold, and no blanks, whose folding the parsers' own tests pin down.
WORDS = st.text(
    st.characters(
        codec="utf-8",
        exclude_categories=("Cc", "Cs", "Zs", "Zl", "Zp"),
        exclude_characters="\ufffe\uffff",
    ),
    min_size=1,
    max_size=12,
).filter(lambda word: "_x" not in word and not word.startswith("=") and word == word.strip())
CELLS = st.one_of(WORDS, st.integers(-(10**9), 10**9), st.none())
TABLES = st.lists(st.lists(CELLS, max_size=5), max_size=6)
FEW = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def attempt(
    content: bytes, name: str, limits: ParseLimits | None = None
) -> ParsedDocument | ParseError:
    try:
        return parse(content, name=name, limits=limits or ParseLimits())
    except ParseError as error:
        return error


def read(content: bytes, name: str) -> ParsedDocument | None:
    """Parse twice and check what holds for every document; None where there is nothing to read."""
    parsed = attempt(content, name)
    if isinstance(parsed, ParseError):
        assert parsed.code == "empty", parsed
        return None
    assert parse(content, name=name) == parsed
    end = 0
    for page in parsed.pages:
        assert end <= page.start <= page.end <= len(parsed.text)
        assert not parsed.text[end : page.start].strip()
        end = page.end
    assert not parsed.text[end:].strip() or not parsed.pages
    for heading in parsed.headings:
        assert " ".join(parsed.text[heading.start : heading.end].split()) == heading.text
        assert 1 <= heading.level <= 9
    places = [(finding.start, finding.end) for finding in parsed.findings]
    assert all(0 <= start <= end <= len(parsed.text) for start, end in places)
    return parsed


def assert_in_order(text: str, words: Sequence[object]) -> None:
    at = 0
    for word in words:
        if word is not None:
            found = text.find(str(word), at)
            assert found != -1, (word, text)
            at = found + len(str(word))


def flat(rows: Sequence[Sequence[object]]) -> list[object]:
    return [cell for row in rows for cell in row if cell is not None]


@FEW
@given(st.lists(st.tuples(WORDS, TABLES), min_size=1, max_size=3, unique_by=lambda s: s[0].lower()))
def test_every_cell_of_a_workbook_is_read_in_order(sheets: list[tuple[str, Any]]) -> None:
    named = [(f"S{number}", rows) for number, (_, rows) in enumerate(sheets)]
    parsed = read(saved(workbook(*named)), "a.xlsx")
    assert (parsed is None) == (not any(flat(rows) for _, rows in named))
    if parsed is not None:
        assert len(parsed.pages) == len(named)
        for page, (name, rows) in zip(parsed.pages, named, strict=True):
            words = flat(rows)
            assert_in_order(parsed.text[page.start : page.end], [name, *words] if words else [])


@FEW
@given(st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=4)), min_size=1, max_size=4))
def test_every_paragraph_of_a_presentation_is_read_on_its_page(
    slides: list[tuple[str, list[str]]],
) -> None:
    document = deck(*((title, "\n".join(lines)) for title, lines in slides))
    parsed = read(saved(document), "a.pptx")
    assert parsed is not None
    for page, (title, lines) in zip(parsed.pages, slides, strict=True):
        assert parsed.text[page.start : page.end] == f"{title}\n\n" + "\n".join(lines)
    assert [heading.text for heading in parsed.headings] == [title for title, _ in slides]


@FEW
@given(st.lists(st.lists(WORDS, min_size=2, max_size=2), min_size=1, max_size=4))
def test_every_cell_of_a_slides_table_is_read_in_order(rows: list[list[str]]) -> None:
    document = deck(("T", "b"))
    shapes = document.slides[0].shapes
    table = shapes.add_table(len(rows), 2, 0, 0, Inches(4), Inches(2)).table
    for cell, words in zip(table.iter_cells(), flat(rows), strict=True):
        cell.text = words
    parsed = read(saved(document), "a.pptx")
    assert parsed is not None
    assert_in_order(parsed.text, ["T", "b", *flat(rows)])


@FEW
@given(st.lists(st.tuples(st.integers(0, 3), WORDS), min_size=1, max_size=6), TABLES)
def test_every_paragraph_and_cell_of_a_text_document_is_read_in_order(
    paragraphs: list[tuple[int, str]], rows: list[list[object]]
) -> None:
    document = docx.Document()
    for level, words in paragraphs:
        if level:
            document.add_heading(words, level)
        else:
            document.add_paragraph(words)
    if rows:
        table = document.add_table(len(rows), 5)
        for line, row in zip(table.rows, rows, strict=True):
            for cell, words in zip(line.cells, row, strict=False):
                cell.text = "" if words is None else str(words)
    parsed = read(saved(document), "a.docx")
    assert parsed is not None
    assert_in_order(parsed.text, [*(words for _, words in paragraphs), *flat(rows)])
    headings = [words for level, words in paragraphs if level]
    assert [heading.text for heading in parsed.headings] == headings


@given(TABLES, st.sampled_from([("a.csv", ","), ("a.csv", ";"), ("a.tsv", "\t"), ("a.csv", "|")]))
def test_every_cell_of_a_table_file_is_read_in_order(
    rows: list[list[object]], kind: tuple[str, str]
) -> None:
    name, delimiter = kind
    packed = io.StringIO()
    csv.writer(packed, delimiter=delimiter).writerows(rows)
    parsed = read(packed.getvalue().encode(), name)
    words = [str(word) for word in flat(rows)]
    if parsed is not None and not any(set('"\t;|,') & set(word) for word in words):
        assert_in_order(parsed.text, words)


@FEW
@given(WORDS, st.lists(WORDS, min_size=1, max_size=4), st.lists(WORDS, max_size=2), st.booleans())
def test_every_line_of_a_mail_and_every_attachments_name_is_read(
    subject: str, lines: list[str], names: list[str], both: bool
) -> None:
    message = mail("\n".join(lines), subject=subject)
    if both:
        message.add_alternative("<p>unread", subtype="html")
    for name in names:
        message.add_attachment(f"in {name}".encode(), "text", "plain", filename=f"{name}.txt")
    parsed = read(message.as_bytes(), "a.eml")
    assert parsed is not None
    assert parsed.title is not None
    assert_in_order(parsed.text, [parsed.title, *lines, *(f"in {name}" for name in names)])


def a_document() -> bytes:
    document = docx.Document()
    document.add_heading("Head", 1)
    document.add_paragraph("words")
    return saved(document)


def a_mail() -> bytes:
    message = mail("words")
    message.add_alternative("<p>words", subtype="html")
    message.add_attachment(b"a,b\n1,2\n", "text", "csv", filename="a.csv")
    message.add_attachment(mail("inner"))
    return message.as_bytes()


FILES: dict[str, Callable[[], bytes]] = {
    "a.docx": a_document,
    "a.pptx": lambda: saved(deck(("Title", "body"))),
    "a.xlsx": lambda: saved(workbook(("S", [["a", "b"], [1, 2.5], ["x", None]]))),
    "a.eml": a_mail,
    "a.csv": lambda: b'a,b\n1,"x ""y"""\n3,4\n',
}
PARTS = {
    "a.docx": ("word/document.xml", "word/styles.xml", "[Content_Types].xml", "_rels/.rels"),
    "a.pptx": ("ppt/slides/slide1.xml", "ppt/presentation.xml", "ppt/_rels/presentation.xml.rels"),
    "a.xlsx": ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"),
}
made = cache(lambda name: FILES[name]())
_FIELDS = ("content:", "text:", "row ", "sheet", "slides:", "media type:", "element", "page")
SMALL = ParseLimits(max_unpacked_bytes=5_000_000, max_chars=1_000_000)


def outcome(content: bytes, name: str) -> None:
    """Parse damaged bytes: an extraction whose spans hold, or a refusal, and nothing else."""
    parsed = attempt(content, name, SMALL)
    if isinstance(parsed, ParseError):
        assert parsed.message.startswith(_FIELDS), parsed
        return
    assert all(isinstance(finding, Finding) for finding in parsed.findings)
    assert all(0 <= page.start <= page.end <= len(parsed.text) for page in parsed.pages)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("name", FILES)
@given(data=st.data())
def test_flipped_bytes_anywhere_are_read_or_refused(name: str, data: st.DataObject) -> None:
    content = bytearray(made(name))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    outcome(bytes(content), name)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.parametrize("name", PARTS)
@given(data=st.data())
def test_flipped_bytes_within_a_part_are_read_or_refused(name: str, data: st.DataObject) -> None:
    """In a package, a flip almost always ends at the checksum: these get past it."""
    inner = data.draw(st.sampled_from(PARTS[name]))
    content = bytearray(part(made(name), inner))
    at = data.draw(st.integers(0, len(content) - 1))
    if data.draw(st.booleans()):
        content[at] ^= data.draw(st.integers(1, 255))
    else:
        end = data.draw(st.integers(at, min(at + 40, len(content))))
        content[at:end] = data.draw(st.binary(max_size=8))
    outcome(repacked(made(name), **{inner: bytes(content)}), name)


@pytest.mark.parametrize("name", PARTS)
def test_a_package_without_one_of_its_parts_is_read_or_refused(name: str) -> None:
    whole = made(name)
    with ZipFile(io.BytesIO(whole)) as package:
        names = package.namelist()
        for gone in names:
            packed = io.BytesIO()
            with ZipFile(packed, "w") as rest:
                for other in names:
                    if other != gone:
                        rest.writestr(other, package.read(other))
            outcome(packed.getvalue(), name)
