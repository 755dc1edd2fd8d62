#!/usr/bin/env python3
"""Set the manuscripts of the demo corpus as PDF and DOCX files.

What lives here: the typesetting of `tools/demo_documents/**/NAME.{pdf,docx}.md` into
`retrieval/demo/corpus/**/NAME.{pdf,docx}`. What must never: a word of the documents themselves,
and anything that differs from one run to the next. Dates are fixed, so that building twice gives
the same bytes and a diff of the corpus means a change of the text.

A manuscript is Markdown of a small kind: headings, paragraphs with emphasis, lists, tables. A
fenced block marked `hidden` is set in white on white: it is how one of the demo's attacks hides.
"""

from __future__ import annotations

import argparse
import io
import sys
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import docx
from docx.shared import Pt, RGBColor
from fpdf import FPDF
from fpdf.fonts import FontFace
from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from markdown_it.token import Token

ROOT = Path(__file__).resolve().parent.parent
MANUSCRIPTS = ROOT / "tools" / "demo_documents"
CORPUS = ROOT / "retrieval" / "demo" / "corpus"
SET_ON = datetime(2025, 10, 1, 9, 0, tzinfo=UTC)
_ZIP_DATE = (2025, 10, 1, 9, 0, 0)
_HEADING_POINTS = {1: 20, 2: 14, 3: 12}
_BODY_POINTS = 10.5
_LINE_MM = 5.4


class ManuscriptError(ValueError):
    """A manuscript cannot be set; the message names the file and what to change in it."""


@dataclass(frozen=True, slots=True)
class Run:
    """A stretch of text in one style."""

    text: str
    bold: bool = False
    italic: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """One block of a manuscript.

    Attributes:
        kind: `heading`, `paragraph`, `item`, `table` or `hidden`.
        runs: the text; empty for a table.
        level: of a heading, from 1.
        marker: what stands before an item, such as `1.`; empty otherwise.
        rows: of a table, the header first.
    """

    kind: str
    runs: tuple[Run, ...] = ()
    level: int = 0
    marker: str = ""
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def text(self) -> str:
        """The text without its styles."""
        return "".join(run.text for run in self.runs)


def read_blocks(markdown: str) -> tuple[Block, ...]:
    """Parse a manuscript into the blocks that both writers understand."""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return tuple(_blocks(iter(tokens)))


def _blocks(tokens: Iterator[Token]) -> Iterator[Block]:
    """Walk the flat token stream once; lists carry their numbering along."""
    numbering: list[int | None] = []
    for token in tokens:
        match token.type:
            case "heading_open":
                yield Block("heading", _runs(next(tokens)), level=int(token.tag[1]))
            case "ordered_list_open" | "bullet_list_open":
                numbering.append(0 if token.type == "ordered_list_open" else None)
            case "ordered_list_close" | "bullet_list_close":
                numbering.pop()
            case "paragraph_open":
                runs = _runs(next(tokens))
                if not numbering:
                    yield Block("paragraph", runs)
                    continue
                count = numbering[-1]
                if count is not None:
                    count += 1
                    numbering[-1] = count
                yield Block("item", runs, marker="-" if count is None else f"{count}.")
            case "table_open":
                yield Block("table", rows=tuple(_rows(tokens)))
            case "fence" if token.info == "hidden":
                yield Block("hidden", (Run(" ".join(token.content.split())),))
            case _:
                continue


def _runs(inline: Token) -> tuple[Run, ...]:
    runs: list[Run] = []
    bold = italic = False
    for child in inline.children or ():
        match child.type:
            case "strong_open" | "strong_close":
                bold = child.type == "strong_open"
            case "em_open" | "em_close":
                italic = child.type == "em_open"
            case "softbreak" | "hardbreak":
                runs.append(Run(" ", bold, italic))
            case "text" | "code_inline":
                if child.content:
                    runs.append(Run(child.content, bold, italic))
            case other:
                raise ManuscriptError(f"markup {other!r} cannot be set; write it as plain text")
    return tuple(runs)


def _rows(tokens: Iterator[Token]) -> Iterator[tuple[str, ...]]:
    cells: list[str] = []
    for token in tokens:
        match token.type:
            case "table_close":
                return
            case "inline":
                cells.append("".join(run.text for run in _runs(token)))
            case "tr_close":
                yield tuple(cells)
                cells = []
            case _:
                continue


class _Pages(FPDF):  # type: ignore[misc]  # the configuration lets mypy skip fpdf2
    """A4 with page numbers; the core fonts keep the files small and need no font at hand."""

    def footer(self) -> None:
        self.set_y(-15)
        self.set_font("Helvetica", size=8)
        self.cell(0, 10, f"{self.page_no()}", align="C")


