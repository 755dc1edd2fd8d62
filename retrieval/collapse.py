"""Duplicates and conflicts among the candidates of one answer, and among no others.

Only what the caller sees is compared, and only in pairs with a piece that is kept, so a hidden text
can neither join two visible ones nor split them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from verifier.conflicts import Relation, compare
from verifier.reading import read

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.catalog import StoredChunk
    from verifier.reading import Reading


@dataclass(slots=True)
class Group:
    """A kept chunk, the later ones that say the same, and the kept ones it disagrees with."""

    chunk: StoredChunk
    same: list[StoredChunk]
    disagrees: list[str]


def collapse(chunks: Sequence[StoredChunk], *, limit: int) -> list[Group]:
    """Fold duplicates into the best-ranked piece that says the same.

    Args:
        chunks: best first.
        limit: how many groups are wanted; further chunks can still join one, but open none.
    """
    groups: list[Group] = []
    kept: list[Reading] = []  # of each group's chunk
    for chunk in chunks:
        reading = read(chunk.text)
        disagrees: list[Group] = []
        home = None
        for group, other in zip(groups, kept, strict=True):
            relation = compare(other, reading).relation
            if relation is Relation.DUPLICATE:
                home = group
                break
            if relation is Relation.CONFLICT:
                disagrees.append(group)
        if home is not None:
            home.same.append(chunk)
        elif len(groups) < limit:
            kept.append(reading)
            groups.append(Group(chunk, [], [group.chunk.id for group in disagrees]))
            for group in disagrees:
                group.disagrees.append(chunk.id)
    return groups
