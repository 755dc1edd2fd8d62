"""The relevance gate: how likely a piece of evidence bears on the question.

A logistic model over two figures of one (question, chunk) pair: the cosine of their embeddings, and
the share of the question's distinct terms that stand in the chunk. Both are functions of the pair
alone, so the gate cannot leak what else is stored. Weights and how they were fitted:
``docs/relevance.md``; ``training/fit_relevance.py`` reproduces them.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from ingestion.index.lexical import document_terms, encode_query

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Weights:
    """Of one logistic model: ``1 / (1 + exp(-(bias + cosine * c + coverage * t)))``."""

    bias: float
    cosine: float
    coverage: float

    def probability(self, cosine: float, coverage: float) -> float:
        """The modelled probability, in (0, 1)."""
        return 1.0 / (
            1.0 + math.exp(-(self.bias + self.cosine * cosine + self.coverage * coverage))
        )


@cache
def weights_for(embedder: str) -> Weights:
    """The weights fitted for an embedder, or cautious ones that look at the words alone."""
    table = json.loads(files("retrieval").joinpath("relevance.json").read_text("utf-8"))
    return Weights(**table["models"].get(embedder, table["models"]["any"]))


def cosine(query: NDArray[np.float32], stored: bytes) -> float:
    """Cosine of two unit vectors, summed exactly (``math.fsum``): the order cannot matter."""
    vector = np.frombuffer(stored, np.float32).astype(np.float64)
    return math.fsum((vector * query.astype(np.float64)).tolist())


def query_terms(query: str) -> frozenset[int]:
    """The distinct lexical terms of a question, as the index sees them."""
    return frozenset(encode_query(query).indices)


def coverage(terms: frozenset[int], embedded: str) -> float:
    """Share of the question's terms that stand in a chunk's embedded text; 0 without terms."""
    if not terms:
        return 0.0
    return len(terms & document_terms(embedded)) / len(terms)
