"""What a text says in numbers, dates and quantities, each in one spelling.

``1 March 2026`` and ``2026-03-01`` are one date, ``1,000`` and ``1 000`` one number, ``60 minutes``
and ``1 hour`` one quantity. Where a spelling can be read in two ways (``03/04/2026``), both are
kept, and two facts agree if they can.

What never lives here: a comparison of whole texts (:mod:`verifier.conflicts`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from verifier.lexicon import (
    AMBIGUOUS_MONTHS,
    LEADING_UNITS,
    MONTHS,
    MULTIPLIERS,
    NUMERALS,
    UNITS,
    WEEKDAYS,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

Number: TypeAlias = int | Fraction
"""Exact, and an integer wherever it can be: fractions take ten times as long."""

Day: TypeAlias = "tuple[int, int, int]"
"""Year, month, day; 0 where it is not said."""

_DATE = re.compile(r"(\d{1,4})([-./])(\d{1,2})\2(\d{1,4})")
_CLOCK = re.compile(r"([01]?\d|2[0-4]):([0-5]\d)(?::([0-5]\d))?")
_SIGNS = frozenset({"-", "+"})
_STARTERS = frozenset({*NUMERALS, *LEADING_UNITS, *_SIGNS, *MONTHS, *WEEKDAYS})
_ORDINALS = frozenset({"st", "nd", "rd", "th"})
_CARRIERS = frozenset(
    {*_STARTERS, *_ORDINALS, *MULTIPLIERS, *UNITS, "of", "per", "cent", "am", "pm"}
)
_THOUSANDS = re.compile(r"\d{1,3}(?:([.,'])\d{3})(?:\1\d{3})*")
_DECIMAL = re.compile(r"(\d+(?:[.,']\d{3})*)[.,](\d+)")
_NOTHING, _CARRIES, _STARTS = b"\x00\x01\x02"  # what a word can do in a fact
_AHEAD: Final = ("",) * 4  # a few words are looked ahead at, without care for the end of a text
_MAX_DIGITS: Final = 40
_LONGEST_MONTH: Final = 31
_HALF_DAY: Final = 12  # hours
_YEAR_DIGITS: Final = 4
_GROUP: Final = 3


class FactKind(StrEnum):
    """What sort of thing is said."""

    NUMBER = "number"
    DATE = "date"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact: tokens ``start`` to ``end`` of a text.

    Attributes:
        kind: decides what it can agree with.
        values: every way to read it: numbers in base units, days, or minutes of the day.
        dimension: of a number that has a unit; quantities of two dimensions never agree.
        plain: the number without its unit; None for what is no number.
        weak: whether it may be no fact at all, such as "one".
    """

    kind: FactKind
    start: int
    end: int
    values: frozenset[Number | Day | str]
    dimension: str | None = None
    plain: Number | None = None
    weak: bool = False

    def agrees(self, other: Fact) -> bool:
        """Whether both can say the same."""
        if self.kind is not other.kind:
            return False
        if self.kind is FactKind.DATE:
            return any(_same_day(one, two) for one in self.values for two in other.values)
        if self.dimension and other.dimension:
            return self.dimension == other.dimension and not self.values.isdisjoint(other.values)
        if self.kind is FactKind.NUMBER and self.plain is not None and other.plain is not None:
            # One of them names no unit: "55" may be short for "55 euros".
            return self.plain == other.plain or not self.values.isdisjoint(other.values)
        return not self.values.isdisjoint(other.values)


