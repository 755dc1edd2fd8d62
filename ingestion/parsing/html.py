"""HTML: what a reader of the page sees, with its headings; what it hides is reported, not kept.

Tables come out as lines of cells, lists as dashed lines, preformatted text as it is. The walk is
iterative, so depth costs no stack; a scan before parsing refuses depth that would cost hours. What
never lives here: the rules of what is hidden, which are ``verifier.hidden_html``'s.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from selectolax.lexbor import LexborHTMLParser, LexborNode

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.labels import language_within
from ingestion.parsing.decoding import decode
from ingestion.parsing.flow import Flow
from ingestion.parsing.limits import ParseLimits
from verifier.findings import Finding, Severity
from verifier.hidden_html import (
    UNSEEN_TAGS,
    declared_background,
    hidden_finding,
    hidden_reason,
    style_sheet_hidden_classes,
)
from verifier.sanitise import Markup

PARSER_VERSION = "html/1"
_DECLARED = re.compile(
    rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]+)", re.IGNORECASE
)
_HEAD_BYTES = 2_048
_MAX_TITLE = 300
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_CODE = frozenset({"script", "style"})
_PARAGRAPHS = frozenset(
    {
        "p",
        "blockquote",
        "pre",
        "table",
        "ul",
        "ol",
        "dl",
        "figure",
        "section",
        "article",
        *_HEADINGS,
    }
)
_LINES = frozenset(
    {
        "address", "aside", "body", "br", "caption", "dd", "details", "dialog", "div", "dt",
        "fieldset", "figcaption", "footer", "form", "header", "hr", "html", "legend", "li", "main",
        "nav", "option", "summary", "tbody", "tfoot", "thead", "title", "tr",
    }
)  # fmt: skip
_CELLS = frozenset({"td", "th"})
_PREFORMATTED = frozenset({"pre", "textarea", "listing", "xmp"})
# Never hide anything and differ from element to element.
_NO_LOOKS = frozenset({"alt", "class", "content", "href", "id", "name", "src", "title"})
_MAX_ROW = 2_000
_MAX_ATTRIBUTES = 1_000
# Comments and raw text first, so that tags inside them do not count. An alternative that finds no
# end takes the rest of the file: that is HTML's own rule, and it keeps this linear.
_TAG = re.compile(
    r"<!--(?:.*?-->|.*)|<(?P<raw>script|style|textarea|title|xmp)\b(?:.*?</(?P=raw)|.*)"
    r"|</(?P<close>[a-zA-Z][^\s/>]*)|<(?P<open>[a-zA-Z][^\s/>]*)(?P<rest>[^>]*)",
    re.DOTALL | re.IGNORECASE,
)
_UNNESTED = frozenset(
    {
        "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param",
        "source", "track", "wbr", "p", "li", "td", "th", "tr", "dt", "dd", "option", "optgroup",
        "thead", "tbody", "tfoot", "colgroup", "html", "body", "head", "a", "nobr", "button",
    }
)  # fmt: skip


def parse_html(content: bytes, media_type: str, limits: ParseLimits) -> ParsedDocument:
    """Extract the visible text of a page.

    Raises:
        ParseError: ``malformed`` if it is text in no one encoding or nests beyond the limit,
            ``binary`` if it is no text, ``too_large`` if its text is.
    """
    declared = _DECLARED.search(content[:_HEAD_BYTES])
    source = decode(content, declared=declared[1].decode("ascii") if declared else None)
    _refuse_depth(source, limits)
    tree = LexborHTMLParser(source)
    sheets = "\n".join(sheet.text(deep=True) for sheet in tree.css("style"))
    walk = _Walk(limits, style_sheet_hidden_classes(sheets))
    if tree.root is not None:
        walk.run(tree.root)
    title = tree.css_first("title")
    words = " ".join(title.text().split())[:_MAX_TITLE] if title else ""
    headings = tuple(walk.flow.headings)
    first = headings[0].text[:_MAX_TITLE] if headings and headings[0].level == 1 else None
    return ParsedDocument(
        text=walk.flow.text(),
        title=words or first,
        media_type=media_type,
        pages=(),
        headings=headings,
        findings=tuple(walk.findings),
        markup=Markup.HTML_TEXT,
        parser=PARSER_VERSION,
        language=language_within(_language(tree)),
    )


def _language(tree: LexborHTMLParser) -> str | None:
    page = tree.css_first("html")
    return None if page is None else page.attributes.get("lang")


@dataclass(frozen=True, slots=True)
class _Close:
    """What must happen once an element's content has been read."""

    tag: str
    newlines: int
    heading: tuple[int, int] | None
    flat: bool


