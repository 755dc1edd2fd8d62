"""What is trained on, calibrated on and reported on, family by family.

Honest texts are dealt into three parts before anything else happens to them, so that no carrier of
a reported attack was ever trained on. Attacks of a family are reported on by models that have seen
none of that family. Of `injecguard/valid`, which is evaluated on, nothing is trained or calibrated
on: some of its texts are in other collections too, and are left out of them. What must never live
here: a model.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from injection import corpus
from injection.placing import Example, as_they_are, honest, in_carriers, payload, shortened

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from injection.corpus import Family

SEED = 7
PARTS = ("train", "calibrate", "report")
_SHARES = {"train": 0.7, "calibrate": 0.15, "report": 0.15}
_MOST = {"science": 700, "wiki": 600, "web": 900, "questions": 971, "manuals": 973, "library": 900}
_HOUSE = ("train", "train", "calibrate", "report")
_OWN_HONEST = {"train": 4000, "calibrate": 600, "report": 600}
_OWN_ATTACKS = {"train": 5000, "calibrate": 0, "report": 800}
_TIMES = {"bipia": 6, "asb": 2, "cyberseceval": 2}
_FRAMED = {"bipia": 0.4, "asb": 0.4}
_SPEAKS_TO_THE_MACHINE = {"tasktracker", "cyberseceval"}
_CARRIERS_OF_OWN = 1200
_FEWEST_HONEST = 60
_SAMPLED = {"train": 2500, "report": 800}
_TELLING = 30
_WORD = re.compile(r"\w+")


@dataclass
class Sets:
    """Examples by part, and within a part by family."""

    attacks: dict[tuple[str, str], list[Example]] = field(default_factory=dict)
    beside: dict[tuple[str, str], list[Example]] = field(default_factory=dict)
    honest: dict[str, list[Example]] = field(default_factory=dict)

    @property
    def families(self) -> list[str]:
        """The families of attacks."""
        return list(dict.fromkeys(family for family, _ in self.attacks))

    def held_against(self, family: str) -> list[Example]:
        """The honest texts that a family's attacks are told from in the report."""
        own = self.beside.get((family, "report"), [])
        return own if len(own) >= _FEWEST_HONEST else self.honest["report"]


def assembled(data: Path) -> Sets:
    """Read the data, deal it out and place the attacks; always the same way."""
    sets = _dealt_out(data)
    evaluated = [text for texts in corpus.valid(data) for text in texts]
    for part in PARTS[:-1]:
        for examples in (sets.attacks, sets.beside):
            for family in sets.families:
                if (family, part) in examples:
                    examples[family, part] = apart_from(evaluated, examples[family, part])
        sets.honest[part] = apart_from(evaluated, sets.honest[part])
    return sets


def _dealt_out(data: Path) -> Sets:
    rng = random.Random(SEED)
    families = corpus.attack_families(data)
    sets = Sets(honest={part: [] for part in PARTS})
    carriers: dict[str, list[str]] = {part: [] for part in PARTS}
    for name, texts in corpus.honest_families(data).items():
        for part, dealt in _dealt(texts, _MOST[name], rng).items():
            sets.honest[part] += as_they_are(dealt, family=name, attack=False)
            if name != "questions":
                carriers[part] += dealt
                cut = [shortened(text, rng) for text in dealt]
                sets.honest[part] += as_they_are(cut, family=name, attack=False)
    for pieces in corpus.house().values():
        part = rng.choice(_HOUSE)
        sets.honest[part] += as_they_are(pieces, family="house", attack=False)
        cut = [shortened(text, rng) for text in pieces for _ in range(3)]
        sets.honest[part] += as_they_are(cut, family="house", attack=False)
        carriers[part] += pieces
    for part in PARTS:
        own = [honest(rng) for _ in range(_OWN_HONEST[part])]
        carriers[part] += own[:_CARRIERS_OF_OWN]
        sets.honest[part] += as_they_are(own, family="own", attack=False)
    for part in ("train", "report"):
        for name, family in families.items():
            _add(sets, (name, part), family, carriers[part], rng)
        tasks = [payload(rng) for _ in range(_OWN_ATTACKS[part])]
        sets.attacks["own", part] = in_carriers(
            tasks, carriers[part], family="own", frames=0.5, rng=rng
        )
    return sets


def apart_from(evaluated: Sequence[str], examples: Sequence[Example]) -> list[Example]:
    """Leave out examples that hold a text which is evaluated on, whatever stands around it.

    Last of all, so that the others are dealt, placed and reported on as they were with it. Case,
    space and punctuation do not count; a text of few letters must be all there is.

    Args:
        evaluated: Texts that nothing may be learnt from.
        examples: What would be learnt from.
    """
    known = {_plain(text) for text in evaluated}
    telling = [text for text in known if len(text) > _TELLING]
    kept = []
    for example in examples:
        held = _plain(example.text)
        said = _plain(example.text[example.start : example.end]) if example.attack else held
        if said not in known and not any(text in held for text in telling):
            kept.append(example)
    return kept


def _plain(text: str) -> str:
    return " ".join(_WORD.findall(text.lower()))


def _add(
    sets: Sets, key: tuple[str, str], family: Family, carriers: list[str], rng: random.Random
) -> None:
    name, part = key
    placed = in_carriers(
        family.attacks * _TIMES.get(name, 1),
        family.carriers or carriers,
        family=name,
        frames=_FRAMED.get(name, 0),
        rng=rng,
    )
    if name in _SPEAKS_TO_THE_MACHINE:
        placed = [Example(e.text, e.start, e.end, e.family, "wrapped") for e in placed]
    whole = _sampled(
        family.whole, _SAMPLED[part] if name == "slabs" or part == "report" else None, rng
    )
    beside = _sampled(
        family.honest, _SAMPLED[part] if name == "slabs" or part == "report" else None, rng
    )
    sets.attacks[name, part] = placed + as_they_are(whole, family=name, attack=True)
    cut = [shortened(text, rng) for text in family.carriers]
    sets.beside[name, part] = as_they_are([*beside, *cut], family=name, attack=False)


def _dealt(texts: Sequence[str], most: int, rng: random.Random) -> dict[str, list[str]]:
    shuffled = rng.sample(list(texts), min(most, len(texts)))
    dealt: dict[str, list[str]] = {}
    start = 0
    for part in PARTS:
        end = start + int(_SHARES[part] * len(shuffled))
        dealt[part] = shuffled[start:end]
        start = end
    return dealt


def _sampled(texts: list[str], most: int | None, rng: random.Random) -> list[str]:
    return texts if most is None or len(texts) <= most else rng.sample(texts, most)
