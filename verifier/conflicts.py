"""Near-duplicates and conflicts between two texts.

Two texts that nearly agree say the same thing, unless what differs is a number, a date, a unit, a
name or a negation: then they are two claims, and showing one of them would hide the other. The test
is symmetric and looks at one pair only, so a third text can never join two others.

In doubt two texts are in conflict, not the same: a conflict is shown side by side, a duplicate is
folded away.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from rapidfuzz import fuzz

from verifier.changes import Difference, differences
from verifier.reading import Reading, read

NEAR = 90.0
"""Similarity, of 100, from which two texts count as duplicates."""

RELATED = 78.0
"""Similarity from which two texts nearly agree, so that a differing number is a conflict."""


class Relation(StrEnum):
    """How two texts stand to each other."""

    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    DISTINCT = "distinct"


@dataclass(frozen=True, slots=True)
class Comparison:
    """The relation of two texts, their similarity (0 to 100), and what differs in a conflict.

    Below ``RELATED`` the similarity is not worked out and given as 0.
    """

    relation: Relation
    similarity: float
    differences: tuple[Difference, ...] = ()


def compare(one: str | Reading, other: str | Reading) -> Comparison:
    """Say how two texts stand to each other.

    Args:
        one: a text; read it once (:func:`verifier.reading.read`) to compare it with many.
        other: another.
    """
    left = read(one) if isinstance(one, str) else one
    right = read(other) if isinstance(other, str) else other
    if left.text == right.text:
        return Comparison(Relation.DUPLICATE, 100.0)
    similarity = fuzz.ratio(left.lower, right.lower, score_cutoff=RELATED)
    if similarity < RELATED:
        return Comparison(Relation.DISTINCT, 0.0)
    differing = differences(left, right)
    if differing:
        return Comparison(Relation.CONFLICT, similarity, differing)
    if similarity >= NEAR:
        return Comparison(Relation.DUPLICATE, similarity)
    return Comparison(Relation.DISTINCT, similarity)
