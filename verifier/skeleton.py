"""Letters that look like Latin letters, folded to them, one code point to one.

For detection alone: what a reader sees as "ignore" is compared as "ignore", whatever alphabets
it was written in. Positions stay the same. Source: the idea of Unicode Technical Standard 39
(skeletons), reduced to letters that are confusable on sight, plus the styled alphabets whose
compatibility mapping is a single ASCII character.
"""

import unicodedata
from functools import cache
from itertools import chain

_CYRILLIC = str.maketrans(
    "авеёкмнорстухѕіјһԁԛԝүӏАВЕЁЅІЈКМНОРСТУХҺԚԜҮ",
    "abeekmhopctyxsijhdqwylABEESIJKMHOPCTYXHQWY",
)
_GREEK = str.maketrans("αβεικνορτυχγωΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "abeiknoptuxywABEZHIKMNOPTYX")
_TYPOGRAPHY = dict.fromkeys(range(0x2010, 0x2016), "-") | {
    0x131: "i", 0x2018: "'", 0x2019: "'", 0x2BC: "'", 0x201C: '"', 0x201D: '"',
}  # fmt: skip
_ACCENTED = range(0xC0, 0x250)
_STYLED = chain(
    range(0xFF01, 0xFF5F), range(0x1D400, 0x1D800), range(0x2100, 0x2150), range(0x24B6, 0x24EA)
)


def skeleton(text: str) -> str:
    """Fold look-alikes and ASCII case; the result has the same length and positions."""
    return text.lower() if text.isascii() else text.translate(_table())


@cache
def _table() -> dict[int, str]:
    table: dict[int, str] = {}
    for point in _STYLED:
        plain = unicodedata.normalize("NFKC", chr(point))
        if len(plain) == 1 and plain.isascii():
            table[point] = plain.lower()
    for point in _ACCENTED:
        letter = unicodedata.normalize("NFD", chr(point))[0]
        if letter.isascii():
            table[point] = letter.lower()
    table.update(_TYPOGRAPHY)
    for alphabet in (_CYRILLIC, _GREEK):
        table.update({point: chr(letter).lower() for point, letter in alphabet.items()})
    table.update({point: chr(point).lower() for point in range(128)})
    return table
