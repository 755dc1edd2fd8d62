"""The texts that are compared in one go, as far as they are held meanwhile.

Of each text its hash, its signature and one letter for each word, all of it on a shelf. The text
itself is read again when a pair of it is confirmed, which few need.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import numpy as np

from ingestion.near.shelf import Column
from ingestion.near.signature import BANDS, NOTHING, bands, signatures
from ingestion.near.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ingestion.near.shelf import Shelf
    from ingestion.near.signature import Bands

    Places: TypeAlias = NDArray[np.int64]

_HASH_CHARS: Final = 64  # SHA-256


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
        shelf: where everything about them is kept.
    """

    def __init__(self, shelf: Shelf) -> None:
        """No text yet."""
        self.shelf = shelf
        self._shas = Column(shelf, f"S{_HASH_CHARS}")
        self._worded = Column(shelf, np.bool_)
        self._bands = Column(shelf, "<u8", BANDS)
        self._letters = Column(shelf, np.uint8)
        self._ends = Column(shelf, np.int64)

    def __len__(self) -> int:
        """How many texts."""
        return len(self._shas)

    def add(self, shas: Sequence[str], made: Marks) -> None:
        """Take in more texts, of later hashes than all before, and what was made of them.

        Args:
            shas: hexadecimal, 64 digits at most.
            made: what was made of the texts, in the same order.
        """
        self._shas.extend(np.array(shas, dtype=f"S{_HASH_CHARS}"))
        self._worded.extend(np.array([bool(one) for one in made.signatures], dtype=np.bool_))
        self._bands.extend(bands([signature for signature in made.signatures if signature]))
        lengths = np.array([len(letters) for letters in made.letters], dtype=np.int64)
        self._ends.extend(len(self._letters) + np.cumsum(lengths))
        self._letters.extend(np.frombuffer(b"".join(made.letters), dtype=np.uint8))

    def shas(self, places: Places) -> list[str]:
        """Hashes of the texts at some places."""
        return [sha.decode() for sha in self._shas.all[places].tolist()]

    def letters(self, places: Places) -> list[bytes]:
        """Of the texts at some places, for the sieve."""
        ends = self._ends.all
        begins = np.where(places > 0, ends[places - 1], 0)
        held = self._letters.all
        spans = zip(begins.tolist(), ends[places].tolist(), strict=True)
        return [held[begin:end].tobytes() for begin, end in spans]

    def worded(self) -> NDArray[np.int64]:
        """Places of the texts that have words: what has none nearly agrees with nothing."""
        return np.flatnonzero(self._worded.all)

    def bands(self) -> Bands:
        """One row for each text that has words."""
        return self._bands.all

    def signatures(self, places: Places) -> list[bytes]:
        """Those of the texts at some places, as stored."""
        rows = np.searchsorted(self.worded(), places)
        worded = self._worded.all[places]
        signed = iter(self.bands()[rows[worded]])
        return [next(signed).tobytes() if one else NOTHING for one in worded.tolist()]
