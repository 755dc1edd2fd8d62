"""Figures of checks of claims: what is kept of each, and what analysts make of it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from retrieval import quality
from retrieval.quality.checked import OUTCOMES
from retrieval.recorder import Recorder
from retrieval.records import ClaimRow
from retrieval.verify import VerifyRequest, verify_claims
from tests.support.clock import HOUR, NOON
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow
from verifier.support import MODEL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from acl.orm import Database
    from tests.support.catalogue import Blank

ANN = caller("user:ann")
STATED = "The travel allowance abroad is 55 euros a day."
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def bank(blank_catalogue: Blank, tmp_path: Path) -> Iterator[Database]:
    """Six checks: of three claims, of one, and four of one claim that cites what is not there."""
    with Installation.open(blank_catalogue, tmp_path / "bank") as world:
        world.know("user:ann")
        shelf = {"rate.md": Shelved(STATED, "open")}
        world.ingest(ListedSource("wiki", (acl("open", allow("user:ann")),), shelf))
        [piece] = world.ask(ANN).evidence
        world.runtime.recorder = Recorder(world.runtime.database)
        there: dict[str, Any] = {"chunk_id": piece.chunk_id}
        check(
            world,
            (STATED, [{**there, "quote": "55 euros a day"}, there]),
            ("The travel allowance abroad is 56 euros a day.", [there]),
            ("Cats sleep through the winter.", [there, {"chunk_id": NOWHERE}]),
        )
        check(world, (STATED, [there]))
        for _ in range(4):
            check(world, (STATED, [{"chunk_id": NOWHERE}]))
        world.runtime.recorder.flush()
        yield world.runtime.database


def check(world: Installation, *claims: tuple[str, list[dict[str, Any]]]) -> None:
    """Check some claims, an hour after the check before."""
    body = {"claims": [{"text": text, "citations": cited} for text, cited in claims]}
    verify_claims(world.runtime, ANN, VerifyRequest.model_validate(body), request_id="r")
    world.clock.advance(HOUR)


def test_every_check_leaves_its_figures(bank: Database) -> None:
    frame = quality.checks(bank, TENANT)
    assert frame["claims"].tolist() == [3, 1, 1, 1, 1, 1]
    assert frame["recall"].tolist() == [pytest.approx(1 / 3, abs=1e-4), 1.0, 0.0, 0.0, 0.0, 0.0]
    assert frame["precision"].tolist() == [pytest.approx(0.4), 1.0, 0.0, 0.0, 0.0, 0.0]
    assert set(frame["model"]) == {MODEL}
    assert (frame["latency_ms"] > 0).all()
    assert frame["at"].tolist() == [NOON + hours * HOUR for hours in range(6)]


def test_every_claim_leaves_its_verdict_and_what_became_of_its_citations(bank: Database) -> None:
    frame = quality.claims(bank, TENANT)
    told = frame[["verdict", "quoted", "unquoted", "not_found"]].to_numpy().tolist()
    assert told == [
        ["supported", 1, 1, 0],
        ["contradicted", 0, 1, 0],
        ["not_enough", 0, 1, 1],
        ["supported", 0, 1, 0],
        *[["not_enough", 0, 0, 1]] * 4,
    ]
    assert frame["place"].tolist() == [1, 2, 3, 1, 1, 1, 1, 1]
    assert frame["differs_in"][1] == ["number"]
    assert frame["reasons"][2] == ["citation_not_found"]


def test_every_claim_says_what_it_rests_on_and_every_check_which_generation_was_active(
    bank: Database,
) -> None:
    frame = quality.claims(bank, TENANT)
    assert frame["source"].astype("object").where(frame["source"].notna(), None).tolist() == [
        *["wiki"] * 4,
        *[None] * 4,
    ]
    assert set(frame["generation"]) == set(quality.checks(bank, TENANT)["generation"]) == {"g1"}


def test_no_word_of_a_claim_or_of_evidence_and_no_name_is_kept(bank: Database) -> None:
    kept = quality.checks(bank, TENANT).to_csv() + quality.claims(bank, TENANT).to_csv()
    for word in ("travel", "allowance", "euros", "Cats", "user:ann", NOWHERE):
        assert word not in kept


def test_every_outcome_of_a_citation_has_its_column() -> None:
    assert ClaimRow.__table__.columns.keys()[-len(OUTCOMES) :] == list(OUTCOMES)


def test_a_frame_of_checks_holds_one_tenant_and_one_period(bank: Database) -> None:
    assert len(quality.claims(bank, "nobody")) == len(quality.checks(bank, "nobody")) == 0
    since = NOON + timedelta(minutes=1)
    assert len(quality.checks(bank, TENANT, since=since)) == 5
    assert len(quality.claims(bank, TENANT, until=since)) == 3
    with pytest.raises(quality.InvalidPeriodError, match="swap them"):
        quality.claims(bank, TENANT, since=NOON, until=NOON)


def test_rates_of_verdicts_and_of_outcomes_agree_with_a_count_by_hand(bank: Database) -> None:
    frame = quality.claims(bank, TENANT)
    verdicts = quality.claim_verdicts(frame).set_index("verdict")
    assert verdicts["count"].to_dict() == {"supported": 2, "contradicted": 1, "not_enough": 5}
    assert set(verdicts["total"]) == {8}
    outcomes = quality.citation_outcomes(frame).set_index("outcome")
    counted = outcomes["count"].to_dict()
    assert {name: count for name, count in counted.items() if count} == {
        "quoted": 1,
        "unquoted": 4,
        "not_found": 5,
    }
    assert outcomes["rate"].sum() == pytest.approx(1)
    assert set(counted) == set(OUTCOMES)


def test_figures_of_few_checks_by_caller_are_hidden(bank: Database) -> None:
    frame = quality.claims(bank, TENANT)
    assert not quality.claim_verdicts(frame, by=["caller"])["hidden"].any()
    few = frame[frame["at"] < NOON + 2 * HOUR]
    for table in (quality.claim_verdicts, quality.citation_outcomes):
        hidden = table(few, by=["caller"])
        assert hidden["hidden"].all()
        assert hidden[["count", "total", "rate"]].isna().all(axis=None)


def test_no_checks_give_tables_without_rows_or_figures(bank: Database) -> None:
    nothing = quality.claims(bank, "nobody")
    assert quality.claim_verdicts(nothing).empty
    assert quality.citation_outcomes(nothing).empty
