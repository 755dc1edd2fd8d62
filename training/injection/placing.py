"""Examples: attacks put into carriers at every position and length, and honest texts beside them.

Each example knows where its attack stands, so that a window can be labelled and not only a text.
What must never live here: text; that comes from `corpus` and `phrases`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from injection.phrases import HONEST, PAYLOADS, SLOTS, WRAPPERS
from verifier.sentences import sentences

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

_SLOT = re.compile(r"\{(" + "|".join(SLOTS) + r")\}")


@dataclass(frozen=True)
class Example:
    """A text and what is known about it.

    Attributes:
        text: As the screen sees it.
        start: Where the attack begins, in characters; 0 where there is none.
        end: Where it ends; 0 where there is none.
        family: What it was made from.
        kind: `honest`; `bare` (the task alone), `wrapped` (the task in a frame) or `whole` (a
            text that is an attack as it stands).
    """

    text: str
    start: int
    end: int
    family: str
    kind: str

    @property
    def attack(self) -> bool:
        """Whether there is an attack in it."""
        return self.end > self.start


def filled(pattern: str, rng: random.Random) -> str:
    """Fill the slots of a pattern; braces that are no slot stay."""
    return _SLOT.sub(lambda slot: rng.choice(SLOTS[slot[1]]), pattern)


def payload(rng: random.Random) -> str:
    """One task that nobody reading a document should be given."""
    return filled(rng.choice(PAYLOADS), rng)


def wrapped(task: str, rng: random.Random) -> str:
    """Put a task into a frame that speaks to the machine."""
    return filled(rng.choice(WRAPPERS), rng).replace("{payload}", task)


def honest(rng: random.Random) -> str:
    """A text of the project's own honest sentences, some of which ask for something."""
    kind = rng.choice(list(HONEST))
    count = rng.choice([1, 2, 3, 5, 8])
    chosen = rng.sample(HONEST[kind], min(count, len(HONEST[kind])))
    if rng.random() < 0.3:
        chosen += [rng.choice(HONEST[rng.choice(list(HONEST))]) for _ in range(2)]
    lines = [filled(pattern, rng) for pattern in chosen]
    lines = [line[0].upper() + line[1:] for line in lines]
    style = rng.choice(["prose", "prose", "lines", "steps", "bullets", "table"])
    if style == "prose":
        return " ".join(lines)
    if style == "steps":
        return "\n".join(f"{number}. {line}" for number, line in enumerate(lines, 1))
    if style == "bullets":
        return "\n".join(f"- {line}" for line in lines)
    if style == "table":
        return "\n".join(f"| {number} | {line} |" for number, line in enumerate(lines, 1))
    return "\n".join(lines)


def shortened(carrier: str, rng: random.Random) -> str:
    """Keep some sentences in a row, so that texts of all lengths occur."""
    spans = sentences(carrier)
    keep = rng.choice([1, 2, 3, 4, 6, 8, 12])
    if len(spans) <= keep:
        return carrier
    first = rng.randrange(len(spans) - keep + 1)
    return carrier[spans[first][0] : spans[first + keep - 1][1]]


def placed(attack: str, carrier: str, rng: random.Random) -> tuple[str, int, int]:
    """Put an attack into a carrier: before, behind, or between two of its sentences.

    Returns:
        The text and the span of the attack.
    """
    spans = sentences(carrier)
    where = rng.choice(["begin", "middle", "middle", "end"])
    at = 0
    if where == "end" or len(spans) < 2:
        at = len(carrier)
    elif where == "middle":
        at = spans[rng.randrange(1, len(spans))][0]
    joint = rng.choice([" ", " ", "\n", "\n\n"])
    if "|" in carrier and rng.random() < 0.5:
        attack = "| " + attack.replace("\n", " ") + " |"
        joint = "\n"
    elif carrier.lstrip().startswith(("#", "def ", "import ", "//")) and rng.random() < 0.5:
        attack = "# " + attack.replace("\n", "\n# ")
        joint = "\n"
    elif rng.random() < 0.05:
        attack = f"<p>{attack}</p>"
    before = carrier[:at].rstrip(" ") + (joint if at else "")
    behind = (joint if at < len(carrier) else "") + carrier[at:]
    return before + attack + behind, len(before), len(before) + len(attack)


def in_carriers(
    attacks: Sequence[str],
    carriers: Sequence[str],
    *,
    family: str,
    frames: float,
    rng: random.Random,
) -> list[Example]:
    """Put every attack into a carrier, `frames` of them (a share) framed."""
    examples = []
    for attack in attacks:
        kind = "bare"
        task = attack
        if rng.random() < frames:
            kind, task = "wrapped", wrapped(attack, rng)
        text, start, end = placed(task, shortened(rng.choice(carriers), rng), rng)
        examples.append(Example(text, start, end, family, kind))
    return examples


def as_they_are(texts: Sequence[str], *, family: str, attack: bool) -> list[Example]:
    """Texts that need no carrier."""
    return [
        Example(text, 0, len(text) if attack else 0, family, "whole" if attack else "honest")
        for text in texts
    ]
