"""How well chances tell what people said, and how they are weighed with what the rules see.

What must never live here: training.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from support.pairs import CONTRADICTED, NOT_ENOUGH
from verifier.lexicon import negates
from verifier.reading import read
from verifier.support import Evidence, Hearing

if TYPE_CHECKING:
    from collections.abc import Sequence

    from support.pairs import Pair

_LEAST = 1e-4


def log_odds(chance: np.ndarray) -> np.ndarray:
    """Log-odds of chances, kept finite."""
    chance = np.clip(chance, _LEAST, 1 - _LEAST)
    return np.log(chance / (1 - chance))


def by_rules(pairs: Sequence[Pair]) -> np.ndarray:
    """What the rules score pairs, and the share of the claim's words; shape (pairs, 2)."""
    found = []
    for pair in pairs:
        hearing = Hearing.of(pair.claim, [Evidence.of(pair.evidence)])
        words = hearing.wanted.covered(hearing.texts[0].vocabulary)
        found.append((hearing.judge()[0].score, words))
    return np.array(found)


def blended(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> tuple[float, ...]:
    """Fit how chance and rules are weighed: a logistic regression on pairs of unknown collections.

    Args:
        parts: for each collection, chances of support, scores of the rules, and whether people
            called it supported. Each collection counts alike, and so do both answers.

    Returns:
        The weights of the two log-odds, and the offset.
    """
    inputs = np.concatenate([np.c_[log_odds(chance), log_odds(rule)] for chance, rule, _ in parts])
    truth = np.concatenate([one for _, _, one in parts])
    counts = [np.where(one, 0.5 / one.sum(), 0.5 / (~one).sum()) for _, _, one in parts]
    counted = np.concatenate(counts)
    model = LogisticRegression(C=1e3).fit(inputs, truth, sample_weight=counted / counted.mean())
    return (*model.coef_[0].tolist(), float(model.intercept_[0]))


def figures(scores: np.ndarray, pairs: Sequence[Pair]) -> dict[str, float]:
    """AUROC of support: of all pairs, and against each of the others.

    Args:
        scores: how far each pair is supported, shape (pairs,).
        pairs: as people labelled them.
    """
    supported = np.array([bool(pair.truth[0]) for pair in pairs])
    found = {"pairs": len(pairs), "auroc": roc_auc_score(supported, scores)}
    for name, truth in (("contradicted", CONTRADICTED), ("not_enough", NOT_ENOUGH)):
        either = supported | np.array([pair.truth == truth for pair in pairs])
        if not supported[either].all():
            found[f"auroc_{name}"] = roc_auc_score(supported[either], scores[either])
    return {name: round(float(value), 3) for name, value in found.items()}


def contradicted(chances: np.ndarray, pairs: Sequence[Pair], *, sure: float) -> dict[str, float]:
    """What is called contradicted from a chance on: how often rightly, and how often of supported.

    Claims that hold a negation are left out: there the model's word is not taken.

    Args:
        chances: of the verdicts, shape (pairs, 3).
        pairs: as people labelled them.
        sure: the chance.
    """
    plain = np.array([not any(map(negates, read(pair.claim).lower)) for pair in pairs])
    said = (chances[:, 1] >= sure) & plain
    supported = np.array([bool(pair.truth[0]) for pair in pairs])
    against = np.array([pair.truth == CONTRADICTED for pair in pairs])
    return {
        "sure": sure,
        "called": int(said.sum()),
        "rightly": round(float(against[said].mean()), 3) if said.any() else 0.0,
        "of_supported": round(float(said[supported].mean()), 3),
        "of_contradicted": round(float(said[against].mean()), 3) if against.any() else 0.0,
    }
