"""Where Markdown shows its source: fenced code blocks and inline code.

Source: CommonMark 0.31, sections 4.5 and 6.1. Code in list items that is indented further is not
recognised; what lies there is treated as markup, which is the stricter reading.
"""

import re
from bisect import bisect_right

_FENCE = re.compile(r"(?m)^ {0,3}(?P<fence>`{3,}|~{3,})(?P<info>[^\n]*)$")
_TICKS_OR_BREAK = re.compile(r"(?P<ticks>`+)|(?P<paragraph>\n[ \t]*\n)")

Ranges = list[tuple[int, int]]


def code_ranges(text: str) -> Ranges:
    """Return the spans of code, ascending and apart."""
    if "`" not in text and "~~~" not in text:
        return []
    fences = _fences(text)
    ranges: Ranges = []
    position = 0
    for start, end in [*fences, (len(text), len(text))]:
        ranges += _inline(text, position, start)
        ranges.append((start, end))
        position = end
    return [span for span in ranges if span[0] < span[1]]


def inside(ranges: Ranges, position: int) -> bool:
    """Say whether a position lies in one of the ranges."""
    index = bisect_right(ranges, (position, len(ranges) and ranges[-1][1])) - 1
    return index >= 0 and ranges[index][0] <= position < ranges[index][1]


def _fences(text: str) -> Ranges:
    ranges: Ranges = []
    opened: re.Match[str] | None = None
    for line in _FENCE.finditer(text):
        fence, info = line["fence"], line["info"]
        if opened is None:
            if fence[0] == "~" or "`" not in info:
                opened = line
        elif fence.startswith(opened["fence"]) and not info.strip():
            ranges.append((opened.start(), line.end()))
            opened = None
    if opened is not None:
        ranges.append((opened.start(), len(text)))
    return ranges


def _inline(text: str, start: int, end: int) -> Ranges:
    """Pair runs of equally many backticks inside a paragraph, in linear time."""
    ranges: Ranges = []
    runs: list[tuple[int, int]] = []
    for match in _TICKS_OR_BREAK.finditer(text, start, end):
        if match["ticks"]:
            runs.append(match.span())
        else:
            ranges += _paired(runs)
            runs = []
    return ranges + _paired(runs)


def _paired(runs: list[tuple[int, int]]) -> Ranges:
    closing: list[int | None] = [None] * len(runs)
    latest: dict[int, int] = {}
    for index in range(len(runs) - 1, -1, -1):
        length = runs[index][1] - runs[index][0]
        closing[index] = latest.get(length)
        latest[length] = index
    ranges: Ranges = []
    index = 0
    while index < len(runs):
        partner = closing[index]
        if partner is not None:
            ranges.append((runs[index][0], runs[partner][1]))
            index = partner
        index += 1
    return ranges
