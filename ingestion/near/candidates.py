"""Which texts are worth comparing: those that share a band of their signatures.

Two texts whose sets of word pairs agree to a share ``s`` share one of 32 bands of four slots with
probability ``1 - (1 - s**4)**32``: .996 at .63 (one word in eight changed), .00003 at .03
(different subjects). Locality-sensitive hashing after Indyk and Motwani (1998).

Most that share a band by chance are turned away at once, by what their whole signatures estimate.

Thousands of texts may share a band: the same letter to everybody. Comparing each with each would
take their square, so in each band a text is compared with at most ``most`` others, the first in the
order given, and is marked as *crowded* where there were more. The work is linear in the texts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ingestion.near.signature import Bands

Rows = NDArray[np.int64]
"""Pairs of row numbers: two columns, sorted, no pair twice."""

ALIKE: Final = 0.3
"""Share of slots from which two texts are worth comparing.

Texts of which 78 % of the words agree, the least that counts, share .44 of their word pairs when
the changes are spread evenly, and more otherwise; the estimate has a standard error of .04.
"""

_SLICE: Final = 1 << 16
_SIEVE: Final = np.uint64((1 << 18) - 1)


class Candidates:
    """Candidate partners of some texts, band by band, each band within bounded memory.

    Attributes:
        crowded: for each text, whether a band held more partners than it was compared with.
    """

    def __init__(self, new: Bands, *, most: int) -> None:
        """Begin.

        Args:
            new: one row for each text that looks for partners.
            most: how many partners it may find in one band, over all calls.
        """
        self._new = new
        self._sieve = _sieve(new)
        self._sorted = np.sort(new, axis=0)
        self._most = most
        self._taken = np.zeros(new.shape, dtype=np.int64)
        self.crowded = np.zeros(len(new), dtype=np.bool_)

    def against(self, others: Bands) -> Rows:
        """Pairs of (row in new, row in ``others``) that share a band."""
        found = []
        for band in range(self._new.shape[1]):
            met = self._met(band, others[:, band])
            order = met[np.argsort(others[met, band], kind="stable")]
            there = others[order, band]
            first = np.searchsorted(there, self._new[:, band], side="left")
            beyond = np.searchsorted(there, self._new[:, band], side="right")
            take = self._admitted(band, beyond - first)
            found.append(_pairs(take, first, order, len(others)))
        return _alike(self._new, others, _distinct(found, len(others)))

    def among(self) -> Rows:
        """Pairs of (row, earlier row) within new that share a band. Call it last."""
        found = []
        every = np.arange(len(self._new))
        for band in range(self._new.shape[1]):
            order = np.argsort(self._new[:, band], kind="stable")
            keys = self._new[order, band]
            opens = np.ones(len(keys), dtype=np.bool_)
            opens[1:] = keys[1:] != keys[:-1]
            begin = np.maximum.accumulate(np.where(opens, every, 0))
            first = np.empty_like(every)
            earlier = np.empty_like(every)
            first[order] = begin
            earlier[order] = every - begin
            found.append(_pairs(self._admitted(band, earlier), first, order, len(self._new)))
        return _alike(self._new, self._new, _distinct(found, len(self._new)))

    def _met(self, band: int, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Rows whose key in a band some new text has: mostly few, and only they are sorted."""
        known = self._sorted[:, band]
        maybe = np.flatnonzero(self._sieve[band, keys & _SIEVE])
        if not len(maybe):
            return maybe
        asked = keys[maybe]
        place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        met: NDArray[np.int64] = maybe[known[place] == asked]
        return met

    def _admitted(self, band: int, offered: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many of the partners offered each text still takes in this band."""
        room = self._most - self._taken[:, band]
        take: NDArray[np.int64] = np.minimum(offered, room)
        self.crowded |= offered > room
        self._taken[:, band] += take
        return take


def _sieve(new: Bands) -> NDArray[np.bool_]:
    """For each band, which low bits some key has: most other keys are turned away by one look."""
    sieve = np.zeros((new.shape[1], int(_SIEVE) + 1), dtype=np.bool_)
    for band in range(new.shape[1]):
        sieve[band, new[:, band] & _SIEVE] = True
    return sieve


def _pairs(
    take: NDArray[np.int64], first: NDArray[np.int64], order: NDArray[np.int64], width: int
) -> NDArray[np.int64]:
    """For each row its first ``take`` partners, those at ``order[first]`` and after.

    A pair is one number, ``row * width + partner``, so that sorting pairs is sorting numbers.
    """
    rows = np.repeat(np.arange(len(take)), take)
    begin = np.repeat(np.cumsum(take) - take, take)
    place = np.arange(len(rows)) - begin + np.repeat(first, take)
    partners: NDArray[np.int64] = order[place]
    return rows * width + partners


def _distinct(found: list[NDArray[np.int64]], width: int) -> Rows:
    pairs = np.sort(np.concatenate(found))
    return np.column_stack(np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], max(width, 1)))


def _alike(new: Bands, others: Bands, rows: Rows) -> Rows:
    """Those pairs whose signatures agree in enough slots, looked at in slices."""
    left, right = new.view(np.uint16), others.view(np.uint16)
    kept = [rows[:0]]
    for first in range(0, len(rows), _SLICE):
        some = rows[first : first + _SLICE]
        agree = np.count_nonzero(left[some[:, 0]] == right[some[:, 1]], axis=1)
        kept.append(some[agree >= ALIKE * left.shape[1]])
    return np.concatenate(kept)