def to_pdf(blocks: tuple[Block, ...]) -> bytes:
    """Set blocks as a PDF.

    Raises:
        ManuscriptError: if a character lies outside Latin-1, which is all the core fonts have.
    """
    pages = _Pages(format="A4")
    pages.set_creation_date(SET_ON)
    pages.set_title(blocks[0].text)
    pages.set_margins(25, 22, 25)
    pages.set_auto_page_break(auto=True, margin=20)
    pages.add_page()
    for block in blocks:
        _refuse_beyond_latin1(block)
        match block.kind:
            case "heading":
                pages.ln(_LINE_MM / 2)
                pages.set_font("Helvetica", "B", _HEADING_POINTS[block.level])
                pages.multi_cell(0, _LINE_MM * 1.4, block.text, align="L", new_x="LMARGIN")
                pages.ln(1)
            case "table":
                _pdf_table(pages, block)
            case "hidden":
                pages.set_font("Times", size=4)
                pages.set_text_color(255, 255, 255)
                pages.multi_cell(0, 2, block.text, align="L", new_x="LMARGIN")
                pages.set_text_color(0, 0, 0)
            case _:
                _pdf_paragraph(pages, block)
    return bytes(pages.output())


def _refuse_beyond_latin1(block: Block) -> None:
    for text in (block.text, *(cell for row in block.rows for cell in row)):
        try:
            text.encode("latin-1")
        except UnicodeEncodeError as error:
            culprit = text[error.start]
            raise ManuscriptError(
                f"{culprit!r} in {text[:60]!r} is not in the PDF core fonts; use plain letters"
            ) from error


def _pdf_paragraph(pages: FPDF, block: Block) -> None:
    if block.marker:
        pages.set_font("Times", size=_BODY_POINTS)
        pages.write(_LINE_MM, f"{block.marker} ")
    for run in block.runs:
        pages.set_font("Times", "B" * run.bold + "I" * run.italic, _BODY_POINTS)
        pages.write(_LINE_MM, run.text)
    pages.ln(_LINE_MM * (1.1 if block.marker else 1.5))


def _pdf_table(pages: FPDF, block: Block) -> None:
    pages.set_font("Helvetica", size=9)
    with pages.table(
        headings_style=FontFace(emphasis="BOLD"), line_height=_LINE_MM, text_align="LEFT"
    ) as table:
        for row in block.rows:
            table.row(row)
    pages.ln(_LINE_MM)


def to_docx(blocks: tuple[Block, ...]) -> bytes:
    """Set blocks as a DOCX file."""
    document = docx.Document()
    document.styles["Normal"].font.size = Pt(_BODY_POINTS)
    properties = document.core_properties
    properties.title = blocks[0].text
    properties.author = ""
    properties.created = properties.modified = SET_ON.replace(tzinfo=None)
    for block in blocks:
        if block.kind == "heading":
            document.add_heading(block.text, level=block.level)
        elif block.kind == "table":
            table = document.add_table(rows=0, cols=len(block.rows[0]), style="Table Grid")
            for row in block.rows:
                for cell, text in zip(table.add_row().cells, row, strict=True):
                    cell.text = text
        else:
            style = {"": None, "-": "List Bullet"}.get(block.marker, "List Number")
            paragraph = document.add_paragraph(style=style)
            for run in block.runs:
                written = paragraph.add_run(run.text)
                written.bold, written.italic = run.bold or None, run.italic or None
                if block.kind == "hidden":
                    written.font.color.rgb = RGBColor(255, 255, 255)
    buffer = io.BytesIO()
    document.save(buffer)
    return _without_clock(buffer.getvalue())


def _without_clock(archive: bytes) -> bytes:
    """Rewrite a ZIP with one fixed time on every member."""
    target = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(archive)) as before,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for name in before.namelist():
            member = zipfile.ZipInfo(name, _ZIP_DATE)
            member.compress_type = zipfile.ZIP_DEFLATED
            after.writestr(member, before.read(name))
    return target.getvalue()


WRITERS: dict[str, Callable[[tuple[Block, ...]], bytes]] = {".pdf": to_pdf, ".docx": to_docx}


def built_from(manuscript: Path) -> tuple[Path, bytes]:
    """Return where a manuscript's document belongs in the corpus, and its bytes."""
    target = CORPUS / manuscript.relative_to(MANUSCRIPTS).with_suffix("")
    try:
        return target, WRITERS[target.suffix](read_blocks(manuscript.read_text(encoding="utf-8")))
    except ManuscriptError as error:
        raise ManuscriptError(f"{manuscript.relative_to(ROOT)}: {error}") from error


def main() -> int:
    """Write every document, or with `--check` say which ones are out of date."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on a change")
    check = parser.parse_args().check
    changed = 0
    for manuscript in sorted(MANUSCRIPTS.rglob("*.md")):
        target, content = built_from(manuscript)
        if target.exists() and target.read_bytes() == content:
            continue
        changed += 1
        sys.stdout.write(f"{'out of date' if check else 'wrote'}: {target.relative_to(ROOT)}\n")
        if not check:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
    return 1 if check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
