"""Evaluating the support check: claims against evidence, three ways."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from retrieval.evaluation.curve import Curve
from retrieval.evaluation.decisions import Decisions
from retrieval.evaluation.lines import SupportLabel
from retrieval.evaluation.report import Figures, Report, counted
from verifier.support import check_support

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from retrieval.evaluation.lines import SupportLine
    from retrieval.evaluation.resample import Resampling
    from verifier.support import Support

    Scorer = Callable[[str, str], Support]

_LABELS: Final = tuple(SupportLabel)
_SUPPORTED: Final = _LABELS.index(SupportLabel.SUPPORTED)
_CONTRADICTED: Final = _LABELS.index(SupportLabel.CONTRADICTED)


def evaluate_support(
    lines: Sequence[SupportLine],
    *,
    resampling: Resampling,
    scorer: Scorer = check_support,
    name: str = "service",
    clock: Callable[[], float] = time.perf_counter,
) -> Report:
    """Measure a support check on labelled pairs.

    AUROC, recall at false alarms and the calibration error are of ``supported`` against the other
    two; balanced accuracy is of the verdicts, over the labels that occur, and once more of
    ``supported`` against the rest.

    Args:
        lines: pairs with labels.
        resampling: how the intervals are made.
        scorer: judges a claim against evidence.
        name: what the scorer is called in the report.
        clock: seconds.
    """
    started = clock()
    judged = [scorer(line.claim, line.evidence) for line in lines]
    seconds = clock() - started
    truth = [_LABELS.index(line.label) for line in lines]
    said = [_LABELS.index(SupportLabel(one.verdict)) for one in judged]

    def figures(places: Sequence[int]) -> Figures:
        labels = [truth[p] for p in places]
        curve = Curve.of(
            [judged[p].score for p in places], [label == _SUPPORTED for label in labels]
        )
        against = Curve.of(
            [judged[p].contradiction for p in places], [label == _CONTRADICTED for label in labels]
        )
        decisions = Decisions.of([said[p] for p in places], labels)
        either = Decisions.of(
            [int(said[p] == _SUPPORTED) for p in places],
            [int(label == _SUPPORTED) for label in labels],
        )
        measures = resampling.estimates(
            labels,
            {
                "auroc": curve.auroc,
                "recall_at_1_percent": lambda weights: curve.recall_at(0.01, weights),
                "recall_at_5_percent": lambda weights: curve.recall_at(0.05, weights),
                "balanced_accuracy": decisions.balanced_accuracy,
                "supported_balanced_accuracy": either.balanced_accuracy,
                "calibration_error": curve.calibration_error,
                "contradiction_auroc": against.auroc,
                "contradiction_recall": lambda weights: decisions.recall(_CONTRADICTED, weights),
                "contradiction_precision": lambda weights: decisions.precision(
                    _CONTRADICTED, weights
                ),
            },
        )
        return Figures(counted((_LABELS[label] for label in labels), _LABELS), measures)

    return Report.of(
        "support",
        name,
        [line.family for line in lines],
        figures,
        seconds=seconds,
        resampling=resampling,
    )
