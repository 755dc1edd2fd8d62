"""Under load, over real connections: who floods waits, others hardly do, and clients come back."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from retrieval.api import routes
from retrieval.api.app import WORKER_THREADS, create_app
from retrieval.client import Clearance
from retrieval.limits.admission import Admission
from retrieval.limits.budgets import KINDS, Budget
from retrieval.limits.settings import MAX_SLOTS, LimitSettings
from retrieval.pipeline import retrieve
from tests.support.web import serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Service

    from acl.caller import Caller
    from retrieval.evidence import RetrieveResponse
    from retrieval.runtime import Runtime

QUESTION = "per diem for trips abroad"
FLOOD = 40  # more than there are worker threads


@contextmanager
def served(
    service: Service, monkeypatch: pytest.MonkeyPatch, **budgets: Any
) -> Iterator[tuple[str, Admission]]:
    """The service on a port of its own, with budgets in force."""
    admission = Admission(LimitSettings(**budgets), secret=service.runtime.secret)
    monkeypatch.setitem(service.runtime.__dict__, "admission", admission)
    with serving(create_app(service.runtime)) as url:
        yield url, admission


class Work:
    """Stands before the core: notes who begins, and takes its time until it is let go."""

    def __init__(self, seconds: float) -> None:
        self.began: list[str] = []
        self.most = 0
        self._at_once = 0
        self._seconds = seconds
        self._lock = threading.Lock()

    def __call__(self, runtime: Runtime, caller: Caller, *args: Any, **named: Any) -> Any:
        with self._lock:
            self.began.append(caller.tenant)
            self._at_once += 1
            self.most = max(self.most, self._at_once)
        time.sleep(self._seconds)
        try:
            answer: RetrieveResponse = retrieve(runtime, caller, *args, **named)
            return answer
        finally:
            with self._lock:
                self._at_once -= 1


class Noting(httpx.HTTPTransport):
    """Notes what came back."""

    def __init__(self) -> None:
        super().__init__()
        self.statuses: list[int] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        self.statuses.append(response.status_code)
        return response


def ask(url: str, token: str, *, timeout: float = 60) -> httpx.Response:
    return httpx.post(
        f"{url}/v1/retrieve",
        json={"query": QUESTION},
        headers={"Authorization": f"Bearer {token}"},
        timeout=timeout,
    )


def until(holds: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if holds():
            return
        time.sleep(0.01)
    raise TimeoutError


def test_a_flood_of_one_tenant_leaves_another_its_turn(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(0.05)
    monkeypatch.setattr(routes, "retrieve", work)
    limits = {"budget_user_concurrency": FLOOD, "admission_waiting": FLOOD, "admission_slots": 2}
    with (
        served(service, monkeypatch, admission_wait_seconds=60, **limits) as (url, admission),
        ThreadPoolExecutor(FLOOD) as pool,
    ):
        flood = [pool.submit(ask, url, service.tokens["ann"]) for _ in range(FLOOD)]
        until(lambda: admission.room.waiting("acme") > FLOOD // 2)
        before = len(work.began)
        assert ask(url, service.tokens["eve"]).status_code == 200
        passed = work.began.index("globex") - before
        assert passed < admission.room.waiting("acme"), "it waited until the flood was over"
        assert [one.result().status_code for one in flood] == [200] * FLOOD
        assert work.most <= 2


def test_what_does_not_fit_is_refused_at_once_and_what_was_let_in_is_answered(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "retrieve", Work(0.05))
    limits = {"budget_user_concurrency": FLOOD, "admission_waiting": 4, "admission_slots": 1}
    with (
        served(service, monkeypatch, admission_wait_seconds=60, **limits) as (url, admission),
        ThreadPoolExecutor(FLOOD) as pool,
    ):
        replies = [pool.submit(ask, url, service.tokens["ann"]) for _ in range(FLOOD)]
        said = [one.result() for one in replies]
        answered = [one for one in said if one.status_code == 200]
        refused = [one for one in said if one.status_code == 503]
        assert len(answered) + len(refused) == FLOOD
        assert len(answered) >= 5
        assert refused
        for one in refused:
            assert one.json()["code"] == "overloaded"
            assert int(one.headers["retry-after"]) >= 1
        assert (admission.room.working(), admission.room.waiting()) == (0, 0)


def test_whoever_waits_holds_no_thread_that_others_need(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits = {"budget_user_concurrency": FLOOD, "admission_waiting": FLOOD, "admission_slots": 1}
    with (
        served(service, monkeypatch, admission_wait_seconds=60, **limits) as (url, admission),
        ThreadPoolExecutor(FLOOD) as pool,
    ):
        held = admission.room.arrive("acme", lambda: None)
        assert held is not None
        flood = [pool.submit(ask, url, service.tokens["ann"]) for _ in range(FLOOD)]
        try:
            until(lambda: admission.room.waiting("acme") == FLOOD)
            asked = f"{url}/v1/receipts/nowhere/status"  # is not admitted, and needs a thread
            reply = httpx.get(asked, headers=service.headers("ann"), timeout=60)
            assert reply.status_code == 404
        finally:
            admission.room.leave(held)
        assert [one.result().status_code for one in flood] == [200] * FLOOD


def test_nobody_is_answered_who_went_while_waiting(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = Work(0)
    monkeypatch.setattr(routes, "retrieve", work)
    with served(service, monkeypatch, admission_wait_seconds=60, admission_slots=1) as (
        url,
        admission,
    ):
        held = admission.room.arrive("acme", lambda: None)
        assert held is not None
        with pytest.raises(httpx.ReadTimeout):
            ask(url, service.tokens["ann"], timeout=1.0)
        assert admission.room.waiting("acme") == 1
        admission.room.leave(held)
        until(lambda: admission.room.working() == 0)
        assert ask(url, service.tokens["eve"]).status_code == 200
    assert work.began == ["globex"]


def test_there_are_threads_left_for_what_is_not_admitted() -> None:
    assert MAX_SLOTS < WORKER_THREADS


def test_the_client_waits_as_long_as_a_budget_says_and_is_answered(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = replace(KINDS[Budget.REQUESTS], window=1)
    monkeypatch.setitem(KINDS, Budget.REQUESTS, kind)
    transport = Noting()
    with (
        served(service, monkeypatch, budget_user_requests_per_minute=1) as (url, _),
        Clearance(url, service.tokens["ann"], attempts=3, transport=transport) as client,
    ):
        for _ in range(20):  # the window may end at any moment, and so grant one more
            assert client.retrieve(QUESTION).evidence
            if 429 in transport.statuses:
                break
    assert transport.statuses[-2:] == [429, 200], "asked again after the pause, and not before"
