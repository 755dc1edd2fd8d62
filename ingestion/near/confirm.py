"""Which candidates nearly agree, and what they contradict one another in.

Two sieves: all candidates by a quick similarity of their word codes, then what is left by
:func:`verifier.conflicts.compare`, the very test that groups the evidence of an answer. So a stored
pair means what it means in an answer.
"""

from __future__ import annotations

import json
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rapidfuzz import fuzz, process

from verifier.conflicts import RELATED, Comparison, compare
from verifier.reading import Reading, read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.near.words import Codes
    from verifier.changes import Difference

SIFTED: Final = RELATED - 8
"""Similarity of word codes below which two texts are not compared: they cut words a bit coarser."""

MAX_DIFFERENCES: Final = 16
MAX_SAID: Final = 80
"""How many differences of a pair are stored, and how many characters of each side."""

_SLICE: Final = 4_096
_WORKERS: Final = 2


@dataclass(frozen=True, slots=True)
class Text:
    """A text by its hash, with its word codes."""

    sha: str
    text: str
    codes: Codes


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two texts that nearly agree: hashes in order, similarity from 0 to 1, contradictions."""

    first: str
    second: str
    similarity: float
    differences: tuple[Difference, ...]

    def differences_json(self) -> str:
        """As stored: what each text says where they differ, shortened, and no more of the texts."""
        return json.dumps(
            [
                {
                    "kind": found.kind.value,
                    "first": _short(found.one),
                    "second": _short(found.other),
                }
                for found in self.differences[:MAX_DIFFERENCES]
            ],
            ensure_ascii=False,
        )


def confirm(candidates: Sequence[tuple[Text, Text]]) -> list[NearPair]:
    """The candidates that nearly agree.

    Args:
        candidates: pairs of different texts, each pair once, in any order.
    """
    found: list[NearPair] = []
    arrays: dict[str, array[int]] = {}
    readings: dict[str, Reading] = {}
    for first in range(0, len(candidates), _SLICE):
        some = candidates[first : first + _SLICE]
        scores = process.cpdist(
            [_array(one, arrays) for one, _ in some],
            [_array(other, arrays) for _, other in some],
            scorer=fuzz.ratio,
            score_cutoff=SIFTED,
            workers=_WORKERS,
        )
        for (one, other), score in zip(some, scores.tolist(), strict=True):
            if score >= SIFTED:
                pair = _confirmed(one, other, readings)
                if pair is not None:
                    found.append(pair)
        arrays.clear()  # memory follows a slice, not the corpus
        readings.clear()
    return found


def _array(text: Text, arrays: dict[str, array[int]]) -> array[int]:
    made = arrays.get(text.sha)
    if made is None:
        made = arrays[text.sha] = array("Q", text.codes.tobytes())
    return made


def _confirmed(one: Text, other: Text, readings: dict[str, Reading]) -> NearPair | None:
    if one.sha > other.sha:
        one, other = other, one
    comparison: Comparison = compare(_read(one, readings), _read(other, readings))
    if comparison.similarity < RELATED:
        return None
    return NearPair(
        one.sha, other.sha, round(comparison.similarity / 100, 4), comparison.differences
    )


def _read(text: Text, readings: dict[str, Reading]) -> Reading:
    reading = readings.get(text.sha)
    if reading is None:
        reading = readings[text.sha] = read(text.text)
    return reading


def _short(said: str | None) -> str | None:
    return said if said is None or len(said) <= MAX_SAID else said[: MAX_SAID - 1] + "\u2026"
