"""Which candidates nearly agree, and what they contradict one another in.

Two sieves: all candidates by a quick similarity of their letters, then what is left by
:func:`verifier.conflicts.compare`, the very test that groups the evidence of an answer. So a stored
pair means what it means in an answer.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np
from rapidfuzz import fuzz, process

from verifier.conflicts import RELATED, compare
from verifier.reading import read

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ingestion.near.candidates import Rows
    from verifier.changes import Difference
    from verifier.reading import Reading

    Pair: TypeAlias = tuple[str, str]
    Texts: TypeAlias = Callable[[Sequence[str]], Mapping[str, str]]
    """Gives the texts of some hashes, as far as they are there."""
    Compare: TypeAlias = Callable[[Mapping[str, str], Sequence[Pair]], list["NearPair"]]

SIFTED: Final = RELATED - 8
"""Similarity of letters below which two texts are not compared: words are cut a bit coarser."""

MAX_DIFFERENCES: Final = 16
MAX_SAID: Final = 80
"""How many differences of a pair are stored, and how many characters of each side."""

_SLICE: Final = 1_024  # memory follows a slice, not the corpus


@dataclass(frozen=True, slots=True)
class NearPair:
    """Two texts that nearly agree: hashes in order, similarity from 0 to 1, contradictions."""

    first: str
    second: str
    similarity: float
    differences: tuple[Difference, ...]

    def differences_json(self) -> str:
        """As stored: what each text says where they differ, shortened, and no more of the texts."""
        if not self.differences:
            return "[]"
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


def sift(one: Sequence[bytes], other: Sequence[bytes]) -> NDArray[np.bool_]:
    """Which candidates may nearly agree, by the letters (``Words.letters``) of both texts."""
    scores = process.cpdist(one, other, scorer=fuzz.ratio, score_cutoff=SIFTED)
    may: NDArray[np.bool_] = scores >= SIFTED
    return may


def neighbours_first(pairs: Rows) -> Rows:
    """Bring pairs into an order in which those that share a text stand close to one another.

    By the first of all neighbours of a text, so that a text of a dozen pairs is read once.
    """
    if not len(pairs):
        return pairs
    first = np.arange(pairs.max() + 1)
    np.minimum.at(first, pairs[:, 0], pairs[:, 1])
    np.minimum.at(first, pairs[:, 1], pairs[:, 0])
    return pairs[np.lexsort((pairs[:, 0], first[pairs].min(axis=1)))]


def slices(candidates: Sequence[Pair]) -> list[Sequence[Pair]]:
    """Candidates in slices, of which each is confirmed by itself."""
    return [candidates[first : first + _SLICE] for first in range(0, len(candidates), _SLICE)]


def confirm(
    candidates: Sequence[Pair], texts: Texts, compare: Compare | None = None
) -> list[NearPair]:
    """The candidates of a slice that nearly agree. A text is read once, for all its pairs.

    Args:
        candidates: hashes of two different texts, each pair once, in any order.
        texts: asked for their texts.
        compare: :func:`compared`, or something that does the same elsewhere.
    """
    return (compare or compared)(
        texts(sorted({sha for pair in candidates for sha in pair})), candidates
    )


def compared(texts: Mapping[str, str], pairs: Sequence[Pair]) -> list[NearPair]:
    """Those of some pairs that nearly agree; one of which a text is gone does not."""
    readings = {sha: read(text) for sha, text in texts.items()}
    found = []
    for pair in pairs:
        if pair[0] in readings and pair[1] in readings:
            one, other = sorted(pair)
            near = _confirmed(one, readings[one], other, readings[other])
            if near is not None:
                found.append(near)
    return found


def _confirmed(first: str, one: Reading, second: str, other: Reading) -> NearPair | None:
    comparison = compare(one, other)
    if comparison.similarity < RELATED:
        return None
    return NearPair(first, second, round(comparison.similarity / 100, 4), comparison.differences)


def _short(said: str | None) -> str | None:
    return said if said is None or len(said) <= MAX_SAID else said[: MAX_SAID - 1] + "\u2026"
