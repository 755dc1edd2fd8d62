"""How good a ranking of documents is, against judgements: nDCG, recall and reciprocal rank.

Sources: K. Järvelin and J. Kekäläinen, "Cumulated gain-based evaluation of IR techniques", ACM TOIS
20(4), 2002, with gain ``grade`` and discount ``log2(rank + 1)``, as trec_eval's ``ndcg_cut``;
E. M. Voorhees, "The TREC-8 Question Answering Track Report", 1999, for the reciprocal rank.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Grades = Mapping[str, int]


def ndcg(found: Sequence[str], grades: Grades, *, depth: int) -> float:
    """Normalised discounted cumulative gain of the first ``depth`` documents, from 0 to 1.

    Args:
        found: names, best first, none twice.
        grades: of the judged documents; 0 and below count as not relevant, as what is not judged.
        depth: how far the reader reads.
    """
    ideal = _gain(sorted(_relevant(grades).values(), reverse=True), depth)
    return _gain([max(grades.get(name, 0), 0) for name in found], depth) / ideal if ideal else 0.0


def recall(found: Sequence[str], grades: Grades, *, depth: int) -> float:
    """Share of the relevant documents that are among the first ``depth``, from 0 to 1."""
    relevant = _relevant(grades)
    return len(relevant.keys() & set(found[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank(found: Sequence[str], grades: Grades, *, depth: int) -> float:
    """One over the rank of the first relevant document; 0 if it is not among the first."""
    relevant = _relevant(grades)
    return next(
        (1 / rank for rank, name in enumerate(found[:depth], start=1) if name in relevant), 0.0
    )


def _relevant(grades: Grades) -> dict[str, int]:
    return {name: grade for name, grade in grades.items() if grade > 0}


def _gain(grades: Sequence[int], depth: int) -> float:
    return sum(grade / math.log2(rank + 1) for rank, grade in enumerate(grades[:depth], start=1))
