"""What the attacker may see, and the forbidden documents the game is about. Drawn from numbers."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

ATTACKER: Final = "user:attacker"
_SHOWN: Final = 60
_WORDS: Final = tuple(
    """
    account advance audit balance branch budget cash claim clerk client closing credit customer
    debt delay deposit dividend draft equity euro fee fund hedge income index interest ledger
    limit loan margin merger office option payment pension policy premium profit quarter rate
    refund reserve review risk salary settlement share signature swap tax teller trade transfer
    travel trust vault vendor waiver yield
    """.split()  # noqa: SIM905 - read as words
)


def shown() -> Iterator[str]:
    """Texts that the attacker may read, in the same words as the forbidden ones."""
    dice = random.Random(1)  # noqa: S311 - a seed, not a secret
    for number in range(_SHOWN):
        yield f"Branch note {number}: {' '.join(dice.choices(_WORDS, k=14))}."


def forbidden(number: int) -> str:
    """The text of one forbidden document; a name of its own, and words that are common."""
    dice = random.Random(1_000_003 + number)  # noqa: S311 - a seed, not a secret
    name = "".join(dice.choices("bcdfghklmnprstvz", k=9))
    return f"Project {name}: {' '.join(dice.choices(_WORDS, k=12))}."
