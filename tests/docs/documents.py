"""The project's Markdown documents, and what can be checked in them: fences, code and links."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterator

    from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for path in (*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"))
)
_MARK: Final = re.compile(r"<!-- ([a-z]+) -->")
_NOT_WORDS: Final = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced block: its language, and the mark in a comment right before it, if any."""

    language: str
    text: str
    mark: str | None


def fences(document: str) -> Iterator[Fence]:
    """Every fenced block of a document."""
    before = None
    for token in _tokens(document):
        if token.type == "fence":
            yield Fence(token.info, token.content, before)
        found = _MARK.fullmatch(token.content.strip()) if token.type == "html_block" else None
        before = found.group(1) if found else None


def code(document: str) -> Iterator[str]:
    """Every piece of code between backticks in running text."""
    return (t.content for t in _inline(document) if t.type == "code_inline")


def links(document: str) -> Iterator[str]:
    """The target of every link."""
    return (str(t.attrs["href"]) for t in _inline(document) if t.type == "link_open")


def anchors(document: str) -> set[str]:
    """The anchors that a document's headings make."""
    tokens = _tokens(document)
    titles = (after.content for token, after in pairwise(tokens) if token.type == "heading_open")
    return {_NOT_WORDS.sub("", title.lower()).replace(" ", "-") for title in titles}


def _tokens(document: str) -> list[Token]:
    return MarkdownIt().enable("table").parse((ROOT / document).read_text("utf-8"))


def _inline(document: str) -> Iterator[Token]:
    for token in _tokens(document):
        yield from token.children or ()
