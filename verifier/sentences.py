"""Where a sentence begins and ends, for spans that a person would call the offending sentence."""

import re

_BOUNDARY = re.compile(
    r"(?:[.!?\u3002\uff01\uff1f][\"')\]\u201d\u2019]*(?=\s)|\n\s*\n|\n(?=[ \t]*(?:[-*+#>|]|\d+[.)])\s))"
)
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|etc|vs|cf|no|nr|mr|mrs|ms|dr|st|art|sec|fig|inc|ltd)\.$", re.IGNORECASE
)

REACH = 600
"""Characters looked at on either side; a longer sentence is cut there."""


def sentence_at(text: str, position: int) -> tuple[int, int]:
    """Return the span of the sentence that `position` lies in, without surrounding spaces."""
    low, high = max(0, position - REACH), min(len(text), position + REACH)
    start = low
    for boundary in _BOUNDARY.finditer(text, low, high):
        if _ABBREVIATION.search(text, max(low, boundary.end() - 8), boundary.end()):
            continue
        if boundary.end() > position:
            high = boundary.end()
            break
        start = boundary.end()
    while start < position and text[start].isspace():
        start += 1
    while high > position + 1 and text[high - 1].isspace():
        high -= 1
    return start, high
