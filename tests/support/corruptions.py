"""Sentences with one thing changed: what a check of claims against evidence has to notice.

Each corruption changes exactly one number, date, unit, negation, name or quantifier of a sentence,
whatever the sentence is about, and leaves every other word as it stands.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905 - reads better
)
_MONTH = rf"(?:{'|'.join(MONTHS)})"
_DATE = re.compile(rf"\b(\d{{1,2}}) ({_MONTH})\b|\b({_MONTH}) (\d{{4}})\b|\b((?:19|20)\d\d)\b")
_NUMBER = re.compile(r"(?<![\w.,:/-])\d{1,3}(?:,\d{3})*(?:\.\d+)?(?![\w:/-]|[.,]\d)")
_AUXILIARY = re.compile(
    r"\b(is|are|was|were|must|may|can|will|should|has been|have been|does|do)\b(?! not)"
)
_NEGATION = re.compile(r"\b(is|are|was|were|must|may|can|will|should|does|do) not\b")
_NAME = re.compile(r"(?<=[a-z,] )[A-Z][a-z]{3,}\b")
_NAMES = ("Tharnby", "Velmore", "Quillon", "Ostrava", "Bexholm")
_UNITS = {
    "euros": "dollars",
    "days": "weeks",
    "hours": "days",
    "minutes": "hours",
    "months": "years",
    "weeks": "months",
    "metres": "kilometres",
    "years": "months",
    "per cent": "euros",
    "%": " mg",
    "mg": "g",
    "kg": "g",
    "litres": "millilitres",
}
_UNIT = re.compile(rf"(?<=\d)( ?)({'|'.join(map(re.escape, _UNITS))})(?!\w)")
_QUANTIFIERS = {
    "some": "all",
    "most": "all",
    "many": "all",
    "several": "all",
    "often": "always",
    "usually": "always",
    "sometimes": "always",
    "all": "no",
    "every": "no",
    "always": "never",
    "each": "no",
}
_QUANTIFIER = re.compile(rf"\b({'|'.join(_QUANTIFIERS)})\b")


class Corrupted(StrEnum):
    """What was changed."""

    NUMBER = "number"
    DATE = "date"
    UNIT = "unit"
    NEGATION = "negation"
    NAME = "name"
    QUANTIFIER = "quantifier"


def corruptions(sentence: str, random: Random) -> Iterator[tuple[Corrupted, str]]:
    """Every kind of change that the sentence has a place for, once."""
    for kind, change in _CHANGES.items():
        changed = change(sentence, random)
        if changed is not None and changed != sentence:
            yield kind, changed


def _swapped(
    pattern: re.Pattern[str], sentence: str, random: Random, new: Callable[[re.Match[str]], str]
) -> str | None:
    places = list(pattern.finditer(sentence))
    if not places:
        return None
    at = random.choice(places)
    return sentence[: at.start()] + new(at) + sentence[at.end() :]


def _number(sentence: str, random: Random) -> str | None:
    dates = [found.span() for found in _DATE.finditer(sentence)]
    places = [
        found
        for found in _NUMBER.finditer(sentence)
        if not any(start <= found.start() < end for start, end in dates)
    ]
    if not places:
        return None
    at = random.choice(places)
    digits = [place for place, char in enumerate(at[0]) if char.isdigit()]
    place = random.choice(digits)
    choices = [digit for digit in "123456789" if digit != at[0][place]]
    changed = at[0][:place] + random.choice(choices) + at[0][place + 1 :]
    return sentence[: at.start()] + changed + sentence[at.end() :]


def _date(sentence: str, random: Random) -> str | None:
    def new(at: re.Match[str]) -> str:
        day, month, month_of, year_of, year = at.groups()
        if year:
            return str(int(year) + random.choice([-7, -1, 1, 3]))
        if month:
            return f"{day} {_other(month, random)}"
        return f"{_other(month_of, random)} {year_of}"

    return _swapped(_DATE, sentence, random, new)


def _other(month: str, random: Random) -> str:
    return random.choice([one for one in MONTHS if one != month])


def _unit(sentence: str, random: Random) -> str | None:
    return _swapped(_UNIT, sentence, random, lambda at: at[1] + _UNITS[at[2]])


def _negation(sentence: str, random: Random) -> str | None:
    if _NEGATION.search(sentence):
        return _swapped(_NEGATION, sentence, random, lambda at: at[1])
    return _swapped(_AUXILIARY, sentence, random, lambda at: f"{at[1]} not")


def _name(sentence: str, random: Random) -> str | None:
    return _swapped(_NAME, sentence, random, lambda _: random.choice(_NAMES))


def _quantifier(sentence: str, random: Random) -> str | None:
    return _swapped(_QUANTIFIER, sentence, random, lambda at: _QUANTIFIERS[at[1]])


_CHANGES = {
    Corrupted.NUMBER: _number,
    Corrupted.DATE: _date,
    Corrupted.UNIT: _unit,
    Corrupted.NEGATION: _negation,
    Corrupted.NAME: _name,
    Corrupted.QUANTIFIER: _quantifier,
}
