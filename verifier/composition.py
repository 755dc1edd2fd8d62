"""Canonical composition (Unicode NFC) that knows where each character came from.

Source: Unicode Standard Annex 15; the stream-safe limit on marks is the idea of its section 13,
with a tighter bound. What must never live here: compatibility folding, which changes meaning.
"""

import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import cache

from verifier.edits import Edit
from verifier.findings import Finding, FindingKind, Severity

MAX_MARKS = 8
"""Combining marks kept on one character; no orthography needs as many."""

_FIRST_MARK = 0x300
_MAY_CARRY_MARKS = re.compile("[\u0300-\U0010ffff]")


def composed(text: str) -> Iterator[tuple[Edit, Finding | None]]:
    """Yield the replacement of every sequence that is not in NFC."""
    if text.isascii() or unicodedata.is_normalized("NFC", text):
        return
    offset = 0
    for line in text.splitlines(keepends=True):
        if not (line.isascii() or unicodedata.is_normalized("NFC", line)):
            for match in _clusters().finditer(line):
                whole = unicodedata.normalize("NFC", match[0])
                if whole != match[0]:
                    start, end = offset + match.start(), offset + match.end()
                    yield Edit(start, end, whole), _finding(start, end)
        offset += len(line)


def capped(text: str) -> Iterator[tuple[Edit, Finding | None]]:
    """Yield the removal of combining marks beyond `MAX_MARKS` on one character."""
    if text.isascii() or not _MAY_CARRY_MARKS.search(text):
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
def _marks() -> str:
    """Return the character class of all marks, as ranges; built when first needed."""
    points = [
        point
        for point in range(_FIRST_MARK, sys.maxunicode + 1)
        # Planes 2 to 13 hold ideographs and nothing else; skipping them saves the time.
        if (point < 0x20000 or 0xE0000 <= point < 0xF0000)  # noqa: PLR2004
        and unicodedata.category(chr(point)).startswith("M")
    ]
    ranges: list[list[int]] = []
    for point in points:
        if ranges and point == ranges[-1][1] + 1:
            ranges[-1][1] = point
        else:
            ranges.append([point, point])
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)


@cache
def _clusters() -> re.Pattern[str]:
    """A character and what may compose with it: marks, and the vowels and finals of Hangul."""
    followers = rf"{_marks()}\u1160-\u11ff"
    return re.compile(rf"[^{followers}][{followers}]*|[{followers}]+")


@cache
def _floods() -> re.Pattern[str]:
    return re.compile(rf"[{_marks()}]{{{MAX_MARKS + 1},}}")
