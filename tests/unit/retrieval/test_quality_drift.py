"""Figures by hand, by independent libraries, and by what was planted."""

from __future__ import annotations

import dataclasses
import math
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from sklearn.calibration import calibration_curve
from sklearn.metrics import brier_score_loss

from retrieval import quality
from retrieval.quality.bootstrap import Ratio, difference
from retrieval.quality.drift import _contributions
from retrieval.quality.metrics import DIMENSIONS, METRICS, Unit
from retrieval.quality.planted import Fault, Planted
from retrieval.quality.synthetic import Plan, agent_digest, history
from retrieval.quality.unit_frames import units

if TYPE_CHECKING:
    from collections.abc import Mapping

    from retrieval.quality import Records

ENDS = datetime(2026, 11, 23, tzinfo=UTC)
TURN = ENDS - timedelta(weeks=2)
TENANTS = ("northbank", "eastclinic")


def records(*planted: Planted, seed: int = 1, queries: int = 160) -> Records:
    """Four weeks of two tenants; what is planted begins in the third."""
    return quality.made_up(Plan(seed=seed, weeks=4, queries=queries, ends=ENDS, planted=planted))


def found(of: Records, **options: Any) -> Mapping[str, Any]:
    table = quality.drift(of, at=TURN, resamples=500, **options)
    return {row["metric"]: row for row in table.to_dict("records")}


# The made-up history


def test_the_same_seed_makes_the_same_history() -> None:
    plan = Plan(weeks=1, queries=20)
    assert list(history(plan)) == list(history(plan))
    assert list(history(plan)) != list(history(Plan(weeks=1, queries=20, seed=7)))


def test_a_further_tenant_changes_nothing_of_the_others() -> None:
    small, large = (
        dict(history(Plan(weeks=1, queries=20, tenants=tenants)))
        for tenants in (("a",), ("a", "b"))
    )
    assert small["a"] == large["a"]


# Worked examples


def claims(*rows: tuple[str, str, str, int, int, int, int]) -> Records:
    """Claims as (check, verdict, caller, quoted, unquoted, misplaced, not_found)."""
    blank = quality.made_up(Plan(tenants=("a",), weeks=1, queries=3))
    first = blank.claims.iloc[[0]]
    outcomes = ("quoted", "unquoted", "misplaced", "not_found")
    made = []
    for place, (check, verdict, caller, *counts) in enumerate(rows, start=1):
        zero = dict.fromkeys((c for c in first.columns if first[c].dtype == "int64"), 0)
        own = dict(zip(outcomes, counts, strict=True))
        said = {"record_id": check, "verdict": verdict, "caller": caller}
        made.append(first.assign(**{**zero, **own, **said, "place": place}))
    return dataclasses.replace(blank, claims=pd.concat(made, ignore_index=True))


def test_citation_figures_agree_with_a_worked_example() -> None:
    """Two checks: three claims with five citations, one claim with two."""
    worked = claims(
        ("one", "supported", "x", 1, 1, 0, 0),  # both help
        ("one", "not_enough", "x", 1, 0, 0, 0),  # holds, and helps nothing
        ("one", "contradicted", "x", 0, 0, 1, 1),  # misattributed, and absent
        ("two", "supported", "y", 1, 0, 1, 0),
    )
    frame = units(worked, Unit.CHECK)
    figures = {
        name: frame[metric.top].sum() / frame[metric.bottom].sum()
        for name, metric in METRICS.items()
        if metric.unit is Unit.CHECK
    }
    assert figures == pytest.approx(
        {
            "citation_recall": 2 / 4,
            "citation_precision": 3 / 7,
            "support_rate": 2 / 3,
            "contradiction_rate": 1 / 4,
            "misattribution_rate": 2 / 5,
            "quote_fidelity": 3 / 5,
        }
    )


