"""Health and metrics: prompt, truthful, and silent about tenants."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import anyio.to_thread
import pytest
from fastapi.testclient import TestClient

from ingestion.errors import IndexUnavailableError
from retrieval import metrics
from retrieval.api import app as application
from retrieval.api import routes
from retrieval.api.app import create_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service

    from retrieval.evidence import RetrieveResponse
    from retrieval.runtime import Runtime


def until(condition: Callable[[], bool], *, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def ready(client: TestClient) -> bool:
    return client.get("/readyz").status_code == 200


def metric(service: Service, line: str) -> float:
    text = service.client.get("/metrics", headers=service.headers("operator")).text
    found = [row for row in text.splitlines() if row.startswith(line)]
    return float(found[0].rpartition(" ")[2]) if found else 0.0


def test_a_warm_service_is_ready(service: Service) -> None:
    assert until(lambda: ready(service.client))
    assert service.client.get("/readyz").json() == {
        "status": "ready",
        "checks": {"models": "ok", "catalogue": "ok", "index": "ok"},
    }


def test_a_service_that_is_still_loading_lives_but_is_not_ready(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = threading.Event()
    monkeypatch.setattr(type(runtime), "warm", lambda _self: loaded.wait(20))
    with TestClient(create_app(runtime)) as client:
        reply = client.get("/readyz")
        assert client.get("/livez").json() == {"status": "live"}
        assert reply.status_code == 503
        assert reply.json()["checks"]["models"] == "warming"
        assert "retry-after" in reply.headers
        loaded.set()
        assert until(lambda: ready(client))


def test_a_model_that_fails_to_load_is_tried_again(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[int] = []

    def warm(_self: Runtime) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise OSError("no model")

    monkeypatch.setattr(type(runtime), "warm", warm)
    monkeypatch.setattr(application, "WARM_AGAIN_SECONDS", 0.2)
    with TestClient(create_app(runtime)) as client:
        assert until(lambda: ready(client))
    assert len(attempts) == 2


@pytest.mark.parametrize(("method", "check"), [("generation", "catalogue"), ("index", "index")])
def test_what_does_not_answer_is_named_without_saying_why(
    service: Service, monkeypatch: pytest.MonkeyPatch, method: str, check: str
) -> None:
    def fail(*_args: object) -> None:
        raise IndexUnavailableError("socket /secret/path is gone")

    monkeypatch.setattr(type(service.runtime), method, fail)
    reply = service.client.get("/readyz")
    assert reply.status_code == 503
    assert reply.json()["checks"][check] == "unavailable"
    assert "secret" not in reply.text


def test_health_stays_prompt_while_every_worker_thread_is_busy(service: Service) -> None:
    release = threading.Event()
    entered = threading.Semaphore(0)

    def hang() -> None:
        entered.release()
        release.wait(60)

    assert until(lambda: ready(service.client))
    portal = service.client.portal
    assert portal is not None
    hung = [
        portal.start_task_soon(anyio.to_thread.run_sync, hang)
        for _ in range(application.WORKER_THREADS + 8)
    ]
    try:
        for _ in range(application.WORKER_THREADS):
            assert entered.acquire(timeout=30)
        started = time.monotonic()
        for path in ("/livez", "/readyz"):
            assert service.client.get(path).status_code == 200
        assert time.monotonic() - started < 5
    finally:
        release.set()
        for one in hung:
            one.result(30)


def test_every_terminal_path_is_counted_by_route_status_and_code(service: Service) -> None:
    def requests(code: str, route: str, status: int) -> str:
        return f'clearance_requests_total{{code="{code}",route="{route}",status="{status}"}}'

    lines = {
        "ok": requests("ok", "/v1/retrieve", 200),
        "invalid": requests("invalid_request", "/v1/retrieve", 422),
        "unknown": requests("unauthenticated", "/v1/retrieve", 401),
        "absent": requests("not_found", "unmatched", 404),
        "large": requests("payload_too_large", "/v1/retrieve", 413),
        "answers": 'clearance_answers_total{status="ok",surface="http"}',
        "seconds": 'clearance_retrieve_seconds_count{surface="http"}',
    }
    before = {name: metric(service, line) for name, line in lines.items()}
    service.ask("ann", "per diem for trips abroad")
    service.ask("ann", "")
    service.client.post("/v1/retrieve", json={"query": "x"})
    service.client.get("/v1/secret-path")
    service.client.post("/v1/retrieve", content=b" " * 100_000, headers=service.headers("ann"))
    after = {name: metric(service, line) for name, line in lines.items()}
    assert {name: after[name] - before[name] for name in lines} == dict.fromkeys(lines, 1.0)


def test_the_metrics_name_no_tenant_no_caller_and_no_path_asked_for(service: Service) -> None:
    service.ask("ann", "per diem")
    service.client.get("/v1/secret-path")
    service.client.get("/v1/evidence/some-chunk", headers=service.headers("ann"))
    text = service.client.get("/metrics", headers=service.headers("operator")).text
    assert 'route="/v1/evidence/{chunk_id}"' in text
    for name in ("acme", "globex", "ann", "handbook", "secret-path", "some-chunk"):
        assert f'"{name}' not in text


def test_two_applications_count_apart(runtime: Runtime) -> None:
    first, second = create_app(runtime), create_app(runtime)
    with TestClient(first) as client:
        client.get("/livez")
    assert b'route="/livez"' in first.state.metrics.exposition()
    assert b'route="/livez"' not in second.state.metrics.exposition()


def test_what_the_core_counts_during_a_request_lands_in_that_applications_metrics(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = routes.retrieve

    def retrieve(*arguments: Any, **named: Any) -> RetrieveResponse:
        metrics.current().recheck_drops(3)
        return real(*arguments, **named)

    monkeypatch.setattr(routes, "retrieve", retrieve)
    before = metric(service, "clearance_recheck_drops_total")
    service.ask("ann", "per diem")
    metrics.current().recheck_drops(100)
    assert metric(service, "clearance_recheck_drops_total") - before == 3
