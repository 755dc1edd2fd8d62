"""Texts with planted duplicates: what was planted is known, so that what is found can be judged.

A family is a text and its variants. Beside families stand texts that have nothing to do with one
another but a paragraph that lawyers put below everything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from tests.benchmarks.texts import Prose

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

BOILERPLATE: Final = (
    "This page is for internal use and must not be passed on to third parties without the written "
    "consent of the legal department. Printed copies are not kept up to date."
)
_SHORTEST: Final = 30  # words: one edit in twenty-five is then at least one
_NUMBER: Final = re.compile(r"\b\d+\b")
_SPARE: Final = (
    *("likewise", "accordingly", "usually", "formally", "directly", "carefully", "promptly"),
    *("separately", "together", "jointly", "regular", "ordinary", "customary", "designated"),
)


class Variant(StrEnum):
    """How a text was varied."""

    BLANKS = "white space"
    CASE = "case"
    MARKUP = "markup"
    EDITED_4 = "4 % of words edited"
    EDITED_12 = "12 % of words edited"
    NUMBER = "a number changed"


SAME: Final = (Variant.BLANKS, Variant.CASE, Variant.MARKUP)


@dataclass(frozen=True, slots=True)
class Family:
    """A text and its variants."""

    base: str
    variants: dict[Variant, str]

    @property
    def texts(self) -> tuple[str, ...]:
        """All of them."""
        return (self.base, *self.variants.values())


def families(count: int, *, seed: int) -> list[Family]:
    """The same families for the same seed; no base is another's."""
    made: dict[str, Family] = {}
    while len(made) < count:
        prose = Prose.seeded("family", seed, len(made))
        base = _paragraph(prose)
        made[base] = Family(base, dict(_varied(base, prose.dice)))
    return list(made.values())


def strangers(count: int, *, seed: int, boilerplate: bool = False) -> list[str]:
    """Texts that are nobody's duplicate, although they may all end in the same paragraph."""
    made: dict[str, None] = {}
    while len(made) < count:
        text = _paragraph(Prose.seeded("stranger", seed, boilerplate, len(made)))
        made[f"{text} {BOILERPLATE}" if boilerplate else text] = None
    return list(made)


def _paragraph(prose: Prose) -> str:
    while True:
        text = prose.paragraph()
        if len(text.split()) >= _SHORTEST and _NUMBER.search(text):
            return text


def _varied(text: str, dice: random.Random) -> Iterator[tuple[Variant, str]]:
    yield Variant.BLANKS, _blanks(text, dice)
    yield Variant.CASE, text.upper() if dice.random() < 0.5 else text.swapcase()
    yield Variant.MARKUP, _marked(text, dice)
    yield Variant.EDITED_4, _edited(text, 0.04, dice)
    yield Variant.EDITED_12, _edited(text, 0.12, dice)
    yield Variant.NUMBER, _renumbered(text, dice)


def _blanks(text: str, dice: random.Random) -> str:
    words = text.split()
    return "  ".join(words[:3]) + "".join(
        dice.choice((" ", "  ", "\n", "\u00a0", "\t")) + word for word in words[3:]
    )


def _marked(text: str, dice: random.Random) -> str:
    """Emphasis on some words, and a list item for each sentence."""
    words = [f"**{word}**" if dice.random() < 0.15 else word for word in text.split()]
    return "- " + "\n- ".join(re.split(r"(?<=[.?!]) ", " ".join(words)))


def _edited(text: str, share: float, dice: random.Random) -> str:
    """Replace, drop and insert words, in equal parts, and none that states a number or a name."""
    words = text.split()
    plain = [place for place, word in enumerate(words) if word.isalpha() and word.islower()]
    places = dice.sample(plain, min(round(share * len(words)), len(plain)))
    for place in sorted(places, reverse=True):
        match dice.randrange(3):
            case 0:
                words[place] = dice.choice(_SPARE)
            case 1:
                del words[place]
            case _:
                words.insert(place, dice.choice(_SPARE))
    return " ".join(words)


def _renumbered(text: str, dice: random.Random) -> str:
    """Change one number of the text, and nothing else."""
    number = dice.choice(list(_NUMBER.finditer(text)))
    other = int(number[0]) + dice.choice((1, 5, 10, 100))
    return f"{text[: number.start()]}{other}{text[number.end() :]}"