def test_contributions_agree_with_a_worked_example() -> None:
    """Half and half before, at 10 and 30 %; then 3 of 4 are of b, at 10 and 50 %."""
    cells = [(False, "a", 50, 5), (False, "b", 50, 15), (True, "a", 25, 2.5), (True, "b", 75, 37.5)]
    frame = pd.DataFrame(cells, columns=["later", "source", "queries", "no_evidence"])
    metric = METRICS["no_evidence_rate"]
    table = _contributions(frame, metric, "source", 1).set_index("group")
    # R = .2, R' = .4. Of b: .75 (.5 - .2) - .5 (.3 - .2) = .175; of a: .25 (-.1) - .5 (-.1) = .025.
    assert table["contribution"].to_dict() == pytest.approx({"a": 0.025, "b": 0.175})
    assert table["own"].to_dict() == pytest.approx({"a": 0.0, "b": 0.75 * 0.2})
    assert table["mix"].to_dict() == pytest.approx({"a": 0.025, "b": 0.025})
    assert table["explains"].sum() == pytest.approx(1)


@pytest.mark.parametrize("metric", ["no_evidence_rate", "staleness_exposure", "quote_fidelity"])
def test_contributions_add_up_to_the_change(metric: str) -> None:
    made = records(Planted(Fault.WORSE_MODEL, "g2", 2), Planted(Fault.STALE_SOURCE, "tickets", 2))
    row = found(made, metrics=[metric])[metric]
    for by in DIMENSIONS[METRICS[metric].unit]:
        table = quality.attribute(made, metric, at=TURN, by=by)
        assert table["contribution"].sum() == pytest.approx(row["change"], abs=1e-12)
        assert (table["own"] + table["mix"]).tolist() == pytest.approx(
            table["contribution"].tolist()
        )


def test_checks_from_before_generations_were_kept_are_compared_all_the_same() -> None:
    made = records(Planted(Fault.MISATTRIBUTING_AGENT, "drafter", 2))
    old = dataclasses.replace(made, claims=made.claims.assign(generation=None, source=None))
    row = found(old, metrics=["quote_fidelity"])["quote_fidelity"]
    assert row["dimension"] == "caller"
    for by in ("generation", "source"):
        [only] = quality.attribute(old, "quote_fidelity", at=TURN, by=by).itertuples()
        assert only.contribution == pytest.approx(row["change"])


def test_a_fall_is_put_down_to_the_source_whose_claims_it_is_about() -> None:
    made = records()
    claims = made.claims.copy()
    late = (claims["at"] >= TURN) & (claims["source"] == "tickets")
    claims.loc[late, "verdict"] = "not_enough"
    row = found(dataclasses.replace(made, claims=claims), metrics=["citation_recall"])[
        "citation_recall"
    ]
    assert (row["verdict"], row["dimension"], row["cause"]) == ("worse", "source", "tickets")


# Against independent libraries


def test_the_bootstrap_agrees_with_scipy() -> None:
    random = np.random.default_rng(3)
    before, after = random.binomial(1, 0.2, 400), random.binomial(1, 0.3, 300)
    ones = [np.ones(len(part)) for part in (before, after)]
    pair = (Ratio.of(part, one) for part, one in zip((before, after), ones, strict=True))
    own = difference(*pair, resamples=9_999)
    theirs = bootstrap(
        (after, before),
        lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis),
        method="percentile",
        n_resamples=9_999,
        vectorized=True,
        rng=1,
    ).confidence_interval
    assert own == pytest.approx(tuple(theirs), abs=0.004)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(min_value=0, max_value=1), st.booleans()), min_size=5, max_size=60)
)
def test_the_reliability_curve_and_the_brier_score_agree_with_scikit_learn(
    pairs: list[tuple[float, bool]],
) -> None:
    said = [p if abs(p * 10 - round(p * 10)) > 1e-6 else 0.55 for p, _ in pairs]  # no edge of a bin
    true = [outcome for _, outcome in pairs]
    curve = quality.reliability(said, true)
    observed, predicted = calibration_curve(true, said, n_bins=10)
    assert curve["true"].tolist() == pytest.approx(observed.tolist())
    assert curve["said"].tolist() == pytest.approx(predicted.tolist())
    assert quality.brier(said, true) == pytest.approx(brier_score_loss(true, said, labels=[0, 1]))
    assert curve["count"].sum() == len(pairs)


