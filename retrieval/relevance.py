"""The relevance gate: how likely a piece of evidence bears on the question.

A logistic model over three figures of one (question, chunk) pair: the cosine of their embeddings,
the share of the question's distinct terms that stand in the chunk, and how many of its names and
figures do not. All are functions of the pair alone, so the gate cannot leak what else is stored.
Weights and how they were fitted:
``docs/relevance.md``; ``training/fit_relevance.py`` reproduces them.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

import numpy as np

from ingestion.index.lexical import document_terms, encode_query

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_MISSING: Final = 2
"""More names and figures than this that a chunk lacks say no more than this many."""

_WORD: Final = re.compile(r"\w[\w'\u2019-]*")


@dataclass(frozen=True, slots=True)
class Words:
    """What the words of a question and a chunk have in common.

    Attributes:
        coverage: share of the question's distinct terms that stand in the chunk; 0 without terms.
        missing: names and figures of the question that do not, ``MOST_MISSING`` at most.
    """

    coverage: float
    missing: int


@dataclass(frozen=True, slots=True)
class Weights:
    """Of one logistic model: ``1 / (1 + exp(-(bias + each weight times its figure)))``."""

    bias: float
    cosine: float
    coverage: float
    missing: float

    def probability(self, cosine: float, words: Words) -> float:
        """The modelled probability, in (0, 1)."""
        seen = self.cosine * cosine + self.coverage * words.coverage
        return 1.0 / (1.0 + math.exp(-(self.bias + seen + self.missing * words.missing)))


@cache
def weights_for(embedder: str) -> Weights:
    """The weights fitted for an embedder, or cautious ones that look at the words alone."""
    table = json.loads(files("retrieval").joinpath("relevance.json").read_text("utf-8"))
    return Weights(**table["models"].get(embedder, table["models"]["any"]))


def cosine(query: NDArray[np.float32], stored: bytes) -> float:
    """Cosine of two unit vectors, summed exactly (``math.fsum``): the order cannot matter."""
    vector = np.frombuffer(stored, np.float32).astype(np.float64)
    return math.fsum((vector * query.astype(np.float64)).tolist())


@dataclass(frozen=True, slots=True)
class Asked:
    """The lexical terms of a question, as the index sees them.

    Attributes:
        terms: all distinct ones.
        names: those of names and figures.
    """

    terms: frozenset[int]
    names: frozenset[int]

    @classmethod
    def of(cls, question: str) -> Asked:
        """Read a question."""
        named = [term for word in _names(question) for term in encode_query(word).indices]
        return cls(frozenset(encode_query(question).indices), frozenset(named))

    def within(self, embedded: str) -> Words:
        """What stands in a chunk's embedded text."""
        held = document_terms(embedded)
        share = len(self.terms & held) / len(self.terms) if self.terms else 0.0
        return Words(share, min(len(self.names - held), MOST_MISSING))


def _names(question: str) -> list[str]:
    """Words with a digit, words in capitals, and words with one at the front but not in front.

    Where most words after the first begin with a capital, as in a headline, capitals say nothing.
    """
    words = _WORD.findall(question)
    raised = [word[0].isupper() for word in words]
    headline = 2 * sum(raised[1:]) > len(raised[1:])
    return [
        word
        for place, word in enumerate(words)
        if any(letter.isdigit() for letter in word)
        or (not headline and ((raised[place] and place > 0) or (len(word) > 1 and word.isupper())))
    ]
