"""PDF: the text a page shows, with the span of every page.

Text outside a page's visible box is left out and reported. Hyphens at line ends and ligatures stay
as printed, since a quote is checked against what a reader can see. What never lives here: OCR, or
guessing at layout.

PDFium is not thread-safe, not even between two documents: one lock stands around all of it.
"""

import threading
from typing import Any

import pypdfium2
from pypdfium2 import raw as pdfium

from ingestion.documents import Heading, ParsedDocument, Span
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.limits import ParseLimits
from verifier.findings import Finding
from verifier.hidden_html import hidden_finding
from verifier.sanitise import Markup

PARSER_VERSION = f"pdf/1+pdfium{pypdfium2.PDFIUM_INFO.build}"
_PAGE_BREAK = "\n\n"
_HYPHEN_MARKS = ("\x02", "\ufffe")  # PDFium's stand-ins for a hyphen that ends a line
_MAX_OUTLINE = 2_000
_MAX_LEVEL = 9
_MAX_TITLE = 300
_LOCK = threading.Lock()


def parse_pdf(content: bytes, media_type: str, limits: ParseLimits) -> ParsedDocument:
    """Extract the visible text of every page.

    Raises:
        ParseError: ``encrypted``, ``too_many_pages``, ``malformed``, ``too_large`` (its text), or
            ``empty`` if no page has text.
    """
    with _LOCK:
        document = _open(content)
        try:
            pages, findings = _pages(document, limits)
            spans = _spans(pages)
            text = _PAGE_BREAK.join(pages)
            return ParsedDocument(
                text=text,
                title=_title(document),
                media_type=media_type,
                pages=spans,
                headings=_headings(document, text, spans),
                findings=findings,
                markup=Markup.PLAIN,
                parser=PARSER_VERSION,
            )
        finally:
            document.close()


def _open(content: bytes) -> Any:
    try:
        return pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        if error.err_code in {pdfium.FPDF_ERR_PASSWORD, pdfium.FPDF_ERR_SECURITY}:
            raise ParseError(
                "content: the PDF is encrypted; remove its password and ingest it again",
                code=ParseErrorCode.ENCRYPTED,
            ) from error
        raise ParseError(
            "content: not a readable PDF (truncated or damaged); export it again",
            code=ParseErrorCode.MALFORMED,
        ) from error


def _pages(document: Any, limits: ParseLimits) -> tuple[list[str], tuple[Finding, ...]]:
    """Return each page's visible text, and a finding where a page holds more than it shows."""
    count = len(document)
    if count > limits.max_pages:
        raise ParseError(
            f"pages: {count} exceed the limit of {limits.max_pages}; split the file",
            code=ParseErrorCode.TOO_MANY_PAGES,
        )
    pages: list[str] = []
    findings: list[Finding] = []
    total = 0
    for number in range(count):
        visible, hidden = _page(document, number)
        pages.append(visible)
        total += len(visible) + len(_PAGE_BREAK)
        if total > limits.max_chars:
            raise ParseError(
                f"text: more than {limits.max_chars} characters; split the file",
                code=ParseErrorCode.TOO_LARGE,
            )
        if hidden:
            place = total - len(_PAGE_BREAK)
            findings.append(hidden_finding(place, place, rule="pdf.off_page", content=hidden))
    if not any(page.strip() for page in pages):
        raise ParseError(
            f"pages: none of {count} holds text (scanned pictures?); run OCR first",
            code=ParseErrorCode.EMPTY,
        )
    return pages, tuple(findings)


def _page(document: Any, number: int) -> tuple[str, str]:
    """Return the text of one page inside its box, and as many words as stand outside it."""
    try:
        page = document[number]
        textpage = page.get_textpage()
        try:
            visible = textpage.get_text_bounded()
            everything = textpage.get_text_range()
        finally:
            textpage.close()
            page.close()
    except (pypdfium2.PdfiumError, AssertionError) as error:
        raise ParseError(
            f"page {number + 1}: cannot be read (damaged); export the PDF again",
            code=ParseErrorCode.MALFORMED,
        ) from error
    seen = set(visible.split())
    hidden = " ".join(word for word in everything.split() if word not in seen)
    grew = len("".join(everything.split())) > len("".join(visible.split()))
    return _clean(visible), hidden if grew else ""


def _clean(text: str) -> str:
    for mark in _HYPHEN_MARKS:
        text = text.replace(mark, "-\n")
    return text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")


def _spans(pages: list[str]) -> tuple[Span, ...]:
    spans = []
    start = 0
    for page in pages:
        spans.append(Span(start, start + len(page)))
        start += len(page) + len(_PAGE_BREAK)
    return tuple(spans)


def _title(document: Any) -> str | None:
    return " ".join(document.get_metadata_value("Title").split())[:_MAX_TITLE] or None


def _headings(document: Any, text: str, spans: tuple[Span, ...]) -> tuple[Heading, ...]:
    """Return the outline's entries that can be found, in order, as a line of the page they name."""
    headings: list[Heading] = []
    at = 0
    for index, bookmark in enumerate(document.get_toc(max_depth=_MAX_LEVEL)):
        if index >= _MAX_OUTLINE:
            break
        title = " ".join(bookmark.get_title().split())
        target = bookmark.get_dest()
        number = target.get_index() if target else None
        if not title or number is None or not 0 <= number < len(spans):
            continue
        page = spans[number]
        start = _find_line(text, title, max(page.start, at), page.end)
        if start is not None:
            at = start + len(title)
            headings.append(Heading(bookmark.level + 1, title, start, at))
    return tuple(headings)


def _find_line(text: str, title: str, start: int, end: int) -> int | None:
    """Return where ``title`` ends a line of ``text[start:end]``, numbering before it allowed."""
    found = text.find(title, start, end)
    while found != -1:
        past = found + len(title)
        if past == end or text[past] == "\n":
            return found
        found = text.find(title, past, end)
    return None
