"""A claim beside the sentence it most resembles, word by word.

What must never live here: a decision whether a difference matters.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rapidfuzz import fuzz
from rapidfuzz.distance import Levenshtein

from verifier.changes import Difference, Kind, differences
from verifier.conflicts import RELATED
from verifier.lexicon import negates
from verifier.normalise import folded
from verifier.reading import Reading, read
from verifier.support_words import stem
from verifier.wording import counterpart

if TYPE_CHECKING:
    from collections.abc import Iterator

_NEXT_WORD = re.compile(r"\W{0,3}([^\W\d_]+(?:'[^\W\d_]+)*)")


def stands_in(claim: Reading, sentence: Reading) -> int | None:
    """Where a claim stands in a sentence word for word: its first token there, or None."""
    length = len(claim.lower)
    places = range(len(sentence.lower) - length + 1 if length else 0)
    return next((at for at in places if sentence.lower[at : at + length] == claim.lower), None)


def aligned(claim: Reading, sentence: Reading) -> tuple[Difference, ...]:
    """How a claim differs from the part of a sentence that answers it; nothing if none nearly does.

    What only the sentence says takes nothing from the claim, but for a negation.
    """
    wanted, text = folded(claim.text)[0], folded(sentence.text)[0]
    start, end = counterpart(wanted, text)
    after = _NEXT_WORD.match(text, end)
    if after is not None and negates(after[1].lower()):
        end = after.end()
    answer = read(text[start:end])
    if fuzz.ratio(claim.lower, answer.lower, score_cutoff=RELATED) < RELATED:
        return ()
    return tuple(
        found
        for found in differences(claim, answer)
        if found.one is not None or found.kind is Kind.NEGATION
    )


def substituted(claim: Reading, sentence: Reading) -> Iterator[tuple[int, int]]:
    """Tokens of a claim and of a sentence that stand in one another's place, and are other words.

    Only where what surrounds them agrees, so that one can be said to replace the other.
    """
    for step in Levenshtein.opcodes(claim.lower, sentence.lower):
        if step.tag != "replace" or step.src_end - step.src_start > _FEW:
            continue
        pairs = zip(
            range(step.src_start, step.src_end), range(step.dest_start, step.dest_end), strict=True
        )
        yield from (
            (one, other)
            for one, other in pairs
            if stem(claim.lower[one]) != stem(sentence.lower[other])
        )


_FEW = 2  # tokens: a longer stretch is another wording, not another word
