"""Do two wordings say the same words? The rule by which a quote may differ from its source.

A quote may differ in typing: a letter, an article, a hyphen. It may not differ in a number, a
negation or any word that carries meaning. Pure comparison of two short texts.
"""

import re
from enum import StrEnum

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from verifier.lexicon import negates

_WORD = re.compile(
    r"[$\u20ac\u00a3\u00a5]?-?\d+(?:[.,:/-]\d+)*\s?%?|[^\W\d_]+(?:'[^\W\d_]+)*|\d+\w+|[<>=\u2264\u2265\u00b1]"
)
_FILLERS = frozenset({"a", "an", "the", "that", "of", "and"})
_NEAR = 80.0
_SHORT = 4


class Difference(StrEnum):
    """How two wordings differ."""

    NONE = "none"
    TYPING = "typing"
    MEANING = "meaning"


def difference(quote: str, source: str) -> Difference:
    """Compare a quote with the stretch of source it was aligned to, word by word."""
    said, stands = words(quote), words(source)
    if said == stands:
        return Difference.NONE
    for step in Levenshtein.opcodes(said, stands):
        ours = said[step.src_start : step.src_end]
        theirs = stands[step.dest_start : step.dest_end]
        if step.tag == "equal":
            continue
        if step.tag == "replace" and not all(map(_near, ours, theirs)):
            return Difference.MEANING
        if step.tag != "replace" and not _FILLERS.issuperset([*ours, *theirs]):
            return Difference.MEANING
    return Difference.TYPING


def counterpart(quote: str, source: str) -> tuple[int, int]:
    """Return the span of `source` whose words answer those of `quote`, without what is around."""
    said = words(quote)
    spans = [match.span() for match in _WORD.finditer(source)]
    steps = Levenshtein.opcodes(said, words(source))
    answered = [step for step in steps if step.tag in {"equal", "replace"}]
    if not answered:
        return 0, 0
    return spans[answered[0].dest_start][0], spans[answered[-1].dest_end - 1][1]


def words(text: str) -> list[str]:
    """Split folded text into comparable words; numbers keep sign, currency and per cent."""
    return [match[0].lower().replace(" ", "") for match in _WORD.finditer(text)]


def _near(one: str, other: str) -> bool:
    """Whether one word is the other mistyped, rather than another word."""
    if one == other:
        return True
    if any(c.isdigit() for c in one + other) or negates(one) or negates(other):
        return False
    if min(len(one), len(other)) < _SHORT or one.endswith(other) or other.endswith(one):
        return False  # short words and prefixes carry meaning: may and must, allowed and disallowed
    if {one[-2:], other[-2:]} in ({"er", "ee"}, {"or", "ee"}):
        return False  # employer and employee
    return fuzz.ratio(one, other) >= _NEAR
