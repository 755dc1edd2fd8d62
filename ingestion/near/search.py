"""The candidates of a batch, sifted: among the texts settled before, and among its own.

Places are numbers: those of the batch first, in order, then those of other texts as they are met.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ingestion.near.candidates import Candidates
from ingestion.near.confirm import neighbours_first, sift
from ingestion.near.signature import bands
from ingestion.near.stored import Signed
from ingestion.near.words import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ingestion.near.batch import Batch, Places
    from ingestion.near.candidates import Rows
    from ingestion.near.corpus import Corpus


@dataclass(frozen=True, slots=True)
class Portion:
    """Some texts of a batch, and their candidates among all texts before them.

    Attributes:
        alone: places of the texts that are in no candidate, in order.
        paired: those of the others, in order.
        candidates: hashes of two texts, the later of which is one of these.
    """

    alone: Places
    paired: Places
    candidates: list[tuple[str, str]]


class Search:
    """One batch that looks for partners.

    Attributes:
        dense: whether the batch is most of what there is.
    """

    def __init__(self, corpus: Corpus, batch: Batch, *, most: int) -> None:
        """Look among the texts settled before.

        Args:
            corpus: whose texts.
            batch: texts that are not settled.
            most: with how many texts of one crowd a text is compared.
        """
        self._batch = batch
        self._others: list[str] = []
        self._worded = batch.worded()
        self._candidates = Candidates(batch.bands(), most=most, shelf=batch.shelf)
        found = [np.empty((0, 2), dtype=np.int64)]
        settled = 0
        with corpus.signatures() as blocks:
            for block in blocks:
                found.append(self._met(corpus, block))
                settled += len(block)
        self.dense = settled <= len(batch)
        pairs = np.concatenate(found)
        self._older: Rows = pairs[np.argsort(pairs[:, 0], kind="stable")]

    def _met(self, corpus: Corpus, block: list[tuple[str, bytes]]) -> Rows:
        """Candidates between the batch and a block of settled texts, of which it keeps the met."""
        rows = self._candidates.against(bands([signature for _, signature in block]))
        shas = {row: block[row][0] for row in np.unique(rows[:, 1]).tolist()}
        texts = corpus.texts(list(shas.values()))
        letters = dict(zip(texts, words(list(texts.values())).letters(), strict=True))
        # A text that is live no more has no letters, and agrees with nothing.
        theirs = [letters.get(shas[row], b"") for row in rows[:, 1].tolist()]
        pairs = np.column_stack([self._worded[rows[:, 0]], rows[:, 1]])
        pairs = pairs[sift(self._batch.letters(pairs[:, 0]), theirs)]
        met, place = np.unique(pairs[:, 1], return_inverse=True)
        pairs[:, 1] = place + len(self._batch) + len(self._others)
        self._others += [shas[row] for row in met.tolist()]
        return pairs

    def portions(self, most: int) -> Iterator[Portion]:
        """The batch in portions of about so many candidates, all texts in order."""
        waiting: list[Rows] = []
        done = begin = 0
        for end, rows in self._candidates.among():
            last = int(self._worded[end]) if end < len(self._worded) else len(self._batch)
            pairs = self._worded[rows]
            may = sift(self._batch.letters(pairs[:, 0]), self._batch.letters(pairs[:, 1]))
            first, beyond = np.searchsorted(self._older[:, 0], (begin, last))
            waiting += [pairs[may], self._older[first:beyond]]
            begin = last
            if last < len(self._batch) and sum(map(len, waiting)) < most:
                continue
            yield self._portion(done, last, np.concatenate(waiting))
            waiting, done = [], last

    def shas(self, places: Places) -> list[str]:
        """The hashes of some texts, of the batch or others."""
        size = len(self._batch)
        ours = iter(self._batch.shas(places[places < size]))
        return [
            next(ours) if place < size else self._others[place - size] for place in places.tolist()
        ]

    def signed(self, places: Places) -> list[Signed]:
        """Some texts of the batch as they are stored: hash, signature, whether crowded."""
        signatures = self._batch.signatures(places)
        return list(map(Signed, self.shas(places), signatures, self._crowded[places].tolist()))

    @cached_property
    def _crowded(self) -> NDArray[np.bool_]:
        """Of each text, once all of them have looked for partners."""
        crowded = np.zeros(len(self._batch), dtype=np.bool_)
        crowded[self._worded[self._candidates.crowded]] = True
        return crowded

    def _portion(self, begin: int, end: int, pairs: Rows) -> Portion:
        met = np.zeros(len(self._batch) + len(self._others), dtype=np.bool_)
        met[pairs] = True
        among = met[begin:end]
        ones, others = map(self.shas, neighbours_first(pairs).T)
        return Portion(
            np.flatnonzero(~among) + begin,
            np.flatnonzero(among) + begin,
            list(zip(ones, others, strict=True)),
        )
