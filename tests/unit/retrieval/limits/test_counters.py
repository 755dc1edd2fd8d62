"""Counting in windows: in this process, in Redis, and while Redis does not answer."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.errors import BudgetStoreError
from retrieval.limits import counters as counting
from retrieval.limits.budgets import Budget, Holder, Limit
from retrieval.limits.counters import Account, Counters

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conftest import Watch

REDIS = shutil.which("redis-server") or shutil.which("valkey-server")


@contextmanager
def redis(directory: Path, port: int) -> Iterator[str]:
    """A server of its own on this machine, which keeps nothing on disk."""
    assert REDIS is not None
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(directory))
    with subprocess.Popen(  # noqa: S603 - the program found above, and our own words
        [REDIS, "--port", str(port), *options], stdout=subprocess.DEVNULL
    ) as server:
        try:
            _wait_for(port)
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            server.terminate()


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


@pytest.fixture(params=["memory", "redis"])
def counters(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Counters]:
    if request.param == "memory":
        yield Counters()
        return
    if REDIS is None:
        pytest.skip("no redis-server on this machine")
    with redis(tmp_path, free_port()) as url:
        made = Counters(url)
        yield made
        made.close()


def account(budget: Budget, amount: int, key: str = "ann") -> Account:
    return Account(Limit(budget, Holder.USER, amount), key)


def test_what_is_prepaid_is_granted_up_to_the_limit_and_refusals_cost_nothing(
    counters: Counters,
) -> None:
    claims = account(Budget.CLAIMS, 10)
    assert counters.take(claims, 6)
    assert not counters.take(claims, 5)
    assert counters.balance(claims).left == 4
    assert counters.take(claims, 4)
    assert not counters.take(claims, 1)
    assert 0 < counters.balance(claims).seconds <= 61 + 60


def test_what_is_charged_afterwards_may_be_overdrawn_and_stays_so(counters: Counters) -> None:
    tokens = account(Budget.TOKENS_PER_MINUTE, 100)
    assert counters.charge(tokens, 70).left == 30
    assert counters.charge(tokens, 70).left == 0
    balance = counters.balance(tokens)
    assert (balance.left, 0 < balance.seconds <= 60) == (0, True)


def test_accounts_of_others_and_of_other_budgets_are_apart(counters: Counters) -> None:
    assert counters.take(account(Budget.REQUESTS, 1), 1)
    assert counters.take(account(Budget.REQUESTS, 1, "bob"), 1)
    assert counters.take(account(Budget.CLAIMS, 1), 1)
    assert not counters.take(account(Budget.REQUESTS, 1), 1)


def test_a_changed_limit_counts_what_was_used_before(counters: Counters) -> None:
    assert counters.take(account(Budget.REQUESTS, 10), 8)
    assert counters.balance(account(Budget.REQUESTS, 20)).left == 12
    assert not counters.take(account(Budget.REQUESTS, 8), 1)


@given(
    uses=st.lists(st.tuples(st.floats(0, 50), st.integers(1, 12)), min_size=1, max_size=30),
    limit=st.integers(1, 12),
    cost=st.integers(1, 12),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the watch only moves on
def test_whoever_waits_as_told_is_granted_and_whoever_asks_sooner_is_not(
    watch: Watch, uses: list[tuple[float, int]], limit: int, cost: int
) -> None:
    counters, requests = Counters(), account(Budget.REQUESTS, limit)
    for pause, amount in uses:
        watch.now += pause
        counters.take(requests, amount)
    balance = counters.balance(requests, cost)
    if cost > limit or balance.left >= cost:
        assert counters.take(requests, cost) == (cost <= limit)
        return
    assert not counters.take(requests, cost)
    told = watch.now + balance.seconds
    watch.now = told - 0.1
    assert not counters.take(requests, cost)
    watch.now = told
    assert counters.take(requests, cost)


def test_a_day_begins_with_the_first_use_and_ends_a_day_later(watch: Watch) -> None:
    counters, tokens = Counters(), account(Budget.TOKENS_PER_DAY, 100)
    counters.charge(tokens, 100)
    watch.now += 86_399
    assert counters.balance(tokens).left == 0
    watch.now += 2
    assert counters.balance(tokens).left == 100


def test_without_its_store_a_rate_is_counted_here_and_evidence_is_refused() -> None:
    counters = Counters(f"redis://127.0.0.1:{free_port()}/0")
    requests, tokens = account(Budget.REQUESTS, 2), account(Budget.TOKENS_PER_DAY, 100)
    assert [counters.take(requests, 1) for _ in range(3)] == [True, True, False]
    with pytest.raises(BudgetStoreError) as raised:
        counters.balance(tokens)
    assert raised.value.retry_after >= 1
    with pytest.raises(BudgetStoreError):
        counters.charge(tokens, 1)
    counters.close()


@pytest.mark.skipif(REDIS is None, reason="no redis-server on this machine")
def test_a_store_that_comes_back_is_asked_again_and_replicas_share_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counting, "PAUSE_SECONDS", 0.0)
    port, tokens = free_port(), account(Budget.TOKENS_PER_DAY, 100)
    one, other = (Counters(f"redis://127.0.0.1:{port}/0") for _ in range(2))
    with pytest.raises(BudgetStoreError):
        one.balance(tokens)
    with redis(tmp_path, port):
        assert one.charge(tokens, 60).left == 40
        assert other.charge(tokens, 60).left == 0
        one.close()
        other.close()


def test_a_store_that_hangs_is_waited_for_once_and_then_left_alone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        counters = Counters(f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        started = time.monotonic()
        for _ in range(100):
            assert counters.take(account(Budget.REQUESTS, 1_000), 1)
        assert time.monotonic() - started < counting.PAUSE_SECONDS
        counters.close()
