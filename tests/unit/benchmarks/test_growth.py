"""What the benchmarks of growth compute: estates that add up, and lines that predict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.benchmarks.growth.figures import LaneFigures
from tests.benchmarks.growth.plots import FIXED, corpus, many_acls, many_tenants
from tests.benchmarks.growth.scale import EXACT_LIMIT, Line, Model


@pytest.mark.parametrize("chunks", [10_000, 100_000, 500_000])
def test_a_corpus_holds_what_it_says_and_everybody_sees_what_they_are_named_for(
    chunks: int,
) -> None:
    estate = corpus(chunks)
    assert estate.chunks == chunks
    assert [asker.visible for asker in estate.askers] == sorted(
        int(asker.user.removeprefix("user:sees-")) for asker in estate.askers
    )
    assert estate.askers[-1].visible * 2 <= chunks


def test_the_fixed_view_is_the_same_plots_in_every_corpus() -> None:
    views = {corpus(chunks).asker(FIXED).plots for chunks in (10_000, 100_000, 500_000)}
    views |= {many_tenants(tenants).asker(FIXED).plots for tenants in (1, 50, 2_000)}
    assert len(views) == 1


def test_as_many_chunks_stand_under_more_and_more_acls() -> None:
    askers = many_acls().askers
    assert [asker.acls for asker in askers] == [10, 100, 1_000, 5_000, 20_000]
    assert {asker.visible for asker in askers} == {20_000}


@pytest.mark.parametrize("tenants", [1, 2, 500, 2_000])
def test_tenants_share_the_same_number_of_chunks(tenants: int) -> None:
    estate = many_tenants(tenants)
    assert (estate.tenants, estate.chunks) == (tenants, 20_000)
    assert all(plot.chunks > 0 for plot in estate.plots)


@given(st.floats(1, 1_000), st.floats(0.001, 10), st.sets(st.integers(1, 10**6), min_size=2))
def test_a_line_through_points_of_a_line_is_that_line(
    base: float, slope: float, xs: set[int]
) -> None:
    found = Line.through(sorted(xs), [base + slope * x for x in sorted(xs)])
    assert found.at(2_000_000) == pytest.approx(base + slope * 2_000_000, rel=1e-2)


def test_a_model_has_a_line_on_each_side_of_the_exact_limit() -> None:
    lanes = [_lane(visible, 10 + visible / 100, exact=True) for visible in (1_000, 20_000)]
    lanes += [_lane(visible, 50 + visible / 1_000, exact=False) for visible in (40_000, 200_000)]
    model = Model.fitted(lanes)
    assert model.at(EXACT_LIMIT) == pytest.approx(210)
    assert model.at(100_000) == pytest.approx(150)


def _lane(visible: int, p50: float, *, exact: bool) -> LaneFigures:
    return LaneFigures(
        axis="visible",
        chunks=500_000,
        tenants=1,
        visible=visible,
        acls=10,
        exact=exact,
        asked=40,
        failed=0,
        first_ms=p50,
        p10_ms=p50,
        p50_ms=p50,
        p90_ms=p50,
        stages_ms={},
    )
