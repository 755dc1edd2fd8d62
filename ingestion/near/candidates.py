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

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.near.shelf import Shelf
    from ingestion.near.signature import Bands

Rows = NDArray[np.int64]
"""Pairs of row numbers: two columns, sorted, no pair twice."""

ALIKE: Final = 0.3
"""Share of slots from which two texts are worth comparing.

Texts of which 78 % of the words agree, the least that counts, share .44 of their word pairs when
the changes are spread evenly, and more otherwise; the estimate has a standard error of .04.
"""

_ROWS: Final = 2_048  # texts whose pairs are held at once
_SLICE: Final = 1 << 12  # pairs whose signatures fit the processor's own memory
_SIEVE: Final = np.uint64((1 << 18) - 1)
_LANES: Final = np.uint64(0x0101010101010101)
_TOP_LANE: Final = np.uint64(56)

_Places = NDArray[np.int32]


class Candidates:
    """Candidate partners of some texts, band by band, each band within bounded memory.

    What is held takes less than a kilobyte for each text, on the shelf. Pairs are made for some
    thousand texts at a time and given away at once.

    Attributes:
        crowded: for each text, whether a band held more partners than it was compared with.
    """

    def __init__(self, new: Bands, *, most: int, shelf: Shelf) -> None:
        """Begin.

        Args:
            new: one row for each text that looks for partners.
            most: how many partners it may find in one band, over all calls.
            shelf: where the bands in order are kept.
        """
        self._new = new
        self._most = most
        self._shelf = shelf
        self._keys: NDArray[np.uint64] = shelf.empty(new.shape[::-1], np.uint64)
        self._order: _Places = shelf.empty(self._keys.shape, np.int32)
        for band, keys in enumerate(new.T):
            self._keys[band], self._order[band] = _sorted(keys)
        self._taken: _Places = shelf.empty(self._keys.shape, np.int32)
        self._taken[:] = 0
        self.crowded = np.zeros(len(new), dtype=np.bool_)

    def against(self, others: Bands) -> Rows:
        """Pairs of (row in new, row in ``others``) that share a band."""
        found = [np.empty(0, dtype=np.int64)]
        for band, known in enumerate(self._keys):
            met = self._met(band, others[:, band])
            order = met[np.argsort(others[met, band], kind="stable")]
            there = others[order, band]
            first = np.flatnonzero(_opens(there))
            count = np.diff(first, append=len(there))
            begin = np.searchsorted(known, there[first], side="left")
            width = np.searchsorted(known, there[first], side="right") - begin
            # Every text with one of these keys, and which of them that is.
            key = np.repeat(np.arange(len(first)), width)
            rows = self._order[band, _runs(begin, width)]
            take = self._admitted(band, rows, count[key])
            found.append(_pairs(rows, take, first[key], order, len(others)))
        return _alike(self._new, others, _distinct(found, len(others)))

    def among(self) -> Iterator[tuple[int, Rows]]:
        """Pairs of (row, earlier row) within new that share a band, in parts.

        Call it last; who is crowded is known when it returns.

        Yields:
            Up to which row a part goes, and the pairs of its rows. There is always one part.
        """
        first: _Places = self._shelf.empty(self._order.shape, np.int32)
        take: _Places = self._shelf.empty(self._order.shape, np.int32)
        every = np.arange(len(self._new), dtype=np.int32)
        for band, order in enumerate(self._order):
            begin = np.maximum.accumulate(np.where(_opens(self._keys[band]), every, 0))
            first[band, order] = begin
            take[band, order] = self._admitted(band, order, every - begin)
        return self._among(first, take)

    def _among(self, first: _Places, take: _Places) -> Iterator[tuple[int, Rows]]:
        size = len(self._new)
        for begin in range(0, max(size, 1), _ROWS):
            rows = np.arange(begin, min(begin + _ROWS, size))
            part = slice(begin, begin + _ROWS)
            found = [
                _pairs(rows, take[band, part], first[band, part], order, size)
                for band, order in enumerate(self._order)
            ]
            yield begin + len(rows), _alike(self._new, self._new, _distinct(found, size))

    @cached_property
    def _sieve(self) -> NDArray[np.bool_]:
        """For each band, which low bits some key has: most others are turned away by one look."""
        sieve = np.zeros((len(self._keys), int(_SIEVE) + 1), dtype=np.bool_)
        for band, known in enumerate(self._keys):
            sieve[band, known & _SIEVE] = True
        return sieve

    def _met(self, band: int, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Rows whose key in a band some new text has: mostly few, and only they are sorted."""
        known = self._keys[band]
        maybe = np.flatnonzero(self._sieve[band, keys & _SIEVE])
        if not len(maybe):
            return maybe
        asked = keys[maybe]
        place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
        met: NDArray[np.int64] = maybe[known[place] == asked]
        return met

    def _admitted(
        self, band: int, rows: _Places, offered: NDArray[np.integer]
    ) -> NDArray[np.int64]:
        """How many of the partners offered each text still takes in this band."""
        room = self._most - self._taken[band, rows]
        take: NDArray[np.int64] = np.minimum(offered, room)
        self.crowded[rows] |= offered > room
        self._taken[band, rows] += take.astype(np.int32)
        return take


def _sorted(keys: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Keys in order and their rows, those of one key in order too.

    Sorted twice, since a stable sort takes three times as long as two that are not.
    """
    order = np.argsort(keys)
    known = keys[order]
    group = np.cumsum(_opens(known)) * len(keys)
    return known, np.sort(group + order) - group


def _opens(keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Where among sorted keys another one begins."""
    opens = np.ones(len(keys), dtype=np.bool_)
    opens[1:] = keys[1:] != keys[:-1]
    return opens


def _runs(first: NDArray[np.integer], width: NDArray[np.integer]) -> NDArray[np.int64]:
    """The numbers of each run: ``width`` of them, from ``first`` on."""
    ends = np.cumsum(width, dtype=np.int64)
    runs: NDArray[np.int64] = np.arange(ends[-1] if len(ends) else 0)
    runs += np.repeat(first - (ends - width), width)
    return runs


def _pairs(
    rows: NDArray[np.integer],
    take: NDArray[np.integer],
    first: NDArray[np.integer],
    order: NDArray[np.integer],
    width: int,
) -> NDArray[np.int64]:
    """For each row its first ``take`` partners, those at ``order[first]`` and after.

    A pair is one number, ``row * width + partner``, so that sorting pairs is sorting numbers.
    """
    pairs: NDArray[np.int64] = np.repeat(rows.astype(np.int64) * width, take)
    pairs += order[_runs(first, take)]
    return pairs


def _distinct(found: list[NDArray[np.int64]], width: int) -> Rows:
    pairs = np.sort(np.concatenate(found))
    return np.column_stack(np.divmod(pairs[np.diff(pairs, prepend=-1) > 0], max(width, 1)))


def _alike(new: Bands, others: Bands, rows: Rows) -> Rows:
    """Those pairs whose signatures agree in enough slots, looked at in slices."""
    left, right = new.view(np.uint16), others.view(np.uint16)
    kept = [rows[:0]]
    one = np.empty((_SLICE, left.shape[1]), dtype=np.uint16)
    other = np.empty_like(one)
    for first in range(0, len(rows), _SLICE):
        some = rows[first : first + _SLICE]
        size = len(some)
        np.take(left, some[:, 0], axis=0, out=one[:size], mode="clip")
        np.take(right, some[:, 1], axis=0, out=other[:size], mode="clip")
        same = one[:size] == other[:size]
        # Eight slots at a time: each byte of a number counts its own, and the product adds them up.
        agree = same.view(np.uint64).sum(axis=1) * _LANES >> _TOP_LANE
        kept.append(some[agree >= ALIKE * left.shape[1]])
    return np.concatenate(kept)
