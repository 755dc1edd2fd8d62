"""Claims turned into their opposite, so that a model learns to mind the word that turns them.

People who write a false claim mostly negate a true one, and a model that is shown only theirs
learns that negated claims are false. So claims are turned both ways here: a true one into a false
one, and back. What must never live here: what a pair is used for.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

_VERBS: Final = (
    ("increase", "decrease"),
    ("increase", "reduce"),
    ("raise", "lower"),
    ("promote", "inhibit"),
    ("promote", "prevent"),
    ("activate", "inhibit"),
    ("activate", "suppress"),
    ("induce", "suppress"),
    ("induce", "prevent"),
    ("enhance", "impair"),
    ("enhance", "reduce"),
    ("improve", "worsen"),
    ("accelerate", "delay"),
    ("upregulate", "downregulate"),
    ("stimulate", "inhibit"),
    ("allow", "prevent"),
    ("accept", "reject"),
    ("gain", "lose"),
    ("start", "stop"),
    ("open", "close"),
    ("include", "exclude"),
)
_WORDS: Final = (
    ("higher", "lower"),
    ("more", "less"),
    ("greater", "smaller"),
    ("larger", "smaller"),
    ("positive", "negative"),
    ("positively", "negatively"),
    ("high", "low"),
    ("early", "late"),
    ("earlier", "later"),
    ("before", "after"),
    ("first", "last"),
    ("better", "worse"),
    ("best", "worst"),
    ("always", "never"),
    ("male", "female"),
    ("men", "women"),
    ("north", "south"),
    ("northern", "southern"),
    ("eastern", "western"),
    ("present", "absent"),
    ("with", "without"),
    ("above", "below"),
    ("longer", "shorter"),
    ("older", "younger"),
    ("sufficient", "insufficient"),
    ("dependent", "independent"),
    ("effective", "ineffective"),
    ("active", "inactive"),
    ("common", "rare"),
)


def _forms(verb: str) -> tuple[str, ...]:
    """Its base, third person, past and present participle."""
    if verb == "lose":
        return "lose", "loses", "lost", "losing"
    if verb == "stop":
        return "stop", "stops", "stopped", "stopping"
    root = verb.removesuffix("e")
    third = "s" if verb[-1] != "s" and verb[-2:] != "ss" else "es"
    return verb, verb + third, f"{root}ed", f"{root}ing"


def _table() -> dict[str, tuple[str, ...]]:
    table: dict[str, list[str]] = {}
    pairs = [
        *_WORDS,
        *(pair for one, other in _VERBS for pair in zip(_forms(one), _forms(other), strict=True)),
    ]
    for one, other in pairs:
        table.setdefault(one, []).append(other)
        table.setdefault(other, []).append(one)
    return {word: tuple(others) for word, others in table.items()}


_OPPOSITE: Final = _table()
_WORD: Final = re.compile(rf"\b(?:{'|'.join(sorted(_OPPOSITE, key=len, reverse=True))})\b")
_DENIED: Final = re.compile(
    r"\b(is|are|was|were|must|may|can|could|will|would|should|has|have|had|does|do|did) not\b"
    r"|\b(can)not\b"
)
_AUXILIARY: Final = re.compile(
    r"\b(is|are|was|were|must|may|can|could|will|would|should)\b(?! not\b|not\b)"
)
_MAIN_VERB: Final = re.compile(
    r"(?<=[a-z0-9)] )(?P<stem>increase|decrease|reduce|affect|cause|improve|inhibit|promote|induce"
    r"|lead|play|contribute|require|regulate|control|predict|protect|provide|prevent|result|show"
    r"|include|contain|produce|bind|enhance|encode|mediate|suppress|help|support|depend|involve)s\b"
)


def opposite(claim: str, random: Random) -> str | None:
    """The claim with one word turned into its opposite; None if it has none to turn."""
    places = list(_WORD.finditer(claim))
    if not places:
        return None
    at = random.choice(places)
    return claim[: at.start()] + random.choice(_OPPOSITE[at[0]]) + claim[at.end() :]


def denied(claim: str, random: Random) -> str | None:
    """The claim with a "not" put in, or taken out; None if it has no place for one."""
    places = list(_DENIED.finditer(claim))
    if places:
        at = random.choice(places)
        return claim[: at.start()] + (at[1] or at[2]) + claim[at.end() :]
    at = _AUXILIARY.search(claim)
    if at is not None:
        return f"{claim[: at.end()]} not{claim[at.end() :]}"
    at = _MAIN_VERB.search(claim)
    if at is not None:
        return f"{claim[: at.start()]}does not {at['stem']}{claim[at.end() :]}"
    return None


_FIGURE: Final = re.compile(r"(?<![\w.,:/-])\d{1,4}(?:,\d{3})*(?:\.\d+)?(?![\w:/-]|[.,]\d)")


def misstated(claim: str, random: Random) -> str | None:
    """The claim with another figure; None if it states none."""
    places = list(_FIGURE.finditer(claim))
    if not places:
        return None
    at = random.choice(places)
    digits = [place for place, char in enumerate(at[0]) if char.isdigit()]
    place = random.choice(digits)
    other = random.choice([digit for digit in "123456789" if digit != at[0][place]])
    changed = at[0][:place] + other + at[0][place + 1 :]
    return claim[: at.start()] + changed + claim[at.end() :]
