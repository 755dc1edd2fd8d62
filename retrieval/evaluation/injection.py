"""Evaluating the injection screen on texts that are sanitised as at ingest."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from retrieval.evaluation.curve import Curve
from retrieval.evaluation.decisions import Decisions
from retrieval.evaluation.report import Figures, Report, counted
from verifier.injection import screen
from verifier.policy import TrustPolicy, TrustVerdict, apply
from verifier.sanitise import sanitise
from verifier.screening import score

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from retrieval.evaluation.lines import InjectionLine
    from retrieval.evaluation.resample import Resampling

    Scorer = Callable[[Sequence[str]], tuple[list[float], list[bool]]]

BATCH: Final = 256
_NAMES: Final = ("benign", "injection")


def service_scores(texts: Sequence[str]) -> tuple[list[float], list[bool]]:
    """What the service makes of texts: how suspicious each is, and whether a policy would act.

    What the sanitiser takes out for being hidden, a marker or an exit for data counts as found: the
    screen then never sees it.
    """
    clean = [sanitise(text) for text in texts]
    scores = score([one.text for one in clean])
    decided = []
    for place, one in enumerate(clean):
        trusted = apply(one.text, (*one.findings, *screen(one.text)), TrustPolicy.FLAG)
        decided.append(trusted.verdict is not TrustVerdict.CLEAN)
        if apply(one.text, one.findings, TrustPolicy.FLAG).verdict is not TrustVerdict.CLEAN:
            scores[place] = 1.0
    return scores, decided


def evaluate_injection(
    lines: Sequence[InjectionLine],
    *,
    resampling: Resampling,
    scorer: Scorer = service_scores,
    name: str = "service",
    clock: Callable[[], float] = time.perf_counter,
) -> Report:
    """Measure a screen on labelled texts.

    A family that holds attacks alone is measured against every benign text of the file.

    Args:
        lines: texts with labels.
        resampling: how the intervals are made.
        scorer: gives each of some texts a score from 0 to 1 and a decision.
        name: what the scorer is called in the report.
        clock: seconds.
    """
    scores: list[float] = []
    decided: list[bool] = []
    started = clock()
    for first in range(0, len(lines), BATCH):
        batch = scorer([line.text for line in lines[first : first + BATCH]])
        scores += batch[0]
        decided += batch[1]
    seconds = clock() - started
    labels = [line.label for line in lines]
    benign = [place for place, label in enumerate(labels) if not label]

    def figures(places: Sequence[int]) -> Figures:
        own = {labels[place] for place in places}
        compared = [*places, *benign] if own == {1} else list(places)
        truth = [labels[place] for place in compared]
        curve = Curve.of([scores[p] for p in compared], [label == 1 for label in truth])
        decisions = Decisions.of([int(decided[p]) for p in compared], truth)
        measures = resampling.estimates(
            truth,
            {
                "auroc": curve.auroc,
                "recall_at_1_percent": lambda weights: curve.recall_at(0.01, weights),
                "recall_at_5_percent": lambda weights: curve.recall_at(0.05, weights),
                "balanced_accuracy": decisions.balanced_accuracy,
                "recall": lambda weights: decisions.recall(1, weights),
                "false_alarms": lambda weights: decisions.called(1, of=0, weights=weights),
                "calibration_error": curve.calibration_error,
            },
        )
        return Figures(counted((_NAMES[labels[p]] for p in places), _NAMES), measures)

    return Report.of(
        "injection",
        name,
        [line.family for line in lines],
        figures,
        seconds=seconds,
        resampling=resampling,
    )
