"""An answer as the claims it makes: its sentences, what each cites, and what each quotes.

Markers such as ``[e1]`` or ``[2, 3]`` belong to the sentence they stand in, or right after. What
must never live here: what a marker stands for.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from verifier.sentences import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator

_MARKERS: Final = re.compile(r"\[\s{0,3}(e?\d{1,3}(?:\s{0,3}[,;]\s{0,3}e?\d{1,3}){0,20})\s{0,3}\]")
_QUOTED: Final = re.compile(
    '"([^"]{1,2000})"|\u201c([^\u201c\u201d]{1,2000})\u201d|\u00ab([^\u00ab\u00bb]{1,2000})\u00bb'
    "|\u201e([^\u201e\u201c]{1,2000})\u201c"
)
_QUOTE_WORDS: Final = 3  # fewer in quotation marks are a term, not a quotation


@dataclass(frozen=True, slots=True)
class Claim:
    """One sentence of an answer.

    Attributes:
        text: the sentence without its markers.
        start: first code point of the sentence in the answer.
        end: one past its last.
        markers: what it cites, such as ``e1``; each once, in order.
        quotes: what stands in quotation marks and is longer than a term.
    """

    text: str
    start: int
    end: int
    markers: tuple[str, ...]
    quotes: tuple[str, ...]


def split_answer(answer: str) -> tuple[Claim, ...]:
    """The claims of an answer, in order; what holds no letter and no digit claims nothing.

    Linear in the length of the answer.
    """
    marked = list(_MARKERS.finditer(answer))
    # Blanked, so that a marker neither parts a sentence nor hides where one ends.
    bare = _blanked(answer, marked)
    spans = [span for span in sentences(bare) if any(map(str.isalnum, bare[slice(*span)]))]
    starts = [start for start, _ in spans]
    cited: dict[int, list[str]] = {}
    for marker in marked:
        place = max(bisect_right(starts, marker.start()) - 1, 0)
        cited.setdefault(place, []).extend(_names(marker[1]))
    return tuple(
        Claim(
            text=" ".join(bare[start:end].split()),
            start=start,
            end=end,
            markers=tuple(dict.fromkeys(cited.get(place, ()))),
            quotes=tuple(_quotes(bare[start:end])),
        )
        for place, (start, end) in enumerate(spans)
    )


def _blanked(answer: str, marked: list[re.Match[str]]) -> str:
    pieces, position = [], 0
    for marker in marked:
        pieces += [answer[position : marker.start()], " " * len(marker[0])]
        position = marker.end()
    return "".join([*pieces, answer[position:]])


def _names(marker: str) -> Iterator[str]:
    """``[1, e2]`` cites ``e1`` and ``e2``."""
    for name in re.split(r"\s*[,;]\s*", marker):
        yield f"e{int(name.removeprefix('e'))}"


def _quotes(sentence: str) -> Iterator[str]:
    for found in _QUOTED.finditer(sentence):
        quote = next(group for group in found.groups() if group is not None)
        if len(quote.split()) >= _QUOTE_WORDS:
            yield quote
