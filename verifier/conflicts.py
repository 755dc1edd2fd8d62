"""Near-duplicates and conflicts among pieces of evidence.

Two texts that nearly agree say the same thing, unless what differs is a number, a date or a
negation: then they are two claims, and showing one of them would hide the other. The test is
symmetric and looks at one pair only, so a third text can never join two others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz import fuzz

NEAR = 90.0  # token similarity, 0 to 100, from which two texts count as near-duplicates
RELATED = 78.0  # from which a pair is close enough for a differing number to be a conflict
_MAX_CHARS = 8_000
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
_NEGATION = re.compile(r"\b(?:not|no|never|none|without|cannot|nor|neither)\b|n't\b", re.IGNORECASE)


class Relation(StrEnum):
    """How two texts stand to each other."""

    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    DISTINCT = "distinct"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The relation of two texts, their similarity (0 to 100), and what differs in a conflict."""

    relation: Relation
    similarity: float
    differing: tuple[str, ...] = ()


def compare(one: str, other: str) -> Comparison:
    """Say how two texts stand to each other."""
    if one == other:
        return Comparison(Relation.DUPLICATE, 100.0)
    left, right = one[:_MAX_CHARS], other[:_MAX_CHARS]
    shorter, longer = sorted((len(left), len(right)))
    if shorter * 2 < longer:
        return Comparison(Relation.DISTINCT, 0.0)
    similarity = fuzz.ratio(left.split(), right.split(), score_cutoff=RELATED)
    if similarity < RELATED:
        return Comparison(Relation.DISTINCT, similarity)
    differing = _differences(left, right)
    if differing:
        return Comparison(Relation.CONFLICT, similarity, differing)
    if similarity >= NEAR:
        return Comparison(Relation.DUPLICATE, similarity)
    return Comparison(Relation.DISTINCT, similarity)


def _differences(one: str, other: str) -> tuple[str, ...]:
    """Numbers and dates that stand in one text only, and a differing count of negations."""
    numbers = set(_NUMBER.findall(one)) ^ set(_NUMBER.findall(other))
    differing = sorted(numbers)
    if len(_NEGATION.findall(one)) != len(_NEGATION.findall(other)):
        differing.append("negation")
    return tuple(differing)
