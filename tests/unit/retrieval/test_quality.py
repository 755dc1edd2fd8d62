"""Figures for analysts, against values counted by hand and an independent library."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from retrieval import quality
from retrieval.quality import charts, source_charts
from retrieval.quality.extra import pandas
from retrieval.quality.style import duration, percent
from retrieval.quality.worst import REMEDIES
from retrieval.status import ReasonCode
from tests.notebooks.recorded import DAY, Piece, Recorded
from tests.support.clock import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from acl.orm import Database
    from tests.support.catalogue import Blank

# The module: the package exports its function under the same name.
reading = sys.modules["retrieval.quality.load"]

STALE = Piece(source="archive", age=3 * DAY, freshness="stale")


@contextmanager
def world(blank: Blank, directory: Path) -> Iterator[Recorded]:
    recorded = Recorded(blank, directory, "bank", "clinic")
    try:
        for source in ("handbook", "archive", "unused"):
            recorded.source("bank", source)
        yield recorded
    finally:
        recorded.close()


@pytest.fixture
def bank(blank_catalogue: Blank, tmp_path: Path) -> Iterator[Database]:
    """Twelve queries of the bank: 6 full, 3 stale, 1 conflict, 2 without evidence; 1 elsewhere."""
    with world(blank_catalogue, tmp_path / "data") as recorded:
        for number in range(6):
            recorded.query("bank", Piece(document=f"doc-{number}"), Piece(relevance=0.6))
        for _ in range(3):
            reasons = [ReasonCode.STALE_EVIDENCE, ReasonCode.STALE_SOURCE]
            recorded.query("bank", STALE, Piece(), reasons=reasons, query="asked-often")
        recorded.query(
            "bank",
            Piece(verdict="flagged"),
            Piece(relevance=0.55),
            reasons=[ReasonCode.CONFLICTING_EVIDENCE],
            conflicts=1,
            latency_ms=110.0,
        )
        for _ in range(2):
            recorded.query("bank", reasons=[ReasonCode.LOW_RELEVANCE], query="unanswered")
        recorded.query("clinic", Piece(source="secret"))
        yield recorded.flush()


def test_a_frame_holds_one_tenant_only(bank: Database) -> None:
    assert len(quality.retrievals(bank, "bank")) == 12
    assert set(quality.evidence(bank, "bank")["source"]) == {"handbook", "archive"}
    assert set(quality.evidence(bank, "clinic")["source"]) == {"secret"}
    assert len(quality.retrievals(bank, "nobody")) == 0


def test_a_frame_says_what_was_recorded(bank: Database) -> None:
    frame = quality.retrievals(bank, "bank")
    row = frame.iloc[6]
    assert row["reasons"] == ["stale_evidence", "stale_source"]
    assert (row["status"], row["action"]) == ("degraded", "answer_with_caveat")
    assert row["at"] == NOON + timedelta(minutes=7)
    assert frame["best_relevance"].isna().tolist() == [False] * 10 + [True] * 2
    pieces = quality.evidence(bank, "bank")
    assert pieces.loc[pieces["source"] == "archive", "max_age_seconds"].tolist() == [DAY] * 3


def test_a_period_includes_its_start_and_excludes_its_end(bank: Database) -> None:
    since, until = NOON + timedelta(minutes=2), NOON + timedelta(minutes=5)
    assert len(quality.retrievals(bank, "bank", since=since, until=until)) == 3
    assert len(quality.evidence(bank, "bank", since=since, until=until)) == 6


def test_a_period_that_is_none_is_refused(bank: Database) -> None:
    naive = datetime(2026, 3, 2)  # noqa: DTZ001 - the point of the test
    with pytest.raises(quality.InvalidPeriodError, match=r"since=.*time zone"):
        quality.retrievals(bank, "bank", since=naive)
    with pytest.raises(quality.InvalidPeriodError, match="swap them"):
        quality.evidence(bank, "bank", since=NOON, until=NOON)


def test_status_rates_agree_with_a_count_by_hand(bank: Database) -> None:
    table = quality.status_rates(quality.retrievals(bank, "bank")).set_index("status")
    assert table["count"].to_dict() == {"ok": 6, "degraded": 4, "no_evidence": 2}
    assert table["rate"].sum() == pytest.approx(1)
    assert table["rate"]["ok"] == 0.5
    assert table.loc["ok", "low"] == pytest.approx(0.2538, abs=5e-5)
    assert table.loc["ok", "high"] == pytest.approx(0.7462, abs=5e-5)


def test_reasons_are_counted_under_the_status_that_gave_them(bank: Database) -> None:
    frame = quality.retrievals(bank, "bank")
    silent = quality.no_evidence_by_reason(frame).set_index("reason")["count"]
    caveats = quality.degraded_by_reason(frame).set_index("reason")["count"]
    assert silent.to_dict() == {"low_relevance": 2}
    assert caveats.to_dict() == {
        "stale_evidence": 3,
        "stale_source": 3,
        "conflicting_evidence": 1,
    }
    assert (quality.degraded_by_reason(frame, by=["tenant"])["total"] == 12).all()


def test_conflicts_are_a_share_of_the_answers_that_had_evidence(bank: Database) -> None:
    table = quality.conflict_rate(quality.retrievals(bank, "bank"))
    assert table[["count", "total"]].to_numpy().tolist() == [[1, 10]]


def test_flagged_pieces_are_counted_by_source(bank: Database) -> None:
    table = quality.flagged_share(quality.evidence(bank, "bank"), minimum=1).set_index("source")
    assert table["count"].to_dict() == {"archive": 0, "handbook": 1}
    assert table["total"].to_dict() == {"archive": 3, "handbook": 17}


def test_exposure_counts_an_answer_once_however_many_old_pieces_it_cites(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    with world(blank_catalogue, tmp_path / "data") as recorded:
        recorded.query("bank", STALE, STALE, Piece(source="archive"))
        recorded.query("bank", Piece(source="archive"))
        frame = quality.evidence(recorded.flush(), "bank")
    row = quality.staleness_exposure(frame, minimum=1).iloc[0]
    assert (row["count"], row["total"]) == (1, 2)
    assert quality.staleness_exposure(frame, by=())["rate"].tolist() == [0.5]


def test_ages_are_held_against_the_sla_of_the_source(bank: Database) -> None:
    frame = quality.evidence_freshness(quality.evidence(bank, "bank"), minimum=1)
    table = frame.set_index("source")
    assert table.loc["archive", "median_of_sla"] == 3
    assert table.loc["archive", "fresh"] == 0
    assert table.loc["handbook", "p95_age"] == 60
    assert table.loc["handbook", "fresh"] == 1


def test_cells_about_few_answers_are_hidden_where_grouped_by_source(bank: Database) -> None:
    pieces = quality.evidence(bank, "bank")
    for figure in (
        quality.staleness_exposure,
        quality.flagged_share,
        quality.evidence_freshness,
    ):
        table = figure(pieces).set_index("source")
        assert table["hidden"].to_dict() == {"archive": True, "handbook": False}
        assert table.loc["archive"].drop(["tenant", "hidden"]).isna().all()


def test_cells_are_hidden_by_queries_not_by_pieces(blank_catalogue: Blank, tmp_path: Path) -> None:
    with world(blank_catalogue, tmp_path / "data") as recorded:
        recorded.query("bank", *[Piece(source="archive")] * 8)
        pieces = quality.evidence(recorded.flush(), "bank")
    assert quality.flagged_share(pieces)["hidden"].tolist() == [True]


def test_callers_and_only_revealing_groups_are_held_to_the_small_cell(bank: Database) -> None:
    few = quality.retrievals(bank, "bank").head(4)
    assert quality.status_rates(few, by=["caller"])["hidden"].all()
    assert not quality.status_rates(few, by=["tenant"])["hidden"].any()
    assert not quality.status_rates(few, by=["caller"], minimum=4)["hidden"].any()


def test_coverage_names_sources_never_cited_and_leaves_out_the_empty(bank: Database) -> None:
    known = quality.sources(bank, "bank")
    assert quality.coverage_by_source(quality.evidence(bank, "bank"), known).empty
    held = known.assign(documents=[4, 12, 3])  # archive, handbook, unused
    table = quality.coverage_by_source(quality.evidence(bank, "bank"), held, minimum=1)
    rows = table.set_index("source")
    assert rows["count"].to_dict() == {"archive": 3, "handbook": 10, "unused": 0}
    assert rows["rate"].to_dict() == {"archive": 0.3, "handbook": 1.0, "unused": 0.0}
    assert rows["cited_documents"].to_dict() == {"archive": 1, "handbook": 6, "unused": 0}
    hidden = quality.coverage_by_source(quality.evidence(bank, "bank"), held)
    assert hidden["hidden"].tolist() == [True, False, False]


def test_relevance_is_counted_in_bins_and_absence_apart(bank: Database) -> None:
    table = quality.relevance_distribution(quality.retrievals(bank, "bank"), bins=10)
    assert table["count"].sum() == 12
    assert table.loc[table["status"] == "no_evidence", "low"].isna().all()
    assert set(table.loc[table["status"] == "ok", "low"]) == {0.9}


@given(st.integers(min_value=0, max_value=100))
def test_every_relevance_falls_into_the_bin_that_holds_it(hundredths: int) -> None:
    value = hundredths / 100
    frame = pandas().DataFrame({"status": ["ok"], "best_relevance": [value]})
    row = quality.relevance_distribution(frame).iloc[0]
    assert row["low"] - 1e-9 <= value
    assert value < row["high"] or value == 1.0


def test_latency_is_told_in_percentiles(bank: Database) -> None:
    row = quality.latency(quality.retrievals(bank, "bank")).iloc[0]
    assert (row["queries"], row["p50"], row["max"]) == (12, 10.0, 110.0)
    assert row["p95"] == pytest.approx(10 + 100 * 0.45)


def test_the_worst_question_is_the_one_most_often_without_evidence(bank: Database) -> None:
    table = quality.worst_questions(quality.retrievals(bank, "bank"))
    assert table["query"].tolist() == ["unanswered", "asked-often", "query-10"]
    assert table.iloc[1]["reasons"] == "stale_evidence, stale_source"
    assert table.iloc[0]["last_request"] == "request-12"


def test_next_steps_begin_with_what_touches_most_queries(bank: Database) -> None:
    table = quality.next_steps(quality.retrievals(bank, "bank"))
    assert table["reason"].tolist()[:2] == ["stale_evidence", "stale_source"]
    assert table["queries"].tolist() == [3, 3, 2, 1]


def test_every_reason_has_a_remedy() -> None:
    assert set(REMEDIES) == set(ReasonCode)


def test_an_empty_period_gives_empty_tables_with_the_same_columns(bank: Database) -> None:
    full, pieces = quality.retrievals(bank, "bank"), quality.evidence(bank, "bank")
    known = quality.sources(bank, "bank")
    none, no_pieces = quality.retrievals(bank, "nobody"), quality.evidence(bank, "nobody")
    assert none.dtypes.equals(full.dtypes)
    assert no_pieces.dtypes.equals(pieces.dtypes)
    for figure in (
        quality.status_rates,
        quality.no_evidence_by_reason,
        quality.degraded_by_reason,
        quality.conflict_rate,
        quality.relevance_distribution,
        quality.latency,
        quality.worst_questions,
        quality.next_steps,
    ):
        assert figure(none).empty
        assert list(figure(none).columns) == list(figure(full).columns)
    for figure in (quality.flagged_share, quality.staleness_exposure, quality.evidence_freshness):
        assert figure(no_pieces).empty
        assert list(figure(no_pieces).columns) == list(figure(pieces).columns)
    assert quality.coverage_by_source(no_pieces, known.iloc[:0]).empty


def test_an_empty_period_is_drawn_as_a_card_that_says_so(bank: Database) -> None:
    none, no_pieces = quality.retrievals(bank, "nobody"), quality.evidence(bank, "nobody")
    known = quality.sources(bank, "bank")
    for chart in (
        charts.status_by_tenant(none),
        charts.reasons(none),
        charts.relevance(none, threshold=0.5),
        charts.latency_curve(none),
        source_charts.freshness(no_pieces),
        source_charts.coverage(no_pieces, known),
    ):
        assert "in this period" in chart.to_dict()["title"]["text"]


def test_titles_state_the_finding(bank: Database) -> None:
    frame, pieces = quality.retrievals(bank, "bank"), quality.evidence(bank, "bank")
    more = pandas().concat([pieces, pieces.assign(record_id=pieces["record_id"] + "b")])

    def title(chart: object) -> str:
        return str(chart.to_dict()["title"]["text"])  # type: ignore[attr-defined] # untyped

    assert title(charts.status_by_tenant(frame)) == (
        "50% of queries got full evidence, 17% got none"
    )
    assert title(charts.reasons(frame)) == "“Stale evidence” explains 75% of answers with a caveat"
    assert title(source_charts.freshness(more)) == "archive is served at up to 3 times its SLA"
    assert title(source_charts.freshness(pieces)).endswith("within its SLA")


@given(
    st.integers(min_value=1, max_value=5000).flatmap(
        lambda total: st.tuples(st.integers(min_value=0, max_value=total), st.just(total))
    )
)
def test_wilson_agrees_with_an_independent_library(pair: tuple[int, int]) -> None:
    hits, total = pair
    expected = binomtest(hits, total).proportion_ci(method="wilson")
    assert quality.wilson(hits, total) == pytest.approx(tuple(expected), abs=1e-9)
    low, high = quality.wilson(hits, total)
    assert 0 <= low <= hits / total <= high <= 1


def test_wilson_of_nothing_is_not_a_number() -> None:
    assert all(end != end for end in quality.wilson(0, 0))  # noqa: PLR0124 - NaN differs from itself


def test_numbers_are_said_in_few_digits() -> None:
    assert [percent(share) for share in (0, 0.0066, 0.42, 1)] == ["0%", "0.7%", "42%", "100%"]
    assert [duration(age) for age in (0, 42, 90, 7200, 259_200)] == [
        "0 s",
        "42 s",
        "1.5 min",
        "2 h",
        "3 d",
    ]


def test_a_directory_without_a_catalogue_is_refused_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARANCE_DATA_DIR", str(tmp_path / "typo"))
    with pytest.raises(quality.NoRecordsError, match="holds no catalogue"):
        quality.load()
    assert not (tmp_path / "typo").exists()


def test_loading_reads_every_tenant_of_the_installation_the_environment_names(
    bank: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del bank
    monkeypatch.setenv("CLEARANCE_DATA_DIR", str(tmp_path / "data"))
    records = quality.load()
    assert records.retrievals["tenant"].value_counts().to_dict() == {"bank": 12, "clinic": 1}
    assert not records.is_demo
    assert "13 queries of 2 tenants" in repr(records)
    assert str(tmp_path) not in repr(records)
    assert "0 queries of 0 tenants" in repr(quality.load(since=NOON + timedelta(days=9)))


def test_a_demo_that_cannot_run_is_told_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_RUN_DEMO", "print('no room on the disk'); raise SystemExit(1)")
    with pytest.raises(quality.NoRecordsError, match="no room on the disk"):
        quality.load(demo=tmp_path / "demo")


def test_a_demo_whose_checks_fail_is_read_and_remarked_on(
    blank_catalogue: Blank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with world(blank_catalogue, tmp_path / "made") as recorded:
        recorded.query("bank", Piece())
    made, demo = tmp_path / "made", tmp_path / "demo"
    run = f"import shutil; shutil.copytree({str(made)!r}, {str(demo)!r}); raise SystemExit(1)"
    monkeypatch.setattr(reading, "_RUN_DEMO", run)
    records = quality.load(demo=demo)
    assert len(records.retrievals) == 1
    assert records.is_demo
    assert "checks failed" in repr(records)
    assert not quality.load(demo=demo).remark, "it is run only where nothing is recorded"


def test_the_package_is_imported_without_the_notebook_libraries() -> None:
    code = (
        "import sys; sys.modules['pandas'] = sys.modules['altair'] = None\n"
        "from retrieval import quality\n"
        "from retrieval.quality import charts\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own interpreter


def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    bank: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(quality.MissingExtraError, match=r"clearance-retrieval\[notebooks\]"):
        quality.retrievals(bank, "bank")