def _same_day(one: object, other: object) -> bool:
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return one == other
    return all(
        not mine or not theirs or mine == theirs for mine, theirs in zip(one, other, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text's tokens, and what is stated in them.

    A fact can be read from any place, and is the same from wherever one comes, so each is read
    once however many texts this one is compared with.
    """

    surface: Sequence[str]
    lower: Sequence[str]
    marks: bytes
    _read: dict[int, Fact | None] = field(default_factory=dict)

    @classmethod
    def of(cls, surface: Sequence[str], lower: Sequence[str]) -> Tokens:
        """Tokens as they stand, and the same in lower case."""
        return cls(surface, (*lower, *_AHEAD), bytes(map(_mark, lower)))

    def facts(self) -> list[Fact]:
        """Every fact of the text, in order; none overlaps another."""
        return list(self._between(0, len(self.marks)))

    def facts_around(self, stretches: Iterable[tuple[int, int]]) -> list[Fact]:
        """The facts of some stretches and right beside them: those of :meth:`facts` there.

        Args:
            stretches: first token and one past the last, in order.
        """
        found: list[Fact] = []
        done = 0
        for first, last in stretches:
            # A fact holds carriers only, so it can be read from any word that is none.
            start = max(self.marks.rfind(_NOTHING, done, max(first, done)) + 1, done)
            end = self.marks.find(_NOTHING, max(last, done))
            done = len(self.marks) if end < 0 else end
            if self.marks.find(_STARTS, start, done) >= 0:
                found += self._between(start, done)
        return found

    def _between(self, start: int, end: int) -> Iterator[Fact]:
        at = self.marks.find(_STARTS, start, end)
        while at >= 0:
            fact = self._fact(at)
            at = self.marks.find(_STARTS, at + 1 if fact is None else fact.end, end)
            if fact is not None:
                yield fact

    def _fact(self, at: int) -> Fact | None:
        """The fact that begins with a token."""
        if at in self._read:
            return self._read[at]
        word = self.lower[at]
        if word[0].isdigit():
            fact = self.date(at) or self.clock(at) or self.quantity(at)
        elif word in MONTHS or word in WEEKDAYS:
            fact = self.month_first(at)
        else:
            fact = self.quantity(at)
        self._read[at] = fact
        return fact

    def date(self, at: int) -> Fact | None:
        """A date that begins with a number: ``2026-03-01``, ``1.3.2026``, ``1st of March 2026``."""
        token = self.lower[at]
        written = _DATE.fullmatch(token)
        if written is not None:
            days = frozenset(_days(written))
            return Fact(FactKind.DATE, at, at + 1, days) if days else None
        day = _day(token)
        after = at + 1
        if self.lower[after] in _ORDINALS:
            after += 1
        if self.lower[after] == "of":
            after += 1
        if day is None or not self.is_month(after):
            return None
        month = MONTHS[self.lower[after]]
        year = _year(self.lower[after + 1])
        return Fact(FactKind.DATE, at, after + 1 + bool(year), frozenset({(year or 0, month, day)}))

    def month_first(self, at: int) -> Fact | None:
        """``March 1, 2026``, ``March 2026``, ``in April``, ``Monday``."""
        word = self.lower[at]
        if word in WEEKDAYS:
            return Fact(FactKind.DATE, at, at + 1, frozenset({word}))
        if not self.is_month(at):
            return None
        month = MONTHS[word]
        if year := _year(self.lower[at + 1]):
            return Fact(FactKind.DATE, at, at + 2, frozenset({(year, month, 0)}))
        day = _day(self.lower[at + 1])
        if day is None:
            if word in AMBIGUOUS_MONTHS:
                return None
            return Fact(FactKind.DATE, at, at + 1, frozenset({(0, month, 0)}))
        after = at + 2 + (self.lower[at + 2] in _ORDINALS)
        year = _year(self.lower[after])
        return Fact(FactKind.DATE, at, after + bool(year), frozenset({(year or 0, month, day)}))

    def is_month(self, at: int) -> bool:
        """Whether a word is a month here: "may" and "march" are with a capital only."""
        word = self.lower[at]
        if word not in MONTHS:
            return False
        return word not in AMBIGUOUS_MONTHS or self.surface[at][0].isupper()

    def clock(self, at: int) -> Fact | None:
        """``9:30``, ``09:30``, ``5 pm``."""
        half = self.lower[at + 1]
        has_half = half in {"am", "pm"}
        written = _CLOCK.fullmatch(self.lower[at])
        if written is None:
            said = _day(self.lower[at])
            if not has_half or said is None or said > _HALF_DAY:
                return None
            hour, minute, second = said, 0, 0
        else:
            hour, minute, second = (int(part or 0) for part in written.groups())
        if has_half:
            hour = hour % _HALF_DAY + _HALF_DAY * (half == "pm")
        moment = Fraction(hour * 3600 + minute * 60 + second, 60)
        return Fact(FactKind.TIME, at, at + 1 + has_half, frozenset({moment}))

    def quantity(self, at: int) -> Fact | None:
        """A number, in digits or in words, with its sign, its multiplier and its unit."""
        start, unit, sign = at, None, 1
        if self.lower[at] in LEADING_UNITS:
            unit, at = self.lower[at], at + 1
        if self.lower[at] in _SIGNS:
            sign, at = (-1 if self.lower[at] == "-" else 1), at + 1
        if not unit and self.lower[at] in LEADING_UNITS:
            unit, at = self.lower[at], at + 1
        read = self._digits(at) or self._numeral(at)
        if read is None:
            return None
        values, end, weak = read
        while (factor := MULTIPLIERS.get(self.lower[end])) is not None:
            values, end, weak = frozenset(value * factor for value in values), end + 1, False
        if self.lower[end] in _ORDINALS:
            end += 1
        if unit is None:
            unit, end = self._unit(end)
        dimension, scale = UNITS[unit] if unit else (None, 1)
        said = values if sign == 1 else frozenset(-value for value in values)
        return Fact(
            FactKind.NUMBER,
            start,
            end,
            _scaled(said, scale) if said else frozenset({self.lower[at]}),
            dimension,
            next(iter(said)) if len(said) == 1 else None,
            weak and dimension is None,
        )

    def _unit(self, at: int) -> tuple[str | None, int]:
        word = self.lower[at]
        if word == "per" and self.lower[at + 1] == "cent":
            return "%", at + 2
        return (word, at + 1) if word in UNITS else (None, at)

    def _digits(self, at: int) -> tuple[frozenset[Number], int, bool] | None:
        token = self.lower[at]
        if not token[:1].isdigit():
            return None
        end = at + 1
        if token.isdecimal() and len(token) <= _GROUP:
            # "1 000 000": blanks between groups of three.
            while len(group := self.lower[end]) == _GROUP and group.isdecimal():
                token, end = token + group, end + 1
        return _numbers(token), end, False

    def _numeral(self, at: int) -> tuple[frozenset[Number], int, bool] | None:
        value = NUMERALS.get(self.lower[at])
        if value is None:
            return None
        end = at + 1
        unit = NUMERALS.get(self.lower[end], 0)
        if value % 10 == 0 and value >= 20 and 0 < unit < 10:  # noqa: PLR2004 - "twenty" "five"
            value, end = value + unit, end + 1
        return frozenset({value}), end, value == 1


@lru_cache(maxsize=1 << 14)  # words come again and again
def _mark(word: str) -> int:
    if word in _STARTERS or word[0].isdigit():
        return _STARTS
    return _CARRIES if word in _CARRIERS else _NOTHING


def _scaled(values: frozenset[Number], scale: Number) -> frozenset[Number]:
    return values if scale == 1 else frozenset(value * scale for value in values)


def _days(written: re.Match[str]) -> Iterator[Day]:
    """Every date a numeric spelling can mean."""
    first, mark, middle, last = written.groups()
    if len(first) == _YEAR_DIGITS:
        readings = [(first, middle, last)]
    elif len(last) in {2, _YEAR_DIGITS}:
        year = last if len(last) == _YEAR_DIGITS else f"20{last}"
        readings = [(year, middle, first)]
        if mark != ".":
            readings.append((year, first, middle))
    else:
        return
    for parts in readings:
        year, month, day = map(int, parts)
        try:
            date(year, month, day)
        except ValueError:
            continue
        yield year, month, day


def _day(token: str) -> int | None:
    if token.isdecimal() and len(token) <= 2 and 1 <= int(token) <= _LONGEST_MONTH:  # noqa: PLR2004 - two digits
        return int(token)
    return None


def _year(token: str) -> int | None:
    if token.isdecimal() and len(token) == _YEAR_DIGITS:
        return int(token)
    return None


def _numbers(token: str) -> frozenset[Number]:
    """Every number a run of digits and marks can mean; none for what is no number (``1.2.3``)."""
    if len(token) > _MAX_DIGITS:
        return frozenset()
    found: set[Number] = set()
    if token.isdecimal():
        found.add(int(token))
    elif "/" in token:
        above, _, below = token.partition("/")
        if above.isdecimal() and below.isdecimal() and int(below):
            found.add(Fraction(int(above), int(below)))
    else:
        grouped = _THOUSANDS.fullmatch(token)
        if grouped is not None:
            found.add(int(re.sub(r"\D", "", token)))
        decimal = _DECIMAL.fullmatch(token)
        # A single comma before three digits groups thousands; a single point may do either.
        if decimal is not None and (grouped is None or grouped[1] == "." == token[-4]):
            whole = re.sub(r"\D", "", decimal[1])
            if grouped is None or token.count(".") == 1:
                found.add(Fraction(f"{whole}.{decimal[2]}"))
    return frozenset(found)
