"""DOCX: paragraphs, headings and tables in document order; hidden runs are reported, not kept.

python-docx opens the package and knows its styles; the body is walked as XML, because its own
iteration passes over content controls and accepted insertions, which readers do see. Text boxes
follow the paragraph they are anchored to; notes follow the body. What never lives here: headers and
footers (they repeat on each page), deleted text, and comments, which are reported.
"""

import io
from typing import TYPE_CHECKING, Any

import docx
from docx.oxml import parse_xml
from docx.oxml.ns import qn

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.flow import Flow
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.package import check_package
from ingestion.parsing.unseen import Unseen
from verifier.hidden_html import hidden_finding
from verifier.sanitise import Markup

if TYPE_CHECKING:
    from verifier.findings import Finding

PARSER_VERSION = "docx/2"
_MAX_LEVEL = 9
_MAX_TITLE = 300
_TINY_HALF_POINTS = 4  # two points and less: on the page, but not to be read
_OFF = frozenset({"0", "false", "off", "none"})
_VAL = qn("w:val")
# Containers whose content stands where they stand. Alternate content holds the same twice: only
# its fallback is read. Deleted and moved-away text is in none of them.
_INLINE = frozenset(
    qn(f"w:{tag}")
    for tag in (
        "hyperlink", "ins", "moveTo", "smartTag", "sdt", "sdtContent", "fldSimple", "customXml",
        "dir", "bdo",
    )
)  # fmt: skip
_BLOCK = frozenset(qn(tag) for tag in ("w:sdt", "w:sdtContent", "w:customXml", "w:ins", "w:moveTo"))
_NOTES = ("/footnotes", "/endnotes")
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_TEXT = {
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "\u2011",
}


def parse_docx(content: bytes, media_type: str, limits: ParseLimits) -> ParsedDocument:
    """Extract the body of a Word document.

    Raises:
        ParseError: ``encrypted``, ``too_large`` (unpacked, or its text) or ``malformed``.
    """
    check_package(content, limits, kind="DOCX")
    try:
        document = docx.Document(io.BytesIO(content))
        body = document.element.body
        notes = [note for part in _beside(document, *_NOTES) for note in _notes(part)]
        comments = _beside(document, "/comments")
    except Exception as error:
        # Whatever part is missing or broken, python-docx, lxml and zipfile each say it differently.
        raise ParseError(
            f"content: not a readable DOCX ({type(error).__name__}); open it in a word processor"
            " and save it again",
            code=ParseErrorCode.MALFORMED,
        ) from error
    walk = _Walk(_Styles(document), limits)
    walk.blocks(body, depth=0)
    for note in notes:
        walk.blocks(note, depth=0)
    unseen = Unseen()
    for part in comments:
        unseen.add("docx.comment", " ".join(node.text or "" for node in part.iter(qn("w:t"))))
    walk.findings.extend(unseen.report(walk.flow.place))
    headings = tuple(walk.flow.headings)
    first = headings[0].text[:_MAX_TITLE] if headings and headings[0].level == 1 else None
    stated = " ".join((document.core_properties.title or "").split())[:_MAX_TITLE]
    return ParsedDocument(
        text=walk.flow.text(),
        title=stated or first,
        media_type=media_type,
        pages=(),
        headings=headings,
        findings=tuple(walk.findings),
        markup=Markup.PLAIN,
        parser=PARSER_VERSION,
    )


def _beside(document: Any, *kinds: str) -> list[Any]:
    """Return the roots of the parts that stand beside the body, by how they are related to it."""
    return [
        parse_xml(relation.target_part.blob)
        for relation in document.part.rels.values()
        if not relation.is_external and relation.reltype.endswith(kinds)
    ]


def _notes(part: Any) -> list[Any]:
    """Return what notes say; those with a type draw the lines that part them from the body."""
    return [
        note
        for note in part.iterchildren(qn("w:footnote"), qn("w:endnote"))
        if note.get(qn("w:type")) in {None, "normal"}
    ]


class _Styles:
    """What styles say about heading level and hiding, inheritance resolved once."""

    def __init__(self, document: Any) -> None:
        self._elements = {style.style_id: style.element for style in document.styles}
        self._levels: dict[str, int | None] = {}
        self._hidden: dict[str, bool] = {}

    def level(self, style_id: str | None) -> int | None:
        """Return the heading level a paragraph style stands for, from 1."""
        if style_id not in self._levels and style_id is not None:
            self._levels[style_id] = self._find_level(style_id)
        return self._levels.get(style_id) if style_id is not None else None

    def hides(self, style_id: str | None) -> bool:
        """Tell whether text in this style is not shown."""
        if style_id is None:
            return False
        if style_id not in self._hidden:
            verdicts = (_hides(element.find(qn("w:rPr"))) for element in self._chain(style_id))
            self._hidden[style_id] = next((v for v in verdicts if v is not None), False)
        return self._hidden[style_id]

    def _find_level(self, style_id: str) -> int | None:
        for element in self._chain(style_id):
            name = (_value(element.find(qn("w:name"))) or "").lower()
            if name == "title":
                return 1
            number = name.removeprefix("heading ")
            if number != name and number.isascii() and number.isdigit():
                return max(1, min(int(number), _MAX_LEVEL))
            level = _outline_level(element.find(qn("w:pPr")))
            if level is not None:
                return level
        return None

    def _chain(self, style_id: str | None) -> list[Any]:
        """Return a style and what it is based on; a loop ends where it closes."""
        chain: dict[str, Any] = {}
        while style_id is not None and style_id in self._elements and style_id not in chain:
            chain[style_id] = self._elements[style_id]
            style_id = _value(chain[style_id].find(qn("w:basedOn")))
        return list(chain.values())