def test_relevance_of_the_made_up_history_is_calibrated_and_a_distortion_is_seen() -> None:
    judged = quality.judged_pieces(records(queries=300))
    assert len(judged) > 200
    fair = quality.calibration_error(judged["relevance"], judged["useful"])
    boast = quality.calibration_error(judged["relevance"] ** 0.2, judged["useful"])
    assert fair < 0.08
    assert boast > 0.15


# What was planted is found, and named


def test_nothing_is_said_of_a_history_in_which_nothing_changed() -> None:
    said = found(records(seed=5))
    assert {row["verdict"] for row in said.values()} == {"no change"}
    assert all(row["cause"] is None for row in said.values())


@pytest.mark.parametrize(
    ("fault", "where", "metric", "dimension", "cause"),
    [
        (Fault.STALE_SOURCE, "policies", "staleness_exposure", "source", {"policies"}),
        (Fault.WORSE_MODEL, "g2", "relevance", "generation", {"g2"}),
        (
            Fault.MISATTRIBUTING_AGENT,
            "drafter",
            "misattribution_rate",
            "caller",
            {agent_digest(tenant, "drafter") for tenant in TENANTS},
        ),
        (Fault.INJECTED_SOURCE, "tickets", "flagged_share", "source", {"tickets"}),
        (Fault.SLOW_TENANT, "eastclinic", "slow_share", "tenant", {"eastclinic"}),
    ],
)
def test_a_planted_regression_is_called_worse_and_its_cause_is_named(
    fault: Fault, where: str, metric: str, dimension: str, cause: set[str]
) -> None:
    row = found(records(Planted(fault, where, 2)))[metric]
    assert (row["verdict"], row["dimension"]) == ("worse", dimension)
    assert row["cause"] in cause
    assert row["low"] <= row["change"] <= row["high"]


def test_a_group_of_questions_is_named_by_the_name_that_is_given() -> None:
    made = records(seed=3)
    digests = made.retrievals["query"].value_counts().index[2:8]
    hit = made.retrievals["query"].isin(digests) & (made.retrievals["at"] >= TURN)
    made.retrievals.loc[hit, ["status", "evidence"]] = ["no_evidence", 0]
    row = found(made, groups=dict.fromkeys(digests, "mortgages"))["no_evidence_rate"]
    assert (row["verdict"], row["dimension"], row["cause"]) == ("worse", "group", "mortgages")


# Bad input


def test_too_few_records_are_called_that() -> None:
    empty = records().between(ENDS + timedelta(days=1))
    for some in (empty, records().between(ENDS - timedelta(minutes=30))):
        said = found(some)
        assert {row["verdict"] for row in said.values()} <= {"too few", "no change"}
    assert math.isnan(quality.brier([], []))
    assert quality.reliability([math.nan], [True]).empty


def test_what_cannot_be_asked_is_refused_by_name() -> None:
    some = records(queries=5)
    with pytest.raises(quality.InvalidPeriodError, match="time zone"):
        quality.drift(some, at=datetime(2026, 11, 1))  # noqa: DTZ001 - what is refused
    with pytest.raises(quality.UnknownMetricError, match="citation_recall"):
        quality.drift(some, at=TURN, metrics=["quality"])
    with pytest.raises(quality.UnknownMetricError, match="source"):
        quality.attribute(some, "relevance", at=TURN, by="weather")


def test_a_million_units_are_resampled_as_fast_as_their_kinds_are_few() -> None:
    random = np.random.default_rng(1)
    ratio = Ratio.of(random.binomial(3, 0.2, 1_000_000), np.full(1_000_000, 3.0))
    assert len(ratio.count) == 4
    low, high = difference(ratio, ratio, resamples=500)
    assert low < 0 < high
