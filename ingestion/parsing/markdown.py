"""Markdown: the text stays the raw source, so that offsets and quotes are those of the file.

markdown-it-py finds the blocks; only headings at the outermost level structure the document. What
never lives here: rendering, or judging links and embedded HTML (the sanitiser does).
"""

import re
from itertools import accumulate, pairwise
from typing import Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token

from ingestion.documents import Heading, ParsedDocument
from ingestion.labels import language_within, tags_within
from ingestion.parsing.decoding import decode
from ingestion.parsing.limits import ParseLimits
from verifier.sanitise import Markup

PARSER_VERSION = "markdown/1"
_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n(?P<yaml>.*?)^(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE
)
_MAX_FRONT_MATTER = 16_384
_MAX_TITLE = 300


def parse_markdown(content: bytes, media_type: str, limits: ParseLimits) -> ParsedDocument:
    """Decode ``content`` and find its headings and title.

    Raises:
        ParseError: It is not text, or text in no one encoding.
    """
    text = decode(content)
    front = _FRONT_MATTER.match(text)
    blocks = text
    if front:
        # Blanked, not cut: the lines must keep their numbers, and `---` would make a heading of it.
        blocks = "\n" * front[0].count("\n") + text[front.end() :]
    headings = _headings(text, blocks, limits)
    stated = _front_matter(front["yaml"]) if front else {}
    title = _title(stated.get("title"))
    if title is None and headings and headings[0].level == 1:
        title = headings[0].text[:_MAX_TITLE] or None
    return ParsedDocument(
        text=text,
        title=title,
        media_type=media_type,
        pages=(),
        headings=headings,
        findings=(),
        markup=Markup.MARKDOWN,
        parser=PARSER_VERSION,
        tags=tags_within(stated.get("tags")),
        language=language_within(stated.get("lang") or stated.get("language")),
    )


def _headings(text: str, blocks: str, limits: ParseLimits) -> tuple[Heading, ...]:
    """Return the outermost headings; each span is the heading's own lines, marks included."""
    markdown = MarkdownIt("commonmark", {"maxNesting": limits.max_nesting}).enable("table")
    markdown.disable("inline")  # the text between headings is never rendered
    starts = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    tokens = markdown.parse(blocks)
    markdown.enable("inline")
    headings = []
    for opening, inline in pairwise(tokens):
        if opening.type != "heading_open" or opening.level or opening.map is None:
            continue
        first, past = opening.map
        start, end = starts[first], starts[past] - 1
        stop = start + len(text[start:end].rstrip())
        words = _visible(markdown.parseInline(inline.content))
        headings.append(Heading(int(opening.tag[1]), words, start, stop))
    return tuple(headings)


def _visible(tokens: list[Token]) -> str:
    """Return what a reader sees of inline tokens, blanks folded."""
    children = [child for token in tokens for child in token.children or ()]
    kinds = {"text", "code_inline", "softbreak", "hardbreak"}
    parts = (child.content or " " for child in children if child.type in kinds)
    return " ".join("".join(parts).split())


def _front_matter(source: str) -> dict[Any, Any]:
    """Return the fields of YAML front matter; front matter that is no mapping has none."""
    if len(source) > _MAX_FRONT_MATTER:
        return {}
    try:
        front = yaml.safe_load(source)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return front if isinstance(front, dict) else {}


def _title(stated: object) -> str | None:
    return " ".join(stated.split())[:_MAX_TITLE] or None if isinstance(stated, str) else None
