"""A text as numbers of word pieces, which the network of the screen reads.

Words are cut by the longest piece first, from a list that comes with the model, so that a word
nobody listed is still read by its parts. The same text has the same pieces on every machine.
What must never live here: a weight.

Source: WordPiece (Wu et al., 2016), the greedy longest match.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

UNKNOWN: Final = 0
"""The piece that stands for a word without any."""

_PART: Final = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")  # a low line is a space, as in names of files
_INSIDE: Final = "##"  # marks a piece that begins inside a word
_LONGEST: Final = 24  # code points of a piece, and of what is tried

Pieces: TypeAlias = NDArray[np.int32]


class PieceReader:
    """Reads pieces; the list of them comes with the model."""

    def __init__(self, pieces: Sequence[str]) -> None:
        """Keep the list.

        Args:
            pieces: Folded; those that begin inside a word are marked by two number signs. The
                first stands for what is not in the list.
        """
        self._numbers = {piece: number for number, piece in enumerate(pieces)}

    def read(self, folded: str) -> Pieces:
        """Cut a text into pieces.

        Args:
            folded: Look-alike letters folded, lower case.

        Returns:
            Their numbers, shape (pieces,). At most as many as the text has code points.
        """
        found: list[int] = []
        for part in _PART.findall(folded):
            number = self._numbers.get(part)
            if number is None:
                found += self._cut(part)
            else:
                found.append(number)
        return np.array(found, dtype=np.int32)

    def _cut(self, word: str) -> list[int]:
        """Cut one word; time is linear in it, as no piece is longer than the longest."""
        found, start = [], 0
        while start < len(word):
            mark = _INSIDE if start else ""
            for end in range(min(len(word), start + _LONGEST), start, -1):
                number = self._numbers.get(mark + word[start:end])
                if number is not None:
                    break
            else:
                return [UNKNOWN]
            found.append(number)
            start = end
        return found
