"""Folding for comparison: what differs only in typography compares as equal.

The folded text is for matching alone and is never shown; the offset map leads back to the exact
characters. Letters, case, digits and negations are never folded.
"""

import re
import unicodedata
from collections.abc import Iterator

from verifier.edits import Edit, apply_edits
from verifier.offsets import OffsetMap

_QUOTES = dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u00b4\u0060", "'") | dict.fromkeys(
    "\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"'
)
_DASHES = dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212", "-")
_ELLIPSIS = {"\u2026": "..."}
_LIGATURES = {
    character: unicodedata.normalize("NFKC", character)
    for character in map(chr, range(0xFB00, 0xFB07))
}
_INVISIBLE = dict.fromkeys("\xad\u200b\u200c\u200d\u2060\ufeff", "")
_FOLDS = _QUOTES | _DASHES | _ELLIPSIS | _LIGATURES
_TABLE = str.maketrans(_FOLDS | _INVISIBLE)
# What is invisible counts as part of the space it stands in, or a space would be left on each side.
_FOLDED = re.compile(rf"[\s{''.join(_INVISIBLE)}]+|[{re.escape(''.join(_FOLDS))}]")
_SPACE = re.compile(r"\s")


def folded(text: str) -> tuple[str, OffsetMap]:
    """Fold white space, quotation marks, dashes and ligatures.

    Returns:
        The folded text without space at its ends, and its map to `text`.
    """
    return apply_edits(text, _edits(text))


def plain(text: str) -> str:
    """Fold the same characters without keeping track, and compose letters with their accents.

    White space stays: for comparing words, not for leading back to a text.
    """
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", text).translate(_TABLE)


def _edits(text: str) -> Iterator[Edit]:
    for match in _FOLDED.finditer(text):
        replacement = _FOLDS.get(match[0])
        if replacement is None:
            edge = match.start() == 0 or match.end() == len(text)
            replacement = " " if not edge and _SPACE.search(match[0]) else ""
        if replacement != match[0]:
            yield Edit(match.start(), match.end(), replacement)
