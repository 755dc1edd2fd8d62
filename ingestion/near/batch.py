"""The texts that are compared in one go, as far as they are held meanwhile.

Of each text its hash, its signature and its letters: about a kilobyte, whatever its length. The
text itself is read again when a pair of it is confirmed, which few need.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from ingestion.near.signature import bands, signatures
from ingestion.near.words import words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

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


@dataclass(frozen=True, slots=True)
class Batch:
    """Texts by their place, in the order of their hashes.

    Attributes:
        shas: their hashes.
        signatures: as stored.
        letters: for the sieve.
    """

    shas: list[str] = field(default_factory=list)
    signatures: list[bytes] = field(default_factory=list)
    letters: list[bytes] = field(default_factory=list)

    def __len__(self) -> int:
        """How many texts."""
        return len(self.shas)

    def add(self, shas: Sequence[str], made: Marks) -> None:
        """Take in more texts, of later hashes than all before, and what was made of them."""
        self.shas.extend(shas)
        self.signatures.extend(made.signatures)
        self.letters.extend(made.letters)

    def worded(self) -> NDArray[np.int64]:
        """Places of the texts that have words: what has none nearly agrees with nothing."""
        return np.flatnonzero([bool(signature) for signature in self.signatures])

    def bands(self) -> Bands:
        """One row for each text that has words."""
        return bands([signature for signature in self.signatures if signature])
