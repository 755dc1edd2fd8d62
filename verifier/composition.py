"""Canonical composition (Unicode NFC) that knows where each character came from.

Source: Unicode Standard Annex 15; the stream-safe limit on marks is the idea of its section 13,
with a tighter bound. What must never live here: compatibility folding, which changes meaning.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain

from verifier.edits import Edit
from verifier.findings import Finding, FindingKind, Severity
from verifier.survey import unusual

MAX_MARKS = 8
"""Combining marks kept on one character; no orthography needs as many."""

# Where marks live: no other plane holds any.
_BASIC_PLANE = range(0x300, 0x10000)
_FIRST_PLANE = range(0x10000, 0x20000)
_SELECTOR_SUPPLEMENT = range(0xE0100, 0xE01F0)
# Nothing below U+0300 changes by itself; it may compose with what follows.
_CHANGEABLE = re.compile("[\x00-\u02ff]?[\u0300-\U0010ffff]+")


def composed(text: str) -> Iterator[tuple[Edit, Finding | None]]:
    """Yield the replacement of every sequence that is not in NFC."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return
    offset = 0
    for line in text.splitlines(keepends=True):
        if not (line.isascii() or unicodedata.is_normalized("NFC", line)):
            for stretch in _CHANGEABLE.finditer(line):
                for match in _clusters().finditer(line, *stretch.span()):
                    whole = unicodedata.normalize("NFC", match[0])
                    if whole != match[0]:
                        start, end = offset + match.start(), offset + match.end()
                        yield Edit(start, end, whole), _finding(start, end)
        offset += len(line)


def capped(text: str) -> Iterator[tuple[Edit, Finding | None]]:
    """Yield the removal of combining marks beyond `MAX_MARKS` on one character."""
    if not any(unicodedata.category(point).startswith("M") for point in unusual(text)):
        return
    for match in _floods().finditer(text):
        start, end = match.start() + MAX_MARKS, match.end()
        yield (
            Edit(start, end, ""),
            Finding.at(
                start,
                end,
                rule="unicode.combining_flood",
                kind=FindingKind.CONTROL,
                severity=Severity.LOW,
                message=f"combining marks beyond {MAX_MARKS} on one character were removed",
            ),
        )


def _finding(start: int, end: int) -> Finding:
    return Finding.at(
        start,
        end,
        rule="unicode.composition",
        kind=FindingKind.CONTROL,
        severity=Severity.INFO,
        message="characters were written in their composed form (NFC)",
    )


@cache
def _marks() -> tuple[str, str]:
    """Return the classes of all marks, as ranges: the basic plane's, and the others'."""
    return _class(_BASIC_PLANE), _class(chain(_FIRST_PLANE, _SELECTOR_SUPPLEMENT))


def _class(points: Iterable[int]) -> str:
    ranges: list[list[int]] = []
    for point in points:
        if not unicodedata.category(chr(point)).startswith("M"):
            continue
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)


@cache
def _clusters() -> re.Pattern[str]:
    """A character and what may compose with it: marks, and the vowels and finals of Hangul."""
    followers = rf"{''.join(_marks())}\u1160-\u11ff"
    return re.compile(rf"[^{followers}][{followers}]*|[{followers}]+")


@cache
def _floods() -> re.Pattern[str]:
    """Marks in a row; the lookahead keeps the long class of rare planes off common text."""
    basic, rare = _marks()
    mark = rf"(?:[{basic}]|(?=[\U00010000-\U0010ffff])[{rare}])"
    return re.compile(rf"{mark}{{{MAX_MARKS + 1},}}")
