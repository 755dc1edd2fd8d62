"""Texts with planted duplicates: what was planted is known, so that what is found can be judged.

A family is a text and its variants. Beside families stand texts that have nothing to do with one
another but a paragraph that lawyers put below everything.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

BOILERPLATE: Final = (
    "This page is for internal use and must not be passed on to third parties without the written "
    "consent of the legal department. Printed copies are not kept up to date."
)
_SHORTEST: Final = 30  # words: one edit in twenty-five is then at least one
_LONGEST: Final = 90
_NUMBER: Final = re.compile(r"\b\d+\b")
_PLACE: Final = re.compile(r"\{(\w+)\}")
_CLAUSES: Final = (
    ("", "", "", "as a rule,", "from {month} on,", "in {place},", "before the {noun} is closed,"),
    (
        "the {role} {verb} the {adjective} {noun}",
        "every {adjective} {noun} is {verb}ed by the {role}",
        "{count} {adjective} {noun}s go to the {role}",
        "nobody but the {role} may {verb} a {noun}",
        "whoever {verb}s the {noun} informs the {role}",
        "a copy of the {noun} and of each {noun} stays with the {role}",
        "the {noun} names its {role}, its {noun} and a {adjective} {noun}",
        "our {role} can {verb} up to {count} {noun}s at once",
        "without a {noun} no {role} {verb}s anything {adjective}",
        "{place} and {place} share one {adjective} {noun}",
    ),
    (
        "",
        "within {count} {unit}",
        "once the {noun} has been {verb}ed",
        "unless the {adjective} {noun} says otherwise",
        "together with {count} other {noun}s",
        "for at least {count} {unit}",
        "because a {noun} may turn out to be {adjective}",
        "and hands it to the {role} in {place}",
        "on the {count}th of each {adjective} month",
        "which costs about {count} euros per {noun}",
    ),
)
_WORDS: Final = {
    "role": (
        *("clerk", "auditor", "branch manager", "duty officer", "treasurer", "registrar", "broker"),
        *("data owner", "line manager", "controller", "notary", "analyst", "custodian", "teller"),
    ),
    "noun": (
        *("ledger", "mandate", "voucher", "contract", "deposit", "mortgage", "receipt", "claim"),
        *("invoice", "tender", "licence", "passport", "complaint", "transfer", "statement", "seal"),
        *("forecast", "inventory", "guarantee", "letter", "schedule", "cheque", "permit", "badge"),
        *("account", "charter", "survey", "pledge", "refund", "bond", "order", "vault", "sample"),
    ),
    "adjective": (
        *("annual", "written", "internal", "pending", "foreign", "electronic", "sealed", "late"),
        *("disputed", "partial", "temporary", "joint", "dormant", "urgent", "certified", "spare"),
        *("regional", "doubtful", "oversized", "numbered", "obsolete", "lapsed", "minor", "new"),
    ),
    "verb": (
        *("check", "record", "sign", "collect", "return", "extend", "forward", "count", "draft"),
        *("inspect", "reopen", "stamp", "sort", "print", "weigh", "scan", "correct", "publish"),
    ),
    "place": ("Zurich", "Geneva", "Lisbon", "Oslo", "Dublin", "Vienna", "Porto", "Tallinn", "Bern"),
    "month": ("January", "February", "April", "June", "July", "September", "October", "December"),
    "unit": ("days", "hours", "weeks", "months", "minutes"),
    "count": tuple(map(str, (3, 4, 6, 7, 9, 11, 12, 14, 16, 18, 24, 25, 40, 48, 65, 80, 110, 240))),
}
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
    dice = _dice("families", seed)
    while len(made) < count:
        base = _paragraph(dice)
        made[base] = Family(base, dict(_varied(base, dice)))
    return list(made.values())


def strangers(count: int, *, seed: int, boilerplate: bool = False) -> list[str]:
    """Texts that are nobody's duplicate, although they may all end in the same paragraph."""
    made: dict[str, None] = {}
    dice = _dice("strangers", seed, boilerplate)
    while len(made) < count:
        text = _paragraph(dice)
        made[f"{text} {BOILERPLATE}" if boilerplate else text] = None
    return list(made)


def _dice(*seed: object) -> random.Random:
    return random.Random(repr(seed))  # noqa: S311 - text to judge by, nothing secret


def _paragraph(dice: random.Random) -> str:
    """Sentences of a handbook, drawn clause by clause; at least one states a number."""
    text = ""
    while len(text.split()) < dice.randint(_SHORTEST, _LONGEST) or not _NUMBER.search(text):
        clauses = [dice.choice(part) for part in _CLAUSES]
        sentence = " ".join(clause for clause in clauses if clause) + "."
        while "{" in sentence:
            sentence = _PLACE.sub(lambda place: dice.choice(_WORDS[place[1]]), sentence, count=1)
        text = f"{text} {sentence[0].upper()}{sentence[1:]}".lstrip()
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