class _Walk:
    """One pass over the tree in document order."""

    def __init__(self, limits: ParseLimits, hidden_classes: frozenset[str]) -> None:
        self.flow = Flow(max_chars=limits.max_chars)
        self.findings: list[Finding] = []
        self._hidden_classes = hidden_classes
        self._backgrounds = ["white"]
        self._preformatted = 0
        self._flat = 0
        self._first_cell = True

    def run(self, root: LexborNode) -> None:
        """Visit every node from ``root`` down; a hidden subtree is passed over whole."""
        pending: list[LexborNode | _Close] = [root]
        while pending:
            step = pending.pop()
            if isinstance(step, _Close):
                self._leave(step)
            elif step.tag == "-text":
                self._text(step.text_content or "")
            elif step.tag == "-comment":
                self._hide("html.comment", step.comment_content or "")
            elif close := self._enter(step):
                pending.append(close)
                pending.extend(reversed(list(_children(step))))

    def _text(self, text: str) -> None:
        if self._preformatted and not self._flat:
            self.flow.write_raw(text.replace("\r", "\n"))
        else:
            self.flow.write(text)

    def _enter(self, node: LexborNode) -> _Close | None:
        """Prepare for an element's content; None means its content is not read."""
        tag = node.tag or ""
        if tag == "title" or tag.startswith("-"):
            return None
        attributes = node.attributes
        looks = tuple(item for item in attributes.items() if item[0] not in _NO_LOOKS)
        rule, background = _appearance(tag, looks, self._backgrounds[-1])
        rule = rule or self._by_class(attributes)
        if rule is not None:
            # Code is no text: it is reported, but not read as if it spoke to anybody.
            words = "" if tag in _CODE else node.text(deep=True, separator=" ")
            if words.strip() or tag in UNSEEN_TAGS:
                self._hide(rule, words)
            return None
        self._backgrounds.append(background)
        flat = tag == "tr" and _is_flat(node)
        newlines = 2 if tag in _PARAGRAPHS else int(tag in _LINES)
        self._break(newlines)
        self._mark_item(tag)
        self._flat += flat
        self._preformatted += tag in _PREFORMATTED
        return _Close(tag, newlines, self.flow.mark() if tag in _HEADINGS else None, flat)

    def _leave(self, close: _Close) -> None:
        if close.heading is not None:
            self.flow.add_heading(_HEADINGS[close.tag], close.heading)
        self._backgrounds.pop()
        self._preformatted -= close.tag in _PREFORMATTED
        self._flat -= close.flat
        self._break(close.newlines)

    def _mark_item(self, tag: str) -> None:
        """Write what sets list items and table cells apart."""
        if tag == "li" and not self._flat:
            self.flow.prefix("- ")
        elif tag == "tr":
            self._first_cell = True
        elif tag in _CELLS:
            if self._flat and not self._first_cell:
                self.flow.write(" | ")
            elif not self._flat:
                self._break(1)
            self._first_cell = False

    def _break(self, newlines: int) -> None:
        if newlines and self._flat:
            self.flow.write(" ")
        elif newlines:
            self.flow.break_line(newlines)

    def _by_class(self, attributes: dict[str, str | None]) -> str | None:
        if not self._hidden_classes:
            return None
        classes = (attributes.get("class") or "").lower().split()
        return None if self._hidden_classes.isdisjoint(classes) else "html.hidden_class"

    def _hide(self, rule: str, content: str) -> None:
        """Report something left out; a run of the same at one place is reported once."""
        place = self.flow.place
        finding = hidden_finding(place, place, rule=rule, content=content)
        last = self.findings[-1] if self.findings else None
        if last is None or (last.rule, last.start) != (rule, place):
            self.findings.append(finding)
        elif finding.severity is Severity.HIGH:
            self.findings[-1] = finding


@lru_cache(maxsize=4_096)
def _appearance(
    tag: str, looks: tuple[tuple[str, str | None], ...], background: str
) -> tuple[str | None, str]:
    """Return the rule that hides an element, if any, and the background inside it.

    Remembered, because a page has thousands of elements and few ways for them to look.
    """
    attributes = dict(looks)
    rule = hidden_reason(tag, attributes, background)
    return rule, declared_background(attributes) or background


def _children(node: LexborNode) -> Iterator[LexborNode]:
    child = node.first_child
    while child is not None:
        yield child
        child = child.next


def _is_flat(row: LexborNode) -> bool:
    """Tell a row of data, which reads best on one line, from one that lays out a page."""
    if row.css_first("table, ul, ol, pre, h1, h2, h3, h4, h5, h6") is not None:
        return False
    return len(row.text(deep=True)) <= _MAX_ROW


def _refuse_depth(source: str, limits: ParseLimits) -> None:
    """Refuse elements opened and never closed beyond the limit, before a tree is built of them.

    The parser's time grows with the square of depth and of attributes, so this scan must come
    first. Tags that close themselves or each other do not count.
    """
    depth: Counter[str] = Counter()
    total = 0
    for match in _TAG.finditer(source):
        closed, opened = match["close"], match["open"]
        if closed and depth[closed.lower()]:
            depth[closed.lower()] -= 1
            total -= 1
        if not opened:
            continue
        if match["rest"].count("=") > _MAX_ATTRIBUTES:
            raise ParseError(
                f"element <{opened[:20]}>: more than {_MAX_ATTRIBUTES} attributes; clean the file",
                code=ParseErrorCode.MALFORMED,
            )
        if opened.lower() in _UNNESTED or (depth["svg"] and match["rest"].endswith("/")):
            continue
        depth[opened.lower()] += 1
        total += 1
        if total > limits.max_nesting:
            raise ParseError(
                f"element <{opened[:20]}>: more than {limits.max_nesting} elements stand open;"
                " clean the file",
                code=ParseErrorCode.MALFORMED,
            )
