"""A text read for comparison: its words, its facts, and which of its words may be names.

White space, case, typography and markup make no difference to the words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Final

from verifier.facts import Tokens
from verifier.lexicon import negates
from verifier.normalise import plain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from verifier.facts import Fact

MAX_CHARS: Final = 8_000
"""How much of a text is read; chunks are far shorter."""

# Words first, being most of it. A sign counts where it stands before a number and after no word.
# Without groups, so that all tokens are found in one call.
_TOKEN = re.compile(
    r"[^\W\d_\u3040-\u30ff\u3400-\u9fff]+(?:'[^\W\d_]+)*"
    r"|\d{1,4}-\d{1,2}-\d{1,4}(?!\d)"
    r"|\d+(?:[.,:/']\d+)*"
    r"|[\u3040-\u30ff\u3400-\u9fff%$\u20ac\xa3\xa5\xb0\u2030\xb1\u2264\u2265]"
    r"|(?<![\w).])[-+](?=[\d$\u20ac\xa3\xa5])"
    r"|[<>]=?(?=\s?\d)"
)
_SENTENCE_END: Final = re.compile(r"[.!?:;\n\u3002]")  # between two tokens
_negates = lru_cache(maxsize=1 << 14)(negates)  # words come again and again
_SHOUTED: Final = 0.5  # share of capitalised words from which capitals say nothing


@dataclass(frozen=True)
class Reading:
    """A text and its tokens.

    Attributes:
        text: as it was given, up to ``MAX_CHARS``.
        surface: tokens as they stand, but for typography.
        lower: the same in lower case: what is compared.
    """

    text: str
    surface: tuple[str, ...]
    lower: tuple[str, ...]

    @cached_property
    def facts(self) -> list[Fact]:
        """What is said in numbers and dates."""
        return self._tokens.facts()

    def facts_around(self, stretches: Iterable[tuple[int, int]]) -> list[Fact]:
        """Those of the facts that stand in some stretches of tokens, or right beside one."""
        return self._tokens.facts_around(stretches)

    @cached_property
    def negations(self) -> tuple[int, ...]:
        """Tokens that turn what is said around, in order."""
        return tuple(at for at, turns in enumerate(map(_negates, self.lower)) if turns)

    @cached_property
    def names(self) -> frozenset[int]:
        """Tokens that may be names: capitalised where nothing else asks for a capital.

        None in a text most of whose words are capitalised. The first word of a sentence is one if
        the next is capitalised too, if it stands capitalised elsewhere in the text, or if it is an
        abbreviation in capitals. Months and units are not, where they are part of a date or a
        quantity.
        """
        words = [at for at, token in enumerate(self.surface) if token[0].isalpha()]
        capitals = {at for at in words if self.surface[at][0].isupper()}
        if len(capitals) > _SHOUTED * len(words):
            return frozenset()
        abbreviated = {at for at in capitals if self.surface[at].isupper() and self.surface[at][1:]}
        inner = capitals - self._openers() | abbreviated
        known = {self.lower[at] for at in inner}
        stated = {at for fact in self.facts for at in range(fact.start, fact.end)}
        return frozenset(
            at
            for at in capitals - stated
            if at in inner or at + 1 in inner or self.lower[at] in known
        )

    @cached_property
    def _tokens(self) -> Tokens:
        return Tokens.of(self.surface, self.lower)

    def _openers(self) -> set[int]:
        """Tokens that open a sentence, a line or the text."""
        shown = plain(self.text)
        openers = set()
        before = 0
        for at, match in enumerate(_TOKEN.finditer(shown)):
            start = match.start()
            if not before or _SENTENCE_END.search(shown, before, start):
                openers.add(at)
            before = match.end()
        return openers


def read(text: str) -> Reading:
    """Read a text."""
    text = text[:MAX_CHARS]
    surface = tuple(_TOKEN.findall(plain(text)))
    return Reading(text, surface, tuple(map(str.casefold, surface)))
