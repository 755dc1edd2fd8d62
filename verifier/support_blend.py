"""How the chances of a trained judge are weighed with what the rules see.

Each number was read off collections that the judge had not seen (`training/fit_support.py`): on
what it knows, a model is surer than it will ever be again. What must never live here: a verdict.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from verifier.support_model import Chances

_MODEL: Final = 0.249  # weight of the judge's log-odds of support
_RULES: Final = 0.177  # of the rules'
_OFFSET: Final = 0.649
_LEAST: Final = 1e-4  # of a chance: nobody is surer than that
_SURE: Final = 0.7
"""Chance of contradiction from which the judge's word is taken.

Of claims that are supported, in a collection it had not seen, it then calls fewer than one in a
hundred contradicted.
"""


def blended(rules: float, chances: Chances) -> float:
    """The score of support, from 0 to 1.

    Args:
        rules: their score, from 0 to 1.
        chances: of the judge.
    """
    z = _MODEL * _log_odds(chances.supported) + _RULES * _log_odds(rules) + _OFFSET
    return 1 / (1 + math.exp(-z))


def contradicting(rules: float, chances: Chances) -> float:
    """The score of contradiction, from 0 to 1: that of whoever is surer.

    The judge's chance is bent so that one half is where its word is taken.

    Args:
        rules: their score.
        chances: of the judge.
    """
    chance = chances.contradicted
    if chance < _SURE:
        return max(rules, 0.5 * chance / _SURE)
    return max(rules, 0.5 + 0.5 * (chance - _SURE) / (1 - _SURE))


def _log_odds(chance: float) -> float:
    chance = min(max(chance, _LEAST), 1 - _LEAST)
    return math.log(chance / (1 - chance))
