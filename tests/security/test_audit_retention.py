"""Retention: what is kept still verifies, what goes is told of, and nothing goes unlooked at."""

from __future__ import annotations

import pytest

from acl.audit.kinds import Stream
from acl.audit.verify import Fault
from acl.errors import BrokenChainError
from retrieval import audit_upkeep as upkeep
from retrieval.exposure import exposure
from tests.support.audit import ANN, QUESTION, audited_bank, events, recorded, tamper, verdict
from tests.support.clock import HOUR
from tests.support.installation import TENANT, Installation


@pytest.fixture
def bank(world: Installation) -> Installation:
    """A bank in which Ann may read one document, and Bob nothing."""
    return audited_bank(world)


def old_and_new(bank: Installation) -> None:
    """Three rows before the cut, an answer among them, and an answer after it."""
    bank.ask(ANN, QUESTION)
    recorded(bank, 2)
    bank.clock.advance(2 * HOUR)
    bank.ask(ANN, QUESTION)


def prune(bank: Installation, *checkpoints: str) -> int:
    before = bank.clock() - HOUR
    planned = upkeep.plan_prune(
        bank.runtime, TENANT, Stream.ACCESS, before=before, checkpoints=checkpoints
    )
    return 0 if planned is None else upkeep.prune(bank.runtime, planned, actor="cli:root")


def test_what_is_kept_after_retention_still_verifies(bank: Installation) -> None:
    old_and_new(bank)
    assert prune(bank) == 3
    found = verdict(bank)
    assert (found.intact, found.kept_from, found.rows) == (True, 4, 2)
    told = events(bank)[-1]
    assert (told.kind, told.body["actor"], told.body["removed_to"]) == (
        "audit.retention",
        "cli:root",
        3,
    )
    recorded(bank, 2)
    bank.clock.advance(2 * HOUR)
    assert prune(bank) == 4
    assert prune(bank) == 0
    assert (verdict(bank).intact, verdict(bank).rows) == (True, 1)


def test_retention_takes_the_receipts_of_that_time_along(bank: Installation) -> None:
    old_and_new(bank)
    document = bank.ask(ANN, QUESTION).evidence[0].citation.document_id

    def shown() -> list[str]:
        found = exposure(bank.runtime, TENANT, document, request_id="r", limit=10).exposures
        return [one.receipt_id for one in found]

    before = shown()
    prune(bank)
    assert shown() == before[:-1]


def test_a_beginning_removed_without_retention_is_found(bank: Installation) -> None:
    old_and_new(bank)
    upkeep.checkpoint(bank.runtime, TENANT, Stream.ACCESS)
    tamper(bank, "DELETE FROM audit_log WHERE seq < 4")
    tamper(bank, "UPDATE audit_head SET kept_from = 5")
    assert verdict(bank).fault is Fault.HEAD_MISMATCH
    tamper(bank, "DELETE FROM audit_log WHERE seq = 4")
    assert verdict(bank).fault is Fault.REMOVED


def test_nothing_is_removed_from_a_chain_that_was_tampered_with(bank: Installation) -> None:
    old_and_new(bank)
    kept = upkeep.checkpoint(bank.runtime, TENANT, Stream.ACCESS)
    assert kept is not None
    tamper(bank, "UPDATE audit_log SET body = '{}' WHERE seq = 2")
    with pytest.raises(BrokenChainError, match="row 2"):
        prune(bank)
    tamper(bank, "DELETE FROM audit_log")
    tamper(bank, "DELETE FROM audit_head")
    tamper(bank, "DELETE FROM audit_checkpoint")
    recorded(bank, 1)
    bank.clock.advance(2 * HOUR)
    with pytest.raises(BrokenChainError):
        prune(bank, kept)
    assert verdict(bank).rows == 1


def test_a_chain_that_changed_since_it_was_looked_at_is_not_cut(bank: Installation) -> None:
    old_and_new(bank)
    before = bank.clock() - HOUR
    planned = upkeep.plan_prune(bank.runtime, TENANT, Stream.ACCESS, before=before)
    assert planned is not None
    assert prune(bank) == 3
    with pytest.raises(BrokenChainError, match="meanwhile"):
        upkeep.prune(bank.runtime, planned, actor="cli:root")
    assert verdict(bank).intact
