"""The gate: a candidate against a baseline, figure by figure, and whether it may be released.

What never lives here: measuring (:mod:`retrieval.evaluation.measuring`) and how far is too far
(:mod:`retrieval.evaluation.thresholds`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingestion.errors import EvaluationError
from retrieval.evaluation.resample import LEVEL, RESAMPLES, SEED
from retrieval.evaluation.thresholds import RULES, Limit, Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from retrieval.evaluation.gate_figures import Figure, Measured


@dataclass(frozen=True, slots=True)
class Judgement:
    """One figure, judged.

    Attributes:
        rule: by which threshold.
        baseline: what it was; None where that has none.
        candidate: what it is; None where it was not measured.
        low: of the 95 % interval of the difference, question by question; None without questions.
        high: its other end.
        passed: whether it is near enough.
        detail: why, in a few words.
    """

    rule: Rule
    baseline: float | None
    candidate: float | None
    low: float | None
    high: float | None
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True)
class GateResult:
    """A candidate, judged."""

    baseline: Measured
    candidate: Measured
    judgements: Sequence[Judgement]

    @property
    def passed(self) -> bool:
        """Whether every figure is near enough."""
        return all(one.passed for one in self.judgements)

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "passed": self.passed,
            "baseline": self.baseline.candidate,
            "candidate": self.candidate.candidate,
            "figures": [
                {
                    "figure": one.rule.figure,
                    "passed": one.passed,
                    "baseline": one.baseline,
                    "candidate": one.candidate,
                    "difference": {"low": one.low, "high": one.high},
                    "limit": f"{one.rule.limit} {one.rule.by:g}",
                    "detail": one.detail,
                }
                for one in self.judgements
            ],
        }


def judge(baseline: Measured, candidate: Measured, *, rules: Sequence[Rule] = RULES) -> GateResult:
    """Hold a candidate against a baseline.

    A figure that the baseline has and the candidate has not is refused: what is not measured is not
    known to be well. One that neither has is left out.

    Raises:
        EvaluationError: they were measured on different data.
    """
    if baseline.data != candidate.data:
        raise EvaluationError(
            "--baseline: it was measured on other data; measure on the same, or record it anew"
        )
    judgements = [
        _judged(rule, baseline.figures.get(rule.figure), candidate.figures.get(rule.figure))
        for rule in rules
        if rule.figure in baseline.figures or rule.figure in candidate.figures
    ]
    return GateResult(baseline, candidate, judgements)


def _judged(rule: Rule, was: Figure | None, now: Figure | None) -> Judgement:
    before, after = (None if figure is None else figure.value for figure in (was, now))
    if now is None or after is None:
        return Judgement(rule, before, None, None, None, passed=False, detail="not measured")
    if rule.limit is Limit.AT_MOST:
        passed = after <= rule.by
        said = "holds" if passed else f"at most {rule.by:g} is allowed"
        return Judgement(rule, before, after, None, None, passed=passed, detail=said)
    if was is None or before is None:
        return Judgement(rule, None, after, None, None, passed=True, detail="new: recorded with it")
    if rule.limit is Limit.GROWS_TO:
        times = after / before if before else float("inf")
        passed = times <= rule.by
        return Judgement(
            rule, before, after, None, None, passed=passed, detail=f"{times:.2f} times as long"
        )
    low, high = _paired(was, now)
    worse = before - after if rule.limit is Limit.FALLS_BY else after - before
    too_far = worse > rule.by + 1e-12
    # A difference that the questions do not bear out is chance, however large it looks.
    chance = low is not None and high is not None and low <= 0 <= high
    detail = "no worse" if worse <= 0 else f"worse by {worse:.3f}"
    if too_far and chance:
        detail += ", which may be chance"
    return Judgement(rule, before, after, low, high, passed=not too_far or chance, detail=detail)


def _paired(was: Figure, now: Figure) -> tuple[float | None, float | None]:
    """The bootstrap interval of the mean difference, of questions that both were asked."""
    if not was.samples or len(was.samples) != len(now.samples):
        return None, None
    differences = np.subtract(now.samples, was.samples)
    random = np.random.default_rng(SEED)
    drawn = random.choice(differences, size=(RESAMPLES, differences.size)).mean(axis=1)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
