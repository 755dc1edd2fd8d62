"""The facts of a text, each once, to look up which of them another text can mean.

What must never live here: a comparison of texts, or a rule what agrees with what
(:meth:`verifier.facts.Fact.agrees`): looking up finds what trying every pair would.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Final

from verifier.facts import FactKind

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator

    from verifier.facts import Day, Fact

_MASKS: Final = tuple(product((False, True), repeat=3))
"""Which of year, month and day are looked at."""


def distinct(facts: Iterable[Fact]) -> list[Fact]:
    """Facts that differ in more than where they stand; the first of each, in order."""
    first: dict[Hashable, Fact] = {}
    for fact in facts:
        first.setdefault((fact.kind, fact.values, fact.dimension, fact.plain, fact.weak), fact)
    return list(first.values())


class Stated:
    """What a text states in facts."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        """Index facts by what another must share with them to agree; linear in their number."""
        self._filed: dict[Hashable, list[Fact]] = {}
        for fact in distinct(facts):
            for key in set(_filed_under(fact)):
                self._filed.setdefault(key, []).append(fact)

    def states(self, fact: Fact) -> bool:
        """Whether a fact agrees with one of these.

        Few are tried: numbers that share a value differ in their unit alone, and days that share
        what both say do agree.
        """
        return any(
            fact.agrees(other)
            for key in _looked_up_under(fact)
            for other in self._filed.get(key, ())
        )


def _filed_under(fact: Fact) -> Iterator[Hashable]:
    for value in fact.values:
        if isinstance(value, tuple):
            yield from _parts(value)
        else:
            yield fact.kind, value
    if fact.kind is FactKind.NUMBER and fact.plain is not None:
        yield "plain", fact.plain


def _looked_up_under(fact: Fact) -> Iterator[Hashable]:
    for value in fact.values:
        if isinstance(value, tuple):
            # Days agree if they do in what both say, whichever parts the other says.
            yield from ((theirs, _masked(value, theirs)) for theirs in _MASKS)
        else:
            yield fact.kind, value
    if fact.kind is FactKind.NUMBER and fact.plain is not None:
        yield "plain", fact.plain


def _parts(day: Day) -> Iterator[Hashable]:
    """What a day says, and each selection of it that another day may say too."""
    said = _said(day)
    yield from ((said, _masked(day, mask)) for mask in _MASKS)


def _said(day: Day) -> tuple[bool, ...]:
    return tuple(map(bool, day))


def _masked(day: tuple[int, ...], mask: tuple[bool, ...]) -> tuple[int, ...]:
    return tuple(part if shown else 0 for part, shown in zip(day, mask, strict=True))
