"""What the trained screen looks at: windows of sentences, and the hashed features of each.

A feature is a run of one to three words, or of one to four classes of words, so that an order in
words the model has never met still looks like one. Features are hashed, because a list of them
would be larger than the model. Everything is integers: a text has the same features everywhere.
What must never live here: a weight, or a decision.

Source: feature hashing after Weinberger et al. (2009); classes of words as features after Miller
et al. (2004), here from clusters of word embeddings.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from verifier.sentences import sentences
from verifier.skeleton import skeleton

BITS: Final = 18
"""Two to this power is the number of features that are told apart."""

_PER_WINDOW: Final = 2
_WORD: Final = re.compile(r"[^\W\d_]+(?:'[a-z]+)?|\d+|[^\w\s]|_+")
_PRIME: Final = np.uint32(2654435761)  # Knuth's multiplicative hashing
_START: Final = np.uint32(2166136261)
_CLASSES: Final = np.uint32(77)  # keeps a run of classes apart from the same run of words
_GRAMMAR: Final = frozenset(
    {
        "the", "a", "an", "of", "to", "in", "and", "or", "is", "are", "was", "be", "been", "it",
        "its", "this", "that", "these", "those", "you", "your", "i", "my", "we", "our", "he",
        "she", "they", "for", "on", "with", "by", "at", "as", "not", "no", "do", "don't", "does",
        "if", "then", "now", "all", "any", "every", "from", "into", "out", "before", "after",
        "above", "below", "previous", "instead", "only", "must", "should", "will", "can",
        "please", "me", "him", "them", "us", "what", "who", "how", "why", "when", "where",
    }
)  # fmt: skip
"""Words that stand for themselves in a run of classes: who is spoken to, and since when."""

Hashes: TypeAlias = NDArray[np.uint32]
Features: TypeAlias = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Window:
    """Some sentences in a row.

    Attributes:
        start: First code point.
        end: One past the last.
        sentences: Which sentences of the text they are.
        features: Which features occur, ascending, each once.
    """

    start: int
    end: int
    sentences: range
    features: Features


class FeatureReader:
    """Reads the features of windows; the classes of words come with the model."""

    def __init__(self, classes: Mapping[str, int]) -> None:
        """Keep the classes.

        Args:
            classes: From a folded word to the number of its class.
        """
        self._classes = classes

    def windows(self, text: str) -> list[Window]:
        """Cut a text into windows of one sentence, then into those of two in a row.

        Of two, because an order is often told from a remark by what comes before it. Of one,
        because the features of a short order are few among those of a long sentence beside it.

        Args:
            text: Sanitised text.

        Returns:
            A window a sentence, in order; then a window for each but the last.
        """
        return self._joined(self._sentences(text))

    def _sentences(self, text: str) -> list[tuple[int, int, Hashes]]:
        folded = skeleton(text)
        return [(start, end, self._words(folded[start:end])) for start, end in sentences(folded)]

    def _words(self, sentence: str) -> Hashes:
        """Hash words and their classes, shape (2, words)."""
        pairs = [self._word(word) for word in _WORD.findall(sentence)]
        return np.array(pairs, dtype=np.uint32).reshape(-1, 2).T

    def _word(self, word: str) -> tuple[int, int]:
        itself = zlib.crc32(("0" if word.isdigit() else word).encode("utf-8", "surrogatepass"))
        number = None if word in _GRAMMAR else self._classes.get(word)
        return itself, itself if number is None else zlib.crc32(b"#%d" % number)

    @staticmethod
    def _joined(parts: Sequence[tuple[int, int, Hashes]]) -> list[Window]:
        """Join sentences; every run is hashed once, and windows take theirs by position.

        A window is read to its end, or padding would hide what follows. That bounds it all the
        same: sentences are no longer than `verifier.sentences.LONGEST`, and none is in more than
        three windows, so time is linear in the text.
        """
        if not parts:
            return []
        borders = [0, *accumulate(part[2].shape[1] for part in parts)]
        runs = _runs(np.concatenate([part[2] for part in parts], axis=1))
        windows = []
        for count in range(1, _PER_WINDOW + 1):
            for first in range(len(parts) - count + 1):
                last = first + count
                start, end = borders[first], borders[last]
                inside = [run[start : max(start, end - more)] for run, more in runs]
                features = _distinct(np.concatenate(inside)).astype(np.int32)
                span = parts[first][0], parts[last - 1][1]
                windows.append(Window(*span, range(first, last), features))
        return windows


def _distinct(hashes: Hashes) -> Hashes:
    """Each once, in order. `numpy.unique` builds a table, which is slow for so few."""
    held = np.sort(hashes)
    return held[np.concatenate(([True], held[1:] != held[:-1]))] if len(held) else held


def _runs(hashed: Hashes) -> list[tuple[Hashes, int]]:
    """Hash every run of words and of classes.

    Returns:
        The runs of each sort, by the word that they begin with, and how many words more they take.
    """
    words, classes = hashed
    mark = np.full(len(classes), _CLASSES)
    runs = [
        (_mixed(words), 0),
        (_mixed(words[:-1], words[1:]), 1),
        (_mixed(words[:-2], words[1:-1], words[2:]), 2),
        (_mixed(mark, classes), 0),
        (_mixed(mark[1:], classes[:-1], classes[1:]), 1),
        (_mixed(mark[2:], classes[:-2], classes[1:-1], classes[2:]), 2),
        (_mixed(mark[3:], classes[:-3], classes[3:]), 3),
    ]
    return [(run >> np.uint32(32 - BITS), more) for run, more in runs]


def _mixed(*hashes: Hashes) -> Hashes:
    """Hash what stands in one place of every argument; unsigned overflow is meant."""
    mixed = np.full(len(hashes[0]), _START)
    for part in hashes:
        mixed = (mixed ^ part) * _PRIME
        mixed ^= mixed >> np.uint32(15)
    return mixed
