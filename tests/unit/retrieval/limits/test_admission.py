"""The one door: in which order it refuses, what it gives back, and whom it waits for."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING, Any

import pytest

from acl.errors import AuditError
from ingestion.errors import BudgetStoreError, QuotaExceededError, RefusedForNowError
from retrieval.limits.admission import Admission
from retrieval.limits.budgets import Operation
from retrieval.limits.settings import LimitSettings
from retrieval.resilience.deadline import Deadline, bound
from tests.support.catalogue import SECRET
from tests.support.installation import caller

if TYPE_CHECKING:
    from collections.abc import Coroutine

ANN, BOB = caller("user:ann"), caller("user:bob")


def admission(**settings: Any) -> Admission:
    return Admission(LimitSettings(**settings), secret=SECRET)


def run(scenario: Coroutine[Any, Any, None]) -> None:
    asyncio.run(scenario)


def empty(door: Admission) -> bool:
    return door.room.working() == door.room.waiting() == 0


def test_a_slot_is_given_back_whatever_became_of_the_work() -> None:
    door = admission(admission_slots=1, budget_user_concurrency=1)

    async def scenario() -> None:
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                async with door.admitted(ANN, Operation.RETRIEVE):
                    raise ZeroDivisionError
        async with door.admitted(ANN, Operation.RETRIEVE):
            assert door.room.working() == 1

    run(scenario())
    assert empty(door)


def test_a_request_that_is_abandoned_while_waiting_leaves_nothing_behind() -> None:
    door = admission(admission_slots=1, admission_wait_seconds=60)

    async def wait() -> None:
        async with door.admitted(ANN, Operation.RETRIEVE):
            raise AssertionError("there was no slot")

    async def scenario() -> None:
        async with door.admitted(BOB, Operation.RETRIEVE):
            waiting = asyncio.create_task(wait())
            for _ in range(3):
                await asyncio.sleep(0)
            assert door.room.waiting() == 1
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert door.room.waiting() == 0

    run(scenario())
    assert empty(door)


def test_nobody_waits_beyond_the_deadline_of_the_request() -> None:
    door = admission(admission_slots=1, admission_wait_seconds=60)

    async def scenario() -> None:
        async with door.admitted(BOB, Operation.RETRIEVE):
            with bound(Deadline.after(0.01)), pytest.raises(RefusedForNowError):
                async with door.admitted(ANN, Operation.RETRIEVE):
                    raise AssertionError("there was no slot")

    run(scenario())
    assert empty(door)


def test_whoever_has_too_much_under_way_uses_up_nothing_else() -> None:
    door = admission(budget_user_concurrency=1, budget_user_requests_per_minute=2)

    async def scenario() -> None:
        async with door.admitted(ANN, Operation.RETRIEVE):
            for _ in range(5):
                with pytest.raises(QuotaExceededError, match="requests at once"):
                    await door.admitted(ANN, Operation.RETRIEVE).__aenter__()
            assert door.refuses(ANN) is not None
            assert door.refuses(BOB) is None
        async with door.admitted(ANN, Operation.RETRIEVE):
            pass  # the second of two

    run(scenario())
    assert empty(door)


def test_agents_of_a_user_share_the_users_budget() -> None:
    door = admission(budget_user_requests_per_minute=1)
    agent = caller("user:ann", actor="service:agent")

    async def scenario() -> None:
        async with door.admitted(agent, Operation.RETRIEVE):
            pass
        with pytest.raises(QuotaExceededError):
            await door.admitted(ANN, Operation.LIST_SOURCES).__aenter__()

    run(scenario())


def test_users_of_one_name_in_two_tenants_share_nothing() -> None:
    door = admission(budget_user_requests_per_minute=1, budget_tenant_requests_per_minute=1)

    async def scenario() -> None:
        for tenant in ("bank", "rival", "bankuser:ann"):
            async with door.admitted(caller("user:ann", tenant=tenant), Operation.RETRIEVE):
                pass

    run(scenario())


def test_evidence_that_cannot_be_counted_is_not_served() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]  # where nobody listens any more
    door = admission(
        redis_url=f"redis://127.0.0.1:{port}/0",
        budget_user_requests_per_minute=100,
        budget_user_evidence_tokens_per_day=100,
    )

    async def scenario() -> None:
        with pytest.raises(BudgetStoreError):
            await door.admitted(ANN, Operation.RETRIEVE).__aenter__()
        async with door.admitted(ANN, Operation.LIST_SOURCES):
            pass  # costs no tokens, and the rate is counted here meanwhile

    run(scenario())
    door.counters.close()
    assert empty(door)


def test_a_refusal_that_belongs_on_record_and_cannot_be_put_there_says_that_instead() -> None:
    def unrecorded(*_: object) -> None:
        raise AuditError("the disk is full")

    settings = LimitSettings(budget_user_evidence_tokens_per_day=1)
    door = Admission(settings, secret=SECRET, on_spell=unrecorded)

    async def scenario() -> None:
        async with door.admitted(ANN, Operation.RETRIEVE) as ticket:
            ticket.evidence_tokens(5)
        with pytest.raises(AuditError):
            await door.admitted(ANN, Operation.RETRIEVE).__aenter__()

    run(scenario())
    assert empty(door)
