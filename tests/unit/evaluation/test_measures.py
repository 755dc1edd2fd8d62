"""The measures against definitions written out the slow way."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.evaluation.curve import BINS, Curve
from retrieval.evaluation.decisions import Decisions
from retrieval.evaluation.resample import Resampling

SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9, 1.0])
JUDGED = st.lists(st.tuples(SCORES, st.booleans()), min_size=1, max_size=40)
WEIGHED = st.lists(st.tuples(SCORES, st.booleans(), st.integers(0, 3)), min_size=1, max_size=25)
CLASSES = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40)

Judged = list[tuple[float, bool]]


def curve(judged: Judged) -> Curve:
    return Curve.of([score for score, _ in judged], [label for _, label in judged])


def both(judged: Judged) -> bool:
    return len({label for _, label in judged}) == 2


def slow_auroc(judged: Judged) -> float:
    pairs = [(p > n) + (p == n) / 2 for p, one in judged if one for n, other in judged if not other]
    return sum(pairs) / len(pairs)


def slow_recall(judged: Judged, allowed: float) -> float:
    positive = [score for score, label in judged if label]
    negative = [score for score, label in judged if not label]
    best = 0.0
    for threshold in {score for score, _ in judged}:
        alarms = sum(score >= threshold for score in negative) / len(negative)
        if alarms <= allowed:
            best = max(best, sum(score >= threshold for score in positive) / len(positive))
    return best


def slow_calibration(judged: Judged) -> float:
    error = 0.0
    edges = [place / BINS for place in range(BINS + 1)]
    for low, high in pairwise(edges):
        own = [(s, y) for s, y in judged if low <= s < high or (s == high == 1.0)]
        if own:
            said = sum(score for score, _ in own) / len(own)
            were = sum(label for _, label in own) / len(own)
            error += len(own) / len(judged) * abs(said - were)
    return error


@given(JUDGED)
def test_auroc_is_the_share_of_pairs_in_the_right_order(judged: Judged) -> None:
    found = curve(judged).auroc()
    assert (found is not None) == both(judged)
    if found is not None:
        assert found == pytest.approx(slow_auroc(judged))


@given(JUDGED, st.sampled_from([0.0, 0.01, 0.05, 0.25, 0.5]))
def test_recall_is_that_of_the_best_threshold_with_few_enough_false_alarms(
    judged: Judged, allowed: float
) -> None:
    found = curve(judged).recall_at(allowed)
    assert (found is not None) == both(judged)
    if found is not None:
        assert found == pytest.approx(slow_recall(judged, allowed))


@given(JUDGED)
def test_the_calibration_error_is_summed_over_bins(judged: Judged) -> None:
    # 0.3 * 10 is exactly 3; the slow way compares with the same edges.
    assert curve(judged).calibration_error() == pytest.approx(slow_calibration(judged))


@given(WEIGHED)
def test_a_weight_is_as_good_as_a_repetition(weighed: list[tuple[float, bool, int]]) -> None:
    kept = curve([(score, label) for score, label, _ in weighed])
    weights = np.array([float(times) for _, _, times in weighed])
    repeated = [(s, y) for s, y, times in weighed for _ in range(times)]
    if not repeated:
        assert kept.calibration_error(weights) is None
        return
    again = curve(repeated)
    for mine, theirs in (
        (kept.auroc(weights), again.auroc()),
        (kept.recall_at(0.2, weights), again.recall_at(0.2)),
        (kept.calibration_error(weights), again.calibration_error()),
    ):
        assert (mine is None) == (theirs is None)
        if mine is not None:
            assert mine == pytest.approx(theirs)


@given(CLASSES)
def test_decisions_are_counted_class_by_class(judged: list[tuple[int, int]]) -> None:
    found = Decisions.of([said for said, _ in judged], [truth for _, truth in judged])
    recalls = []
    for label in range(3):
        of_it = [said for said, truth in judged if truth == label]
        called = [truth for said, truth in judged if said == label]
        if of_it:
            recalls.append(of_it.count(label) / len(of_it))
            assert found.recall(label) == pytest.approx(recalls[-1])
        else:
            assert found.recall(label) is None
        expected = called.count(label) / len(called) if called else None
        assert found.precision(label) == (None if expected is None else pytest.approx(expected))
    expected = sum(recalls) / len(recalls) if len(recalls) > 1 else None
    assert found.balanced_accuracy() == (None if expected is None else pytest.approx(expected))


def test_no_single_threshold_parts_equal_scores() -> None:
    tied = curve([(0.5, True), (0.5, False), (0.5, False), (0.1, False)])
    assert tied.recall_at(0.5) == 0.0
    assert tied.recall_at(0.7) == 1.0


@pytest.mark.parametrize(
    ("scores", "labels", "told"),
    [([0.5], [True, False], "1 scores for 2 labels"), ([1.5], [True], "from 0 to 1")],
)
def test_what_is_no_list_of_scores_is_refused(
    scores: list[float], labels: list[bool], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        Curve.of(scores, labels)


def test_the_same_seed_gives_the_same_interval_around_the_figure() -> None:
    judged = [(place / 100, place % 3 == 0 or place > 60) for place in range(100)]
    measured = curve(judged)
    strata = [int(label) for _, label in judged]
    first, again = (
        Resampling(200, seed=7).estimates(strata, {"auroc": measured.auroc}) for _ in range(2)
    )
    other = Resampling(200, seed=8).estimates(strata, {"auroc": measured.auroc})
    assert first == again != other
    found = first["auroc"]
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert found.low < found.value < found.high


def test_more_texts_make_a_narrower_interval() -> None:
    def width(copies: int) -> float:
        judged = [(place / 20, place % 3 == 0) for place in range(20)] * copies
        strata = [int(label) for _, label in judged]
        found = Resampling(300, seed=1).estimates(strata, {"a": curve(judged).auroc})["a"]
        assert found.low is not None
        assert found.high is not None
        return found.high - found.low

    assert width(16) < width(1) / 2


def test_what_cannot_be_measured_has_neither_figure_nor_interval() -> None:
    alone = curve([(0.2, False), (0.4, False)])
    found = Resampling(10, seed=1).estimates([0, 0], {"auroc": alone.auroc})["auroc"]
    assert (found.value, found.low, found.high) == (None, None, None)
