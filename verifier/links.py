"""Links and images, in Markdown and in HTML tags: labels stay, dangerous targets go.

Works on the written form alone and reads it more strictly than any renderer would, so that a
disagreement about what is a link costs a target, never a leak.
"""

import re
from collections.abc import Iterator

from verifier.edits import Edit
from verifier.findings import Finding, FindingKind
from verifier.targets import NEUTRAL, Reason, judge

Change = tuple[Edit, Finding | None]

_MESSAGES = {
    Reason.ACTIVE: "the target of a link that runs or embeds content was removed",
    Reason.PLACEHOLDER: "the target of a link with a place for data to be filled in was removed",
    Reason.CREDENTIALS: "the target of a link with credentials in it was removed",
    Reason.QUERY: "the target of a link with a query string was removed",
    Reason.LONG: "the target of a link long enough to carry a text was removed",
    Reason.REMOTE_IMAGE: "the address of a remote image was removed",
}
# What may stand between the parentheses of a link, up to the title; parentheses nest once.
_TARGET = r"<[^<>\n]*>|(?:\\.|[^\s()\\])*+(?:\((?:\\.|[^\s()\\])*+\)(?:\\.|[^\s()\\])*+)*+"
# Every alternative begins with a literal: so the engine skips what begins with none of them.
_BRACKETS = re.compile(rf"\\[\[\]!]|!\[|\[|\](?:\(\s{{0,64}}(?P<inline>{_TARGET}))?|\n[ \t]*\n")
_DEFINITION = re.compile(rf"\]:[ \t]*\n?[ \t]*(?P<target>{_TARGET})")
_AUTOLINK = re.compile(r"<(?P<target>[A-Za-z][A-Za-z0-9+.-]{1,31}:[^\s<>]*)>")
_TAG = re.compile(r"<(?P<name>[A-Za-z][\w:-]*)(?=[\s/\"'])(?:[^<>\"']|\"[^\"]*\"|'[^']*')*+>")
_ADDRESS = re.compile(
    r"(?P<name>[\w:-]+)\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)'|(?P<bare>[^\s\"'>]+))"
)
_ADDRESSES = frozenset(
    [
        "action",
        "archive",
        "background",
        "cite",
        "classid",
        "codebase",
        "data",
        "dynsrc",
        "formaction",
        "href",
        "icon",
        "longdesc",
        "lowsrc",
        "manifest",
        "ping",
        "poster",
        "profile",
        "src",
        "srcset",
        "usemap",
        "xlink:href",
    ]
)
_CLICKED = frozenset({"a", "area"})


def links(text: str) -> Iterator[Change]:
    """Yield the neutralising of every dangerous target, in ascending order."""
    found: list[Change] = []
    if "](" in text or "]:" in text or "![" in text:
        found += _markdown(text)
    if "<" in text:
        found += _autolinks(text)
        found += _tags(text)
    found.sort(key=lambda change: change[0])
    yield from found


def _markdown(text: str) -> Iterator[Change]:
    """Inline links and images, then the definitions that references lead to.

    A link counts as an image where an image is open around it or nothing is: what is fetched
    without a click is judged more strictly, and a renderer may see brackets otherwise than we do.
    """
    open_images: list[bool] = []
    references_images = False
    for match in _BRACKETS.finditer(text):
        first = match[0][0]
        if first == "\n":
            open_images.clear()
        elif first in "![":
            open_images.append(first == "!")
        elif first == "]":
            image = not open_images or any(open_images[-2:])
            closes_image = open_images.pop() if open_images else False
            if match["inline"] is None:
                references_images = references_images or closes_image
            else:
                yield from _neutralised(text, *match.span("inline"), image=image)
    if "]:" in text:
        for match in _DEFINITION.finditer(text):
            yield from _neutralised(text, *match.span("target"), image=references_images)


def _autolinks(text: str) -> Iterator[Change]:
    for match in _AUTOLINK.finditer(text):
        yield from _neutralised(text, *match.span("target"), image=False)


def _tags(text: str) -> Iterator[Change]:
    """The addresses in HTML tags; a link is clicked, anything else is fetched."""
    for tag in _TAG.finditer(text):
        fetched = tag["name"].lower() not in _CLICKED
        for attribute in _ADDRESS.finditer(text, tag.end("name"), tag.end() - 1):
            if attribute["name"].lower() in _ADDRESSES:
                span = attribute.span(attribute.lastgroup or "bare")
                yield from _neutralised(text, *span, image=fetched)


def _neutralised(text: str, start: int, end: int, *, image: bool) -> Iterator[Change]:
    if text[start:end].startswith("<") and text[start:end].endswith(">"):
        start, end = start + 1, end - 1
    judgement = judge(text[start:end], image=image)
    if judgement is None:
        return
    yield (
        Edit(start, end, NEUTRAL),
        Finding.at(
            start,
            end,
            rule=str(judgement.reason),
            kind=FindingKind.EXFILTRATION,
            severity=judgement.severity,
            message=_MESSAGES[judgement.reason],
        ),
    )
