"""The texts that are compared in one go, as far as they are held meanwhile.

Of each text its hash and one letter for each word in memory, and its signature on a shelf. The text
itself is read again when a pair of it is confirmed, which few need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingestion.near.signature import BANDS, NOTHING, bands, signatures
from ingestion.near.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingestion.near.shelf import Shelf
    from ingestion.near.signature import Bands


@dataclass(frozen=True, slots=True)
class Marks:
    """What is made of some texts, in their order: signatures, and letters for the sieve."""

    signatures: list[bytes]
    letters: list[bytes]


def marks(texts: Sequence[str]) -> Marks:
    """Sign some texts."""
    found = words(texts)
    return Marks(signatures(found), found.letters())


class Batch:
    """Texts by their place, in the order of their hashes.

    Attributes:
        shelf: where what is large about them is kept.
        shas: their hashes.
        letters: for the sieve.
    """

    def __init__(self, shelf: Shelf) -> None:
        """No text yet."""
        self.shelf = shelf
        self.shas: list[str] = []
        self.letters: list[bytes] = []
        self._worded: list[bool] = []
        self._parts: list[Bands] = []

    def __len__(self) -> int:
        """How many texts."""
        return len(self.shas)

    def add(self, shas: Sequence[str], made: Marks) -> None:
        """Take in more texts, of later hashes than all before, and what was made of them."""
        self.shas.extend(shas)
        self.letters.extend(made.letters)
        self._worded.extend(map(bool, made.signatures))
        rows = bands([signature for signature in made.signatures if signature])
        part = self.shelf.empty(rows.shape, rows.dtype)
        part[:] = rows
        self._parts.append(part)

    def worded(self) -> NDArray[np.int64]:
        """Places of the texts that have words: what has none nearly agrees with nothing."""
        return np.flatnonzero(self._worded)

    def bands(self) -> Bands:
        """One row for each text that has words."""
        if len(self._parts) != 1:
            whole = self.shelf.empty((sum(map(len, self._parts)), BANDS), np.dtype("<u8"))
            if self._parts:
                np.concatenate(self._parts, out=whole)
            self._parts = [whole]
        return self._parts[0]

    def signatures(self, places: NDArray[np.int64]) -> list[bytes]:
        """Those of the texts at some places, as stored."""
        rows = np.searchsorted(self.worded(), places)
        worded = [self._worded[place] for place in places.tolist()]
        signed = iter(self.bands()[rows[worded]])
        return [next(signed).tobytes() if one else NOTHING for one in worded]
