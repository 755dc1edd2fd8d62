"""HTML that hides text inside Markdown: comments, unseen elements, comments by reference.

What a renderer would not show is removed, with a space left in its place so that what stood on
either side cannot join to new markup. Code is shown by a renderer and stays.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple

from verifier.code_spans import Ranges, code_ranges, inside
from verifier.edits import Edit
from verifier.findings import Finding, FindingKind, Severity
from verifier.hidden_html import hidden_finding, hidden_reason

Change = tuple[Edit | None, Finding | None]

_TOKEN = re.compile(
    r"<(?:(?P<comment>!--)|(?P<instruction>\?)|(?P<cdata>!\[CDATA\[)|(?P<declaration>![A-Za-z])"
    r"|(?P<close>/?)(?P<name>[A-Za-z][\w:-]*)"
    r"(?P<attributes>(?=[\s/>\"'])(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+)>)"
)
_ENDS = {
    "comment": re.compile(r"--!?>"),
    "instruction": re.compile(r"\?>"),
    "cdata": re.compile(r"\]\]>"),
    "declaration": re.compile(r">"),
}
_ATTRIBUTE = re.compile(
    r"(?P<name>[^\s\"'>/=]+)(?:\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'"
    r"|(?P<bare>[^\s\"'>]+)))?"
)
_RAW = ("script", "style", "textarea", "title", "xmp", "iframe", "noembed", "noframes")
_RAW_ENDS = {name: re.compile(rf"</{name}(?=[\s/>])[^<>]*>", re.IGNORECASE) for name in _RAW}
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "source",
        "track",
        "wbr",
    ]
)
_REFERENCE_COMMENT = re.compile(
    r"(?m)^ {0,3}\[[^\[\]\n]{1,100}\]:[ \t]*(?:<>|#)[ \t]+"
    r"(?:\"[^\"\n]*\"|'[^'\n]*'|\([^()\n]*\))[ \t]*$"
)
_OPENS_MARKUP = re.compile(r"<(?=[A-Za-z!/?])")


class _Element(NamedTuple):
    """One piece of markup: where it starts, where its content does, and what ends it."""

    start: int
    inner: int
    name: str
    rule: str | None = None
    ends: re.Pattern[str] | None = None
    closes: bool = False
    void: bool = False


def hidden(text: str) -> Iterator[Change]:
    """Yield the removal of hidden content; removing some may uncover more."""
    found: list[tuple[int, int, str]] = []
    if "]:" in text:
        found += [(*m.span(), "markdown.comment") for m in _REFERENCE_COMMENT.finditer(text)]
    unclosed: list[tuple[int, str]] = []
    if "<" in text and (any(_hidden_html(text, [], unclosed)) or unclosed):
        # Most texts hide nothing, code or not; only the others are read for what is code.
        unclosed.clear()
        found += _hidden_html(text, code_ranges(text), unclosed)
    position = 0
    changes: list[tuple[Edit | None, Finding]] = []
    for start, end, rule in sorted(found):
        if start >= position:
            finding = hidden_finding(start, end, rule=rule, content=_words(text[start:end]))
            changes.append((Edit(start, end, " "), finding))
            position = end
    yield from changes
    for start, rule in unclosed[:1]:
        message = "hiding markup that is never closed; what follows it was kept and screened"
        finding = Finding.at(
            start, len(text), rule=rule, kind=FindingKind.HIDDEN, severity=Severity.LOW,
            message=message,
        )  # fmt: skip
        yield None, finding


def defused(text: str) -> Iterator[Change]:
    """Yield the breaking of every tag, for text that hides deeper than is honest."""
    for match in _OPENS_MARKUP.finditer(text):
        finding = Finding.at(
            *match.span(),
            rule="html.nested_hiding",
            kind=FindingKind.HIDDEN,
            severity=Severity.LOW,
            message="markup that uncovers more hidden markup was broken up",
        )
        yield Edit(match.start(), match.end(), "< "), finding


def _hidden_html(
    text: str, code: Ranges, unclosed: list[tuple[int, str]]
) -> Iterator[tuple[int, int, str]]:
    """Pair tags by name in one pass; yield hidden spans, note hiding that never ends."""
    opened: dict[str, list[_Element]] = {}
    endless: set[str] = set()
    position = 0
    while token := _TOKEN.search(text, position):
        position = token.end()
        if inside(code, token.start()):
            continue
        element = _element(token)
        if element.closes:
            stack = opened.get(element.name)
            if stack and (partner := stack.pop()).rule:
                yield partner.start, position, partner.rule
        elif element.ends is not None:
            end = None if element.name in endless else element.ends.search(text, element.inner)
            position = end.end() if end else position
            if end is None:
                endless.add(element.name)
                unclosed.append((element.start, element.rule or "html.raw_text"))
            elif element.rule:
                yield element.start, position, element.rule
        elif not element.void:
            opened.setdefault(element.name, []).append(element)
        elif element.rule:
            yield element.start, position, element.rule
    unclosed.extend((e.start, e.rule) for stack in opened.values() for e in stack if e.rule)
    unclosed.sort()


def _element(token: re.Match[str]) -> _Element:
    """Read a token: a comment and its like, or a tag with what its attributes say."""
    kind = token.lastgroup or ""
    if kind in _ENDS:
        # Two characters in, since "<!-->" is a whole comment.
        return _Element(token.start(), token.start() + 2, kind, f"html.{kind}", _ENDS[kind])
    name, attributes = token["name"].lower(), token["attributes"]
    if token["close"]:
        return _Element(token.start(), token.end(), name, closes=True)
    rule = _reason(name, attributes)
    void = name in _VOID or (name not in _RAW_ENDS and attributes.endswith("/"))
    return _Element(token.start(), token.end(), name, rule, _RAW_ENDS.get(name), void=void)


def _reason(name: str, attributes: str) -> str | None:
    if not attributes.strip():
        return hidden_reason(name, {})
    read = {
        match["name"].lower(): _value(match)
        for match in reversed([*_ATTRIBUTE.finditer(attributes)])
    }
    return hidden_reason(name, read, "white")


def _value(match: re.Match[str]) -> str | None:
    group = match.lastgroup or "name"
    return None if group == "name" else unescape(match[group])


def _words(source: str) -> str:
    """Strip the tags off hidden source, for judging what it says."""
    return re.sub(r"<!--|--!?>|<[^<>]*>|<[?!][A-Za-z\[]*", " ", source)
