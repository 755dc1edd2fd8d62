"""The membership-inference attacker learns nothing by content; and would, were there anything."""

from __future__ import annotations

import numpy as np
import pytest

from tests.security.attacker.game import Trial, play
from tests.security.attacker.judge import advantage, auc, auc_with_interval

DOCUMENTS = 50


@pytest.mark.slow
def test_over_http_no_reply_tells_which_service_holds_a_forbidden_document() -> None:
    trials = list(play(DOCUMENTS, seed=7))
    assert {trial.number for trial in trials} == set(range(DOCUMENTS))
    assert [trial for trial in trials if trial.differed] == []
    assert advantage(trials) == 0


def test_one_reply_that_differs_is_an_advantage() -> None:
    trials = [Trial(n, "its text", differed=n == 3, present_s=1, absent_s=1) for n in range(10)]
    assert advantage(trials) == pytest.approx(0.1)


def test_the_area_under_the_curve_is_the_chance_that_present_is_slower() -> None:
    low, high = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    assert (auc(high, low), auc(low, high), auc(low, low)) == (1.0, 0.0, 0.5)


def test_the_interval_is_around_the_area() -> None:
    dice = np.random.default_rng(1)
    times = dice.random((200, 2))
    trials = [
        Trial(n, "", differed=False, present_s=p, absent_s=a) for n, (p, a) in enumerate(times)
    ]
    value, low, high = auc_with_interval(trials)
    assert low < value < high
    assert low < 0.5 < high
