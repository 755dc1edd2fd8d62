"""PPTX: each slide a page under its title, shapes in reading order, tables and charts as rows.

python-pptx opens the package and follows its relations; slides are walked as XML, as DOCX bodies
are, because its own shapes pass over alternate content and say nothing of what is hidden. Speaker
notes are for the speaker: they are left out and reported, like hidden slides and comments. What
never lives here: layouts and masters (they repeat on each slide), pictures, animations.
"""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pptx
from pptx.oxml.ns import qn

from ingestion.documents import Heading, ParsedDocument, Span
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.flow import Flow
from ingestion.parsing.graphics import chart_lines, diagram_lines
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.package import check_package
from ingestion.parsing.rows import Row, Table, looks_like_header
from ingestion.parsing.unseen import Unseen, remark
from verifier.sanitise import Markup

if TYPE_CHECKING:
    from verifier.findings import Finding

PARSER_VERSION = "pptx/1"
_MAX_TITLE = 300
_TINY_HUNDREDTHS = 200  # two points and less: on the slide, but not to be read
_OFF = frozenset({"0", "false"})
_TITLES = frozenset({"title", "ctrTitle"})
_REPEATED = frozenset({"dt", "ftr", "sldNum", "hdr"})
_ALTERNATE = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
_DIAGRAM = "{http://schemas.openxmlformats.org/drawingml/2006/diagram}relIds"
_BLANKS = re.compile(r"[^\S\n]+")


def parse_pptx(content: bytes, media_type: str, limits: ParseLimits) -> ParsedDocument:
    """Read what the slides of a presentation show.

    Raises:
        ParseError: ``encrypted``, ``too_many_pages``, ``too_large`` or ``malformed``.
    """
    names = check_package(content, limits, kind="PPTX")
    try:
        deck = pptx.Presentation(io.BytesIO(content))
        writer = _Writer(deck, limits)
        writer.write()
        stated = " ".join((deck.core_properties.title or "").split())[:_MAX_TITLE]
    except ParseError:
        raise
    except Exception as error:
        # Whatever part is missing or wrong, python-pptx, lxml and zipfile each say it differently.
        raise ParseError(
            f"content: not a readable PPTX ({type(error).__name__}); open it in a presentation"
            " program and save it again",
            code=ParseErrorCode.MALFORMED,
        ) from error
    if any("vbaProject.bin" in name for name in names):
        message = "the presentation has macros, which are not read"
        writer.findings.append(remark(writer.flow.place, rule="pptx.macros", message=message))
    titles = (heading.text[:_MAX_TITLE] for heading in writer.flow.headings if heading.text)
    return ParsedDocument(
        text=writer.flow.text(),
        title=stated or next(titles, None),
        media_type=media_type,
        pages=tuple(writer.pages),
        headings=tuple(writer.flow.headings),
        findings=tuple(writer.findings),
        markup=Markup.PLAIN,
        parser=PARSER_VERSION,
    )


