# ruff: noqa: SIM905 - tables of words read better as words than as lists of literals
"""Words as the support check compares them: by stem, each with the weight it carries.

English first; a word of another language is compared as it stands. What must never live here: a
comparison of whole texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

from verifier.lexicon import OPPOSITES, negates, opposites

_LIGHT: Final = frozenset(
    (
        "a an the this that these those it its he she they we you i his her their our your my him "
        "them us me who whom whose which what of in on at by for from to into onto with within as "
        "and or but if then than so also is are was were be been being am has have had having do "
        "does did done will would can could shall should may might must there here when where how "
        "while about over under between through during after before again further once very just "
        "such own same both each other some any more most less all only not no nor"
    ).split()
)
_LIGHT_WEIGHT: Final = 0.1
_FIGURE_WEIGHT: Final = 0.5  # the right figure tells like sentences apart; a wrong one misleads

_SUFFIXES: Final = tuple(
    "izations ization ations ation ingly ments "
    "ment ities ness ings ing ions ion edly ies ied ers "  # codespell:ignore ment
    "ive al ed es er ly s e y".split()
)
_SHORTEST_STEM: Final = 3

_OPPOSED: Final = (
    "promote inhibit",
    "promote prevent",
    "promote suppress",
    "activate inhibit",
    "activate suppress",
    "activate repress",
    "induce inhibit",
    "induce suppress",
    "induce prevent",
    "stimulate inhibit",
    "enhance reduce",
    "enhance impair",
    "enhance inhibit",
    "enhance suppress",
    "improve worsen",
    "improve impair",
    "increase reduce",
    "increase lower",
    "raise lower",
    "raise reduce",
    "rise fall",
    "rise drop",
    "grow shrink",
    "gain lose",
    "win lose",
    "won lost",
    "pass fail",
    "begin end",
    "start end",
    "start stop",
    "first last",
    "early late",
    "high low",
    "large small",
    "long short",
    "positive negative",
    "male female",
    "man woman",
    "north south",
    "east west",
    "buy sell",
    "bought sold",
    "internal external",
    "upper lower",
    "success failure",
    "successful unsuccessful",
    "best worst",
    "oldest youngest",
    "largest smallest",
    "highest lowest",
    "exclude include",
    "present absent",
    "presence absence",
    "agree disagree",
    "support oppose",
    "public private",
    "day night",
    "upregulate downregulate",
)


class Reach(IntEnum):
    """How much of a group a quantifier speaks for, from none to all."""

    NONE = 0
    FEW = 1
    SOME = 2
    MOST = 3
    ALL = 4


_QUANTIFIERS: Final = {
    word: reach
    for reach, words in (
        (Reach.NONE, "none nobody never nothing"),
        (Reach.FEW, "few hardly rarely seldom scarcely barely minority"),
        (Reach.SOME, "some sometimes several partly partially occasionally certain"),
        (Reach.MOST, "most mostly usually generally often many typically majority frequently"),
        (Reach.ALL, "all every each always everyone everybody entirely completely exclusively"),
    )
    for word in words.split()
}


def weight(word: str) -> float:
    """How much a word, in lower case, tells of where to look; nothing, if it turns or measures."""
    if negates(word) or word in _QUANTIFIERS:
        return 0.0
    if word[:1].isdigit():
        return _FIGURE_WEIGHT
    return _LIGHT_WEIGHT if word in _LIGHT else 1.0


def reach(word: str) -> Reach | None:
    """How much of a group a word, in lower case, speaks for; None if it is no quantifier."""
    return _QUANTIFIERS.get(word)


@lru_cache(maxsize=16_384)
def stem(word: str) -> str:
    """A word, in lower case, without its ending; no more than enough to match its own forms.

    Light suffix stripping after D. Harman, "How effective is suffixing?", JASIS 42 (1991): the
    longest suffix that leaves at least three letters, and one of a doubled consonant.
    """
    if not word.isalpha() or negates(word):
        return word
    for suffix in _SUFFIXES:
        cut = word.removesuffix(suffix)
        if cut != word and len(cut) > _SHORTEST_STEM:
            word = cut
            break
    if len(word) > _SHORTEST_STEM + 1 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:-1] if len(word) > _SHORTEST_STEM + 1 and word[-1] in "ie" else word


OPPOSED_STEMS: Final = frozenset(
    frozenset(stem(word) for word in pair.split()) for pair in _OPPOSED
) | frozenset(frozenset(stem(word) for word in pair) for pair in OPPOSITES)
"""Pairs of stems that say the opposite of one another, whatever the ending."""

_STEMS_OF: Final = {
    one: frozenset(other for pair in OPPOSED_STEMS if one in pair for other in pair - {one})
    for one in frozenset[str]().union(*OPPOSED_STEMS)
}


@dataclass(frozen=True, slots=True)
class Contrary:
    """What says the opposite of a word, in any of its forms.

    Attributes:
        words: as they stand, in lower case.
        stems: of any word that has one of them.
    """

    words: frozenset[str]
    stems: frozenset[str]


@lru_cache(maxsize=16_384)
def contrary(word: str) -> Contrary:
    """What says the opposite of a word, in lower case: to look up, rather than to try each pair."""
    return Contrary(opposites(word), _STEMS_OF.get(stem(word), frozenset()))
