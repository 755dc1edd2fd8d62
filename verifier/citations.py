"""Does a quote stand in its evidence?

Exact first, up to typography; then one alignment that may differ in typing but never in a number,
a negation or a word that matters, and never reaches across something removed. A quote put together
from apart places is refused, whether or not dots admit it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from rapidfuzz import fuzz

from verifier.errors import QuoteTooLongError
from verifier.normalise import folded
from verifier.offsets import OffsetMap
from verifier.policy import REDACTION
from verifier.wording import Difference, counterpart, difference

MAX_QUOTE: Final = 10_000
"""Code points of the longest quote that is checked."""

ALIGNED: Final = 90.0
"""Similarity, of 100, from which a quote counts as found."""

ALTERED: Final = 75.0
"""Similarity from which a quote that differs in substance is called altered, not missing."""

_DOTS = re.compile(r"\s*(?:\[\s*\.{3}\s*\]|\(\s*\.{3}\s*\)|\.{3,})\s*")
_MARKS = "\"' "
_PROBE = 64
_SLACK = 24
_PIECE_WORDS = 3
_MAX_PIECES = 6


class QuoteOutcome(StrEnum):
    """What a check found."""

    EXACT = "exact"
    ALIGNED = "aligned"
    ALTERED = "altered"
    STITCHED = "stitched"
    NOT_FOUND = "not_found"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class QuoteMatch:
    """Where a quote was found, and how well.

    Attributes:
        outcome: What was found; only `exact` and `aligned` are good citations.
        start: First code point in the evidence, None where there is no one place.
        end: One past the last.
        score: Similarity from 0 to 100.
    """

    outcome: QuoteOutcome
    start: int | None = None
    end: int | None = None
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Quotable:
    """A text that was folded once, to look for many quotes in it.

    Attributes:
        text: Folded: typography and white space make no difference in it.
        offsets: From `text` to the text as served.
    """

    text: str
    offsets: OffsetMap

    @classmethod
    def of(cls, evidence: str) -> Self:
        """Fold a text as served."""
        return cls(*folded(evidence))


def check_quote(quote: str, evidence: str | Quotable) -> QuoteMatch:
    """Look for a quote in the text it is said to come from.

    Args:
        quote: What an agent quotes; quotation marks around it are ignored.
        evidence: The text as served; folded before, if more than one quote is looked for.

    Raises:
        QuoteTooLongError: The quote has more than `MAX_QUOTE` code points.
    """
    if len(quote) > MAX_QUOTE:
        raise QuoteTooLongError(
            f"quote: {len(quote)} characters; quote at most {MAX_QUOTE}, or cite the span"
        )
    wanted = folded(quote)[0].strip(_MARKS)
    if not any(c.isalnum() for c in wanted):
        return QuoteMatch(QuoteOutcome.EMPTY)
    within = Quotable.of(evidence) if isinstance(evidence, str) else evidence
    text = within.text
    found = (
        _exact(wanted, text)
        or _elided(wanted, text)
        or _aligned(wanted, text)
        or _stitched(wanted, text)
        or QuoteMatch(QuoteOutcome.NOT_FOUND)
    )
    if found.start is None or found.end is None:
        return found
    return QuoteMatch(
        found.outcome, *within.offsets.to_original(found.start, found.end), found.score
    )


def _exact(wanted: str, text: str) -> QuoteMatch | None:
    for start, end in _places(wanted, text):
        removed = REDACTION in text[start:end]
        outcome = QuoteOutcome.ALTERED if removed else QuoteOutcome.EXACT
        return QuoteMatch(outcome, start, end, 100.0)
    return None


def _places(wanted: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where `wanted` stands as whole words and whole numbers."""
    start = text.find(wanted)
    while start >= 0:
        end = start + len(wanted)
        if (start, end) == _whole(text, start, end):
            yield start, end
        start = text.find(wanted, start + 1)


def _whole(text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a span until it cuts through no word and no number."""
    while start > 0 and start < len(text) and _joined(text, start):
        start -= 1
    while 0 < end < len(text) and _joined(text, end):
        end += 1
    return start, end


def _joined(text: str, cut: int) -> bool:
    """Whether the characters on both sides of a cut belong to one word or number."""
    before, after = text[cut - 1], text[cut]
    if before.isalnum() and after.isalnum():
        return True
    if after.isdigit() and before in ".,:/-":
        return before == "-" or text[cut - 2 : cut - 1].isdigit()
    return before.isdigit() and after in ".,:/" and text[cut + 1 : cut + 2].isdigit()


def _elided(wanted: str, text: str) -> QuoteMatch | None:
    """Recognise a quote that admits by dots that it was put together."""
    parts = [part for piece in _DOTS.split(wanted) if (part := piece.strip(_MARKS))]
    if len(parts) > 1 and all(_stands(part, text) for part in parts):
        return QuoteMatch(QuoteOutcome.STITCHED)
    return None


def _stitched(wanted: str, text: str) -> QuoteMatch | None:
    """Recognise a quote whose parts stand in the text, but not together."""
    rest = wanted.split()
    pieces = 0
    while rest and pieces < _MAX_PIECES:
        length = _longest_start(rest, text)
        if length < min(_PIECE_WORDS, len(rest)):
            return None
        rest = rest[length:]
        pieces += 1
    return QuoteMatch(QuoteOutcome.STITCHED) if not rest and pieces > 1 else None


def _stands(part: str, text: str) -> bool:
    return next(_places(part, text), None) is not None


def _longest_start(words: list[str], text: str) -> int:
    """Return how many words from the first stand together in the text, by bisection."""
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        if " ".join(words[:middle]) in text:
            low = middle
        else:
            high = middle - 1
    return low


def _aligned(wanted: str, text: str) -> QuoteMatch | None:
    spans = {_fitted(wanted, text, *span) for span in _likely(wanted, text)}
    if not spans:
        return None
    start, end = max(spans, key=lambda span: (fuzz.ratio(wanted, text[slice(*span)]), -span[0]))
    place = text[start:end]
    score = fuzz.ratio(wanted, place)
    if score < ALTERED:
        return None
    if REDACTION in place or difference(wanted, place) is Difference.MEANING:
        return QuoteMatch(QuoteOutcome.ALTERED, start, end, score)
    if score < ALIGNED:
        return QuoteMatch(QuoteOutcome.NOT_FOUND, score=score)
    return QuoteMatch(QuoteOutcome.ALIGNED, start, end, score)


def _fitted(wanted: str, text: str, start: int, end: int) -> tuple[int, int]:
    """Widen a rough span a little, then cut it to the words that answer the quote."""
    start, end = _whole(text, max(start - _SLACK, 0), min(end + _SLACK, len(text)))
    first, last = counterpart(wanted, text[start:end])
    return start + first, start + last


def _likely(wanted: str, text: str) -> Iterator[tuple[int, int]]:
    """Yield where the quote probably stands, found by short probes of it.

    A probe of at most 64 characters is aligned in linear time, a long quote would not be; the
    place of a probe in the quote tells where the quote begins and ends.
    """
    begin: int | None = None
    last = len(wanted) - _PROBE
    for offset in sorted({0, max(last // 2, 0), max(last, 0)}):
        probe = wanted[offset : offset + _PROBE]
        found = fuzz.partial_ratio_alignment(probe, text, score_cutoff=ALTERED)
        if found is None:
            continue
        start = max(found.dest_start - offset, 0)
        end = min(max(found.dest_end + len(wanted) - offset - len(probe), start), len(text))
        yield start, end
        if begin is None:
            begin = start
        elif begin < end:
            yield begin, end
