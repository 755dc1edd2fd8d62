"""The truth: the exact ten nearest among what an audience may see, by brute force.

What never lives here: any engine; this is what engines are compared with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingestion.embedding.port import Vector
    from tests.benchmarks.load import Exported

TOP: Final = 10
# Two float32 dot products of the same vectors differ by less; a tie is no miss.
_TIE: Final = 1e-5


class Truth:
    """Exact answers for one audience.

    Args:
        world: all chunks.
        acls: ids of the ACLs the audience sees.
    """

    def __init__(self, world: Exported, acls: Iterable[str]) -> None:
        allowed = set(acls)
        rows = [row for row, acl in enumerate(world.acls) if acl in allowed]
        self._place = {world.ids[row]: place for place, row in enumerate(rows)}
        self._vectors = world.vectors[rows]

    @property
    def visible(self) -> int:
        """How many chunks the audience may see."""
        return len(self._place)

    def recall(self, query: Vector, found: Sequence[str]) -> float | None:
        """Share of the ten nearest that are among the first ten found; None if nothing is visible.

        A chunk that ties with the tenth counts as it.

        Raises:
            AssertionError: something was found that the audience may not see.
        """
        if not self._place:
            return None
        scores = self._vectors @ query
        wanted = min(TOP, len(scores))
        floor = np.partition(scores, -wanted)[-wanted] - _TIE
        hidden = [ident for ident in found if ident not in self._place]
        if hidden:
            raise AssertionError(f"{len(hidden)} of the chunks found are not visible")
        good = sum(bool(scores[self._place[ident]] >= floor) for ident in found[:TOP])
        return min(good, wanted) / wanted