class _Walk:
    """One pass over the body in document order."""

    def __init__(self, styles: _Styles, limits: ParseLimits) -> None:
        self.flow = Flow(max_chars=limits.max_chars)
        self.findings: list[Finding] = []
        self._styles = styles
        self._max_nesting = limits.max_nesting
        self._folded = 0

    def blocks(self, parent: Any, *, depth: int) -> None:
        """Write the paragraphs and tables of ``parent``."""
        self._check(depth)
        for child in parent.iterchildren():
            if child.tag == qn("w:p"):
                self._paragraph(child, depth=depth)
            elif child.tag == qn("w:tbl"):
                self._table(child, depth=depth + 1)
            elif child.tag in _BLOCK:
                self.blocks(child, depth=depth + 1)

    def _check(self, depth: int) -> None:
        if depth > self._max_nesting:
            raise ParseError(
                f"content: nested deeper than {self._max_nesting}; simplify the document",
                code=ParseErrorCode.MALFORMED,
            )

    def _paragraph(self, paragraph: Any, *, depth: int) -> None:
        properties = paragraph.find(qn("w:pPr"))
        style = _value(properties.find(qn("w:pStyle"))) if properties is not None else None
        level = _outline_level(properties) or self._styles.level(style)
        is_item = properties is not None and properties.find(qn("w:numPr")) is not None
        self._break(1 if is_item and not level else 2)
        mark = self.flow.mark()
        if is_item and not level and not self._folded:
            self.flow.prefix("- ")
        hidden = self._inline(paragraph, hidden=self._styles.hides(style), depth=depth)
        if level and not self._folded:
            self.flow.add_heading(level, mark)
        if hidden:
            place = self.flow.place
            finding = hidden_finding(place, place, rule="docx.hidden_run", content=hidden)
            self.findings.append(finding)
        self.flow.prefix("")
        self._break(1 if is_item and not level else 2)
        for box in paragraph.iter(qn("w:txbxContent")):
            # A box in a box belongs to that box's paragraph; the fallback says the same again.
            if next(box.iterancestors(qn("w:p"), _FALLBACK)) is paragraph:
                self.blocks(box, depth=depth + 1)

    def _inline(self, parent: Any, *, hidden: bool, depth: int) -> str:
        """Write the visible runs of ``parent`` and return the hidden ones."""
        self._check(depth)
        left_out = []
        for child in parent.iterchildren():
            if child.tag in _INLINE:
                left_out.append(self._inline(child, hidden=hidden, depth=depth + 1))
            elif child.tag == qn("w:r"):
                text = _run_text(child)
                if not text:
                    continue
                if self._run_hidden(child, inherited=hidden):
                    left_out.append(text)
                elif self._folded:
                    self.flow.write(text)
                else:
                    self.flow.write_raw(text)
        return " ".join(filter(None, left_out))

    def _run_hidden(self, run: Any, *, inherited: bool) -> bool:
        properties = run.find(qn("w:rPr"))
        if properties is None:
            return inherited
        own = _hides(properties)
        if own is not None:
            return own
        return inherited or self._styles.hides(_value(properties.find(qn("w:rStyle"))))

    def _table(self, table: Any, *, depth: int) -> None:
        """Write a table as lines of cells; a table within a cell becomes part of its line."""
        self._break(2)
        for row in table.iterchildren(qn("w:tr")):
            self._break(1)
            for index, cell in enumerate(row.iterchildren(qn("w:tc"))):
                self._folded += 1
                if index:
                    self.flow.write(" | ")
                self.blocks(cell, depth=depth + 1)
                self._folded -= 1
        self._break(2)

    def _break(self, newlines: int) -> None:
        if self._folded:
            self.flow.write(" ")
        else:
            self.flow.break_line(newlines)


def _run_text(run: Any) -> str:
    parts = []
    for child in run.iterchildren():
        if child.tag == qn("w:t"):
            parts.append(child.text or "")
        else:
            parts.append(_TEXT.get(child.tag, ""))
    return "".join(parts)


def _hides(properties: Any) -> bool | None:
    """Return whether run properties hide their text; None if they do not say."""
    if properties is None:
        return None
    size = _value(properties.find(qn("w:sz"))) or ""
    if size.isascii() and size.isdigit() and int(size) <= _TINY_HALF_POINTS:
        return True
    vanish = properties.find(qn("w:vanish"))
    return None if vanish is None else (_value(vanish) or "true").lower() not in _OFF


def _outline_level(properties: Any) -> int | None:
    if properties is None:
        return None
    value = _value(properties.find(qn("w:outlineLvl"))) or ""
    # Nine stands for body text.
    return (
        int(value) + 1 if value.isascii() and value.isdigit() and int(value) < _MAX_LEVEL else None
    )


def _value(element: Any) -> str | None:
    return None if element is None else element.get(_VAL)