class _Writer:
    """One pass over the slides of a presentation, in order."""

    def __init__(self, deck: Any, limits: ParseLimits) -> None:
        self.flow = Flow(max_chars=limits.max_chars)
        self.pages: list[Span] = []
        self.findings: list[Finding] = []
        self._deck = deck
        self._limits = limits
        self._unseen = Unseen()
        self._size = (int(deck.slide_width or 0), int(deck.slide_height or 0))

    def write(self) -> None:
        """Write every slide."""
        slides = self._deck.slides
        if len(slides) > self._limits.max_pages:
            raise ParseError(
                f"slides: {len(slides)} exceed the limit of {self._limits.max_pages};"
                " split the presentation",
                code=ParseErrorCode.TOO_MANY_PAGES,
            )
        for slide in slides:
            start = end = self.flow.place
            if (slide.element.get("show") or "").lower() in _OFF:
                words = " ".join(node.text or "" for node in slide.element.iter(qn("a:t")))
                self._unseen.add("pptx.hidden_slide", words)
            else:
                start, end = self._slide(slide)
            self.pages.append(Span(start, end))
            self._beside(slide)
            self.findings.extend(self._unseen.report(self.flow.place))

    def _slide(self, slide: Any) -> tuple[int, int]:
        """Write one slide, its title first, and return where it stands."""
        self.flow.break_line(2)
        start = self.flow.mark()[1]
        before = len(self.flow.headings)
        tree = slide.element.find(f".//{qn('p:spTree')}")
        shapes = list(self._shapes(tree, depth=0)) if tree is not None else []
        shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)
        for shape in shapes:
            self._shape(slide, shape)
        if self.flow.place < start:
            return self.flow.place, self.flow.place
        if len(self.flow.headings) == before:
            # A slide without a title still ends the section of the one before it.
            self.flow.headings.append(Heading(1, "", start, start))
        return start, self.flow.place

    def _shapes(self, parent: Any, *, depth: int) -> Iterator[Any]:
        """Yield the shapes that are shown; groups are opened, one of two alternatives is read."""
        if depth > self._limits.max_nesting:
            raise ParseError(
                f"content: nested deeper than {self._limits.max_nesting}; ungroup the shapes",
                code=ParseErrorCode.MALFORMED,
            )
        for child in parent:
            if child.tag == f"{_ALTERNATE}AlternateContent":
                chosen = child.find(f"{_ALTERNATE}Choice")
                if chosen is not None:
                    yield from self._shapes(chosen, depth=depth + 1)
                continue
            if child.tag not in _SHAPES:
                continue
            rule = _hidden(child, self._size if depth == 0 else None)
            if rule is not None:
                words = " ".join(node.text or "" for node in child.iter(qn("a:t")))
                self._unseen.add(rule, words)
            elif child.tag == qn("p:grpSp"):
                yield from self._shapes(child, depth=depth + 1)
            elif _placeholder(child) not in _REPEATED:
                yield child

    def _shape(self, slide: Any, shape: Any) -> None:
        self.flow.break_line(2)
        body = shape.find(qn("p:txBody"))
        if body is not None:
            mark = self.flow.mark()
            self._paragraphs(body)
            if _placeholder(shape) in _TITLES:
                self.flow.add_heading(1, mark)
        for table in shape.iter(qn("a:tbl")):
            self._table(table)
        for chart in shape.iter(qn("c:chart")):
            part = slide.part.related_part(chart.get(qn("r:id")))
            for line in chart_lines(part.chart):
                self.flow.break_line()
                self.flow.write_raw(line)
            self.flow.break_line(2)
        for diagram in shape.iter(_DIAGRAM):
            part = slide.part.related_part(diagram.get(qn("r:dm")))
            for line in diagram_lines(part.blob):
                self.flow.break_line()
                self.flow.write(line)

    def _paragraphs(self, body: Any) -> None:
        for paragraph in body.iter(qn("a:p")):
            self.flow.break_line()
            self.flow.write_raw(self._paragraph(paragraph))

    def _paragraph(self, paragraph: Any) -> str:
        """Return what a paragraph shows."""
        shown = []
        for child in paragraph:
            if child.tag == qn("a:br"):
                shown.append("\n")
            elif child.tag in {qn("a:r"), qn("a:fld")}:
                text = "".join(node.text or "" for node in child.iter(qn("a:t")))
                if _tiny(child.find(qn("a:rPr"))):
                    self._unseen.add("pptx.hidden_run", text)
                else:
                    shown.append(text)
        # A vertical tab is how the format writes a line break within a run.
        return _BLANKS.sub(" ", "".join(shown).replace("\v", "\n")).strip()

    def _table(self, table: Any) -> None:
        """Write a table; what is marked as its header is one only if it can name columns."""
        lines = Table()
        may_head = _flag(table.find(qn("a:tblPr")), "firstRow")
        for row in filter(None, map(self._cells, table.iterfind(qn("a:tr")))):
            self.flow.break_line()
            is_header = may_head and looks_like_header(row)
            self.flow.write_raw(lines.head(row) if is_header else lines.line(row))
            may_head = False
        self.flow.break_line(2)

    def _cells(self, row: Any) -> Row:
        cells = (
            " ".join(" ".join(map(self._paragraph, cell.iter(qn("a:p")))).split())
            for cell in row.iterfind(qn("a:tc"))
        )
        return {column: cell for column, cell in enumerate(cells) if cell}

    def _beside(self, slide: Any) -> None:
        """Gather what belongs to a slide but is not on it."""
        if slide.has_notes_slide:
            frame = slide.notes_slide.notes_text_frame
            self._unseen.add("pptx.notes", frame.text if frame is not None else "")
        for relation in slide.part.rels.values():
            if relation.reltype.endswith("/comments") and not relation.is_external:
                self._unseen.add("pptx.comment", " ".join(diagram_lines(relation.target_part.blob)))


_SHAPES = frozenset(qn(tag) for tag in ("p:sp", "p:grpSp", "p:graphicFrame", "p:cxnSp", "p:pic"))


def _placeholder(shape: Any) -> str | None:
    """Return what a shape stands in for, such as ``title``; None if it is no placeholder."""
    node = shape.find(f"./*/{qn('p:nvPr')}/{qn('p:ph')}")
    return None if node is None else node.get("type") or "obj"


def _hidden(shape: Any, slide: tuple[int, int] | None) -> str | None:
    """Return the rule by which a shape is not seen; within a group, places are the group's own."""
    if _flag(shape.find(f"./*/{qn('p:cNvPr')}"), "hidden"):
        return "pptx.hidden_shape"
    offset, extent = shape.find(f".//{qn('a:off')}"), shape.find(f".//{qn('a:ext')}[@cx]")
    if slide is None or not all(slide) or offset is None or extent is None:
        return None
    left, top = int(offset.get("x")), int(offset.get("y"))
    right, bottom = left + int(extent.get("cx")), top + int(extent.get("cy"))
    off_slide = right <= 0 or bottom <= 0 or left >= slide[0] or top >= slide[1]
    return "pptx.off_slide" if off_slide else None


def _tiny(properties: Any) -> bool:
    size = "" if properties is None else properties.get("sz") or ""
    return size.isdecimal() and int(size) <= _TINY_HUNDREDTHS


def _flag(element: Any, name: str) -> bool:
    return element is not None and (element.get(name) or "0").lower() not in _OFF
