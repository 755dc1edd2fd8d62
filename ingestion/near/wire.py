"""How texts travel to the process beside a settling, and what is made of them back.

Plain JSON and bytes, never pickles: what a process that reads documents sends can run nothing in
the one that asked. What never lives here: processes and pipes.
"""

from __future__ import annotations

import json
from enum import StrEnum
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from ingestion.near.batch import Marks
from ingestion.near.confirm import NearPair
from ingestion.near.signature import BYTES, NOTHING
from verifier.changes import Difference, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ingestion.near.confirm import Pair


class Task(StrEnum):
    """What is asked for."""

    MARK = "mark"
    COMPARE = "compare"


def pack_texts(texts: Sequence[str]) -> bytes:
    """Texts to be signed."""
    return json.dumps(texts).encode()


def unpack_texts(packed: bytes) -> list[str]:
    """What :func:`pack_texts` packed."""
    return [str(text) for text in json.loads(packed)]


def pack_marks(made: Marks) -> list[bytes]:
    """Signatures and letters, as three messages: how many letters, all letters, all signatures."""
    counts = [len(letters) for letters in made.letters]
    return [json.dumps(counts).encode(), b"".join(made.letters), b"".join(made.signatures)]


def unpack_marks(counts: bytes, letters: bytes, signatures: bytes) -> Marks:
    """What :func:`pack_marks` packed. A text without letters has no signature."""
    lengths = [int(count) for count in json.loads(counts)]
    sizes = [BYTES if length else len(NOTHING) for length in lengths]
    return Marks(_cut(signatures, sizes), _cut(letters, lengths))


def _cut(joined: bytes, lengths: Sequence[int]) -> list[bytes]:
    edges = accumulate(lengths, initial=0)
    return [joined[first:last] for first, last in pairwise(edges)]


def pack_candidates(texts: Mapping[str, str], pairs: Sequence[Pair]) -> bytes:
    """Pairs to be compared, and their texts by hash."""
    return json.dumps([dict(texts), pairs]).encode()


def unpack_candidates(packed: bytes) -> tuple[dict[str, str], list[Pair]]:
    """What :func:`pack_candidates` packed."""
    texts, pairs = json.loads(packed)
    return texts, [(one, other) for one, other in pairs]


def pack_pairs(pairs: Sequence[NearPair]) -> bytes:
    """Pairs that nearly agree."""
    return json.dumps(
        [
            (
                *(pair.first, pair.second, pair.similarity),
                [(found.kind, found.one, found.other) for found in pair.differences],
            )
            for pair in pairs
        ]
    ).encode()


def unpack_pairs(packed: bytes) -> list[NearPair]:
    """What :func:`pack_pairs` packed."""
    return [
        NearPair(
            str(first),
            str(second),
            float(similarity),
            tuple(Difference(Kind(kind), one, other) for kind, one, other in differences),
        )
        for first, second, similarity, differences in json.loads(packed)
    ]
