"""Words of many texts at once, as numbers: what signatures are made of and candidates sifted by.

A word is a run of letters and digits, lower-cased; ``1,000`` and ``10:30`` are one, a Chinese or
Japanese character is one. White space, case, markup and punctuation leave no trace. This is coarser
than :mod:`verifier.facts`, which decides; it runs over arrays of bytes, twenty times as fast.

The numbers are computed here, in integer arithmetic modulo 2**64, so they are the same in every
process and on every platform. They resist accidents, not adversaries: whoever makes words collide
gains a comparison that is then refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from verifier.normalise import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Codes = NDArray[np.uint64]

_BLOCK_BYTES: Final = 1 << 18
_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that it has an inverse modulo 2**64
_FOREIGN_MARKS: Final = re.compile(r"[^\x00-\x7f\w\u20ac\xa3\xa5\xb0\xb1\u2264\u2265]+")
_CJK_LEADS: Final = (0xE3, 0xE9)  # first bytes of U+3000 to U+9FFF in UTF-8

# What a byte is, as bits. Of characters beyond ASCII every byte is part of a word.
_WORD, _DIGIT, _JOINER, _ALONE = 1, 2, 4, 8


def _kind(byte: int) -> int:
    character = chr(byte)
    if not character.isascii():
        return _WORD | _ALONE if _CJK_LEADS[0] <= byte <= _CJK_LEADS[1] else _WORD
    if character.isdigit():
        return _WORD | _DIGIT
    if character.isalpha() or character in "$%":
        return _WORD
    return _JOINER if character in ".,:/'" else 0


_KINDS: Final = bytes(map(_kind, range(256)))


@dataclass(frozen=True, slots=True)
class Words:
    """Word codes of texts, one after the other; ``starts`` says where each text's begin."""

    codes: Codes
    starts: NDArray[np.int64]

    def of(self, text: int) -> Codes:
        """The words of one text, in order."""
        return self.codes[self.starts[text] : self.starts[text + 1]]

    def letters(self) -> list[bytes]:
        """Each text as a string with one byte for each word.

        Different words may share a letter, so two texts are at least as similar by their letters
        as by their words: an upper bound, for a tenth of the time.
        """
        every = self.codes.astype(np.uint8).tobytes()
        return [every[first:last] for first, last in pairwise(self.starts.tolist())]


def words(texts: Sequence[str]) -> Words:
    """The words of each text.

    Args:
        texts: in any script. They are read in blocks, so that memory beyond the result is bounded.
    """
    codes: list[Codes] = [np.empty(0, dtype=np.uint64)]
    counts: list[NDArray[np.int64]] = [np.zeros(1, dtype=np.int64)]
    for block in _blocks(texts):
        found, per_text = _read(block)
        codes.append(found)
        counts.append(per_text)
    return Words(np.concatenate(codes), np.cumsum(np.concatenate(counts)))


def mix(values: Codes) -> Codes:
    """Spread every bit over all others (the finaliser of SplitMix64, by Steele et al., 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def _blocks(texts: Sequence[str]) -> Iterator[list[bytes]]:
    block: list[bytes] = []
    size = 0
    for text in texts:
        folded = text if text.isascii() else _FOREIGN_MARKS.sub(" ", plain(text))
        raw = folded.casefold().encode("utf-8", "surrogatepass")
        if block and size + len(raw) > _BLOCK_BYTES:
            yield block
            block, size = [], 0
        block.append(raw)
        size += len(raw) + 1
    if block:
        yield block


def _read(block: list[bytes]) -> tuple[Codes, NDArray[np.int64]]:
    """The words of a block, and how many each text has."""
    # A blank before and after each text, so that every byte has neighbours and no word two texts.
    text = b" %b " % b" ".join(block)
    raw = np.frombuffer(text, dtype=np.uint8)
    kinds = np.frombuffer(text.translate(_KINDS), dtype=np.uint8)
    inside = (kinds & _WORD).view(np.bool_)
    joiners = np.flatnonzero(kinds == _JOINER)
    inside[joiners] = kinds[joiners - 1] & kinds[joiners + 1] & _DIGIT
    alone = kinds >= _ALONE
    starts = np.flatnonzero(inside[1:] & (~inside[:-1] | alone[1:])) + 1
    ends = np.flatnonzero(inside[:-1] & (~inside[1:] | alone[1:])) + 1
    edges = np.cumsum([1, *(len(one) + 1 for one in block)])
    counts = np.diff(np.searchsorted(starts, edges)).astype(np.int64)
    powers, inverses = _powers(1 << (len(raw) - 1).bit_length())
    # Of every byte the sum of all before it, made in place: memory is what takes the time here.
    sums = np.empty(len(raw) + 1, dtype=np.uint64)
    sums[0] = 0
    terms = sums[1:]
    np.add(raw, np.uint64(1), out=terms)
    terms *= powers[: len(raw)]
    np.cumsum(terms, out=terms)
    return mix((sums[ends] - sums[starts]) * inverses[starts]), counts


@lru_cache(maxsize=1)
def _powers(length: int) -> tuple[Codes, Codes]:
    """Powers of the base and of its inverse, modulo 2**64."""
    inverse = pow(_BASE, -1, 1 << 64)
    made = [np.full(length, value, dtype=np.uint64) for value in (_BASE, inverse)]
    for row in made:
        row[0] = 1
        np.cumprod(row, out=row)
    return made[0], made[1]
