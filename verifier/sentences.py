"""Where sentences begin and end, for spans that a person would call the offending sentence."""

import re

LONGEST = 1200
"""Characters of the longest sentence; what runs on is cut into windows."""

OVERLAP = 300
"""How far windows of one sentence overlap, so that nothing hides at a cut."""

_BOUNDARY = re.compile(
    r"[.!?\u3002\uff01\uff1f][\"')\]\u201d\u2019]{0,4}(?=\s)"
    r"|\n(?=[ \t\n]*\n|[ \t]*(?:[-*+#>|]|\d{1,3}[.)])\s)"
)
_ABBREVIATION = re.compile(
    r"\b(?:e\.g|i\.e|etc|vs|cf|no|nr|mr|mrs|ms|dr|st|art|sec|fig|inc|ltd)\.$", re.IGNORECASE
)
_ABBREVIATION_LENGTH = 6


def sentences(text: str) -> list[tuple[int, int]]:
    """Return the spans of the sentences, ascending, without the space around them.

    White space alone is no sentence. Only windows of one overlong sentence overlap.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for boundary in _BOUNDARY.finditer(text):
        end = boundary.end()
        if text[end - 1] == "." and _ABBREVIATION.search(
            text, max(start, end - _ABBREVIATION_LENGTH), end
        ):
            continue
        _add(spans, text, start, end)
        start = end
    _add(spans, text, start, len(text))
    return spans


def _add(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    sentence = text[start:end]
    start += len(sentence) - len(sentence.lstrip())
    end = start + len(sentence.strip())
    while end - start > LONGEST:
        spans.append((start, start + LONGEST))
        start += LONGEST - OVERLAP
    if start < end:
        spans.append((start, end))
