# ruff: noqa: SIM905 - tables of words read better as words than as lists of literals
"""Words that carry a fact: numerals, units, months, negations, opposites.

English throughout; negations and months also in German and French. All in lower case.
"""

from fractions import Fraction
from typing import Final

NEGATIONS: Final = frozenset(
    (
        "no not never none nor neither nobody nothing nowhere without cannot unless except "
        "excluding hardly barely scarcely nicht kein keine keinen keinem keiner nie niemals ohne "
        "ne pas jamais sans aucun aucune"
    ).split()
)

NUMERALS: Final = {
    word: value
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen".split()
    )
} | {
    word: 10 * value
    for value, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
"""Below a hundred. ``one`` is also a pronoun: alone it is no fact."""

MULTIPLIERS: Final = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 1_000,
    "k": 1_000,
    "million": 1_000_000,
    "millions": 1_000_000,
    "mio": 1_000_000,
    "mn": 1_000_000,
    "billion": 1_000_000_000,
    "billions": 1_000_000_000,
    "bn": 1_000_000_000,
    "trillion": 1_000_000_000_000,
}

_MONTHS: Final = (
    "january jan januar janvier",
    "february feb februar f\xe9vrier",
    "march mar m\xe4rz mars",
    "april apr avril",
    "may mai",
    "june jun juni juin",
    "july jul juli juillet",
    "august aug ao\xfbt",
    "september sep sept septembre",
    "october oct oktober octobre",
    "november nov novembre",
    "december dec dezember d\xe9cembre",
)
MONTHS: Final = {
    name: number for number, names in enumerate(_MONTHS, start=1) for name in names.split()
}
AMBIGUOUS_MONTHS: Final = frozenset({"may", "march", "mar", "mars", "mai", "dec", "sep", "jun"})
"""Words that are a month only with a capital letter, and beside a day or a year."""

WEEKDAYS: Final = {
    name: number
    for number, name in enumerate(
        "monday tuesday wednesday thursday friday saturday sunday".split()
    )
}

UNITS: Final[dict[str, tuple[str, int | Fraction]]] = {
    word: (dimension, factor if isinstance(factor, int) else Fraction(factor))
    for dimension, factor, words in (
        ("EUR", 1, "\u20ac eur euro euros"),
        ("EUR", "0.01", "cent cents"),
        ("USD", 1, "$ usd dollar dollars"),
        ("GBP", 1, "\xa3 gbp pound pounds sterling"),
        ("JPY", 1, "\xa5 jpy yen"),
        ("CHF", 1, "chf franc francs"),
        ("time", 1, "second seconds sec secs"),
        ("time", 60, "minute minutes min mins"),
        ("time", 3_600, "hour hours h hrs"),
        ("time", 86_400, "day days"),
        ("time", 604_800, "week weeks"),
        ("months", 1, "month months"),
        ("months", 3, "quarter quarters"),
        ("months", 12, "year years"),
        ("length", "0.001", "mm millimetre millimetres millimeter millimeters"),
        ("length", "0.01", "cm centimetre centimetres centimeter centimeters"),
        ("length", 1, "m metre metres meter meters"),
        ("length", 1_000, "km kilometre kilometres kilometer kilometers"),
        ("length", "1609.344", "mile miles"),
        ("length", "0.3048", "ft foot feet"),
        ("length", "0.0254", "inch inches"),
        ("mass", "0.001", "mg milligram milligrams"),
        ("mass", 1, "g gram grams gramme grammes"),
        ("mass", 1_000, "kg kilogram kilograms kilo kilos"),
        ("mass", 1_000_000, "t tonne tonnes ton tons"),
        ("mass", "453.59237", "lb lbs"),
        ("volume", "0.001", "ml millilitre millilitres milliliter milliliters"),
        ("volume", 1, "l litre litres liter liters"),
        ("bytes", 1, "byte bytes"),
        ("bytes", 1_000, "kb kilobyte kilobytes"),
        ("bytes", 1_000_000, "mb megabyte megabytes"),
        ("bytes", 1_000_000_000, "gb gigabyte gigabytes"),
        ("bytes", 1_000_000_000_000, "tb terabyte terabytes"),
        ("share", 1, "% percent pc prozent"),
        ("share", "0.1", "\u2030"),
        ("share", "0.01", "bps bp"),
        ("power", 1, "w watt watts"),
        ("power", 1_000, "kw kilowatt kilowatts"),
        ("power", 1_000_000, "mw megawatt megawatts"),
        ("degrees", 1, "\xb0 degree degrees"),
    )
    for word in words.split()
}
"""Unit to dimension and factor: quantities of one dimension are compared in its base unit."""

LEADING_UNITS: Final = frozenset("\u20ac $ \xa3 \xa5 eur usd gbp jpy chf".split())
"""Units that may stand before their number."""

_OPPOSITES: Final = (
    "allowed forbidden",
    "allowed prohibited",
    "permitted forbidden",
    "permitted prohibited",
    "mandatory optional",
    "required optional",
    "must may",
    "must can",
    "shall may",
    "always never",
    "all none",
    "minimum maximum",
    "min max",
    "least most",
    "above below",
    "over under",
    "more less",
    "more fewer",
    "greater less",
    "higher lower",
    "before after",
    "earlier later",
    "including excluding",
    "included excluded",
    "includes excludes",
    "include exclude",
    "with without",
    "accepted rejected",
    "accept reject",
    "approved rejected",
    "approve reject",
    "granted denied",
    "grant deny",
    "open closed",
    "enabled disabled",
    "enable disable",
    "increase decrease",
    "increased decreased",
    "increases decreases",
    "gross net",
    "credit debit",
    "true false",
    "yes no",
)
OPPOSITES: Final = frozenset(frozenset(pair.split()) for pair in _OPPOSITES)
NEGATING_PREFIXES: Final = ("un", "in", "im", "il", "ir", "dis", "non")


def negates(word: str) -> bool:
    """Whether a word, in lower case, turns what is said around."""
    return word in NEGATIONS or word.endswith("n't")


def opposed(one: str, other: str) -> bool:
    """Whether two words, in lower case, say the opposite of one another."""
    if frozenset((one, other)) in OPPOSITES:
        return True
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= _STEM and any(longer == prefix + shorter for prefix in NEGATING_PREFIXES)


def opposites(word: str) -> frozenset[str]:
    """Every string that is :func:`opposed` to a word, in lower case; not all of them are words."""
    found = set(_OPPOSITES_OF.get(word, ()))
    if len(word) >= _STEM:
        found.update(prefix + word for prefix in NEGATING_PREFIXES)
    for prefix in NEGATING_PREFIXES:
        bare = word.removeprefix(prefix)
        if bare != word and len(bare) >= _STEM:
            found.add(bare)
    return frozenset(found)


_STEM: Final = 4  # "un" before a shorter word is more often chance: "it" and "unit"
_OPPOSITES_OF: Final = {
    word: frozenset(other for pair in OPPOSITES if word in pair for other in pair - {word})
    for word in frozenset[str]().union(*OPPOSITES)
}
