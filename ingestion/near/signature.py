"""MinHash signatures: how far two texts agree, from 256 bytes each.

What is hashed is the set of neighbouring word pairs of a text (a single word stands for itself):
one changed word touches two of them, wherever it stands, and texts on different subjects share few.
The sketch is R-MinHash by ``rensa``, with 128 slots of which the low 16 bits are kept; four slots
are one band of 64 bits (:mod:`ingestion.near.candidates`).

Signatures are stored, so they must be the same everywhere and for ever: words become numbers in our
own arithmetic, byte order is fixed, and a test holds one down. Another algorithm needs a migration
that empties both tables; everything is then compared anew.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from rensa import RMinHash

from ingestion.near.words import mix

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.near.words import Words

Bands = NDArray[np.uint64]
"""One row for each text, one column for each band."""

SLOTS: Final = 128
ROWS: Final = 4
BANDS: Final = SLOTS // ROWS
BYTES: Final = SLOTS * 2
NOTHING: Final = b""
"""The signature of a text without words, which nearly agrees with nothing."""

_SEED: Final = 1
_SLICE: Final = 1_024
_ROW: Final = Struct(f"<{SLOTS}I")
_ORDER: Final = np.uint64(0xC2B2AE3D27D4EB4F)  # makes "a b" another pair than "b a"


def signatures(words: Words) -> list[bytes]:
    """The signature of each text.

    Args:
        words: as :func:`ingestion.near.words.words` gives them.

    Returns:
        ``BYTES`` bytes for each text; ``NOTHING`` for one without words.
    """
    counts = np.diff(words.starts)
    if not len(counts):
        return []
    pairs, starts = _neighbours(words)
    low = np.empty((len(counts), SLOTS), dtype="<u2")
    for first in range(0, len(counts), _SLICE):
        ends = starts[first : first + _SLICE + 1]
        matrix = RMinHash.digest_matrix_from_flat_token_hashes(
            pairs[ends[0] : ends[-1]], (ends - ends[0]).astype(np.uint64), SLOTS, _SEED
        )
        # They come as one Python number a slot, which is twenty times what is kept of them.
        packed = b"".join([_ROW.pack(*row) for row in matrix.to_rows()])
        low[first : first + _SLICE] = np.frombuffer(packed, dtype="<u4").reshape(-1, SLOTS)
    return [
        row.tobytes() if count else NOTHING for row, count in zip(low, counts.tolist(), strict=True)
    ]


def bands(stored: Sequence[bytes]) -> Bands:
    """Signatures as rows of band keys.

    Args:
        stored: signatures, none of them ``NOTHING``.
    """
    return np.frombuffer(b"".join(stored), dtype="<u8").reshape(-1, BANDS)


def _neighbours(words: Words) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Hashes of neighbouring word pairs, text by text, and where each text's begin."""
    codes = words.codes
    counts = np.diff(words.starts)
    last = np.zeros(len(codes), dtype=np.bool_)
    last[words.starts[1:][counts > 0] - 1] = True
    pairs = codes.copy()
    pairs[:-1] = np.where(last[:-1], codes[:-1], mix(codes[:-1] * _ORDER + codes[1:]))
    kept = ~last | np.repeat(counts == 1, counts)
    starts = np.zeros(len(words.starts), dtype=np.int64)
    np.cumsum(np.where(counts > 1, counts - 1, counts), out=starts[1:])
    return pairs[kept], starts
