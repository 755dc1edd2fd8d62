"""Index runs over REST: asked for, carried out by a real process beside the service, and told."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from acl.caller import ApiScope
from ingestion import jobs
from ingestion.sources.folder import FolderSource

if TYPE_CHECKING:
    from pathlib import Path

    from conftest import Service
    from httpx2 import Response

PATIENCE_SECONDS = 120


class Ingester:
    """Somebody who may run sources."""

    def __init__(self, service: Service, root: Path) -> None:
        self.service = service
        self.root = root
        self._headers = {"Authorization": f"Bearer {service.token('operator', ApiScope.INGEST)}"}

    def post(self, key: str | None = None, **body: Any) -> Response:
        headers = self._headers if key is None else {**self._headers, "Idempotency-Key": key}
        return self.service.client.post("/v1/index-runs", json=body, headers=headers)

    def get(self, path: str) -> Response:
        return self.service.client.get(path, headers=self._headers)

    def cancel(self, run_id: str) -> Response:
        path = f"/v1/index-runs/{run_id}:cancel"
        return self.service.client.post(path, headers=self._headers)

    def ended(self, path: str) -> Any:
        """The run once it has ended."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (run := self.get(path).json())["status"] in {"queued", "running"}:
            assert time.monotonic() < deadline, run
            time.sleep(0.1)
        return run


@pytest.fixture(scope="module")
def ingester(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Ingester:
    """Somebody who may run the source ``notes``."""
    root = tmp_path_factory.mktemp("notes")
    (root / "first.md").write_text("The lift is serviced in May.")
    report = jobs.ingest(
        service.runtime.ingest_context(),
        FolderSource(root, name="notes", allow=["group:staff"]),
        tenant="acme",
        config=jobs.SourceConfig("folder", {"root": str(root), "allow": ["group:staff"]}),
    )
    assert not report.failures
    return Ingester(service, root)


def test_a_run_is_accepted_carried_out_beside_the_service_and_told(
    ingester: Ingester, service: Service
) -> None:
    (ingester.root / "second.md").write_text("The garage closes at ten.")
    (ingester.root / "broken.pdf").write_text("this is no PDF")
    accepted = ingester.post(source="notes")
    assert accepted.status_code == 202
    assert accepted.json()["status"] in {"queued", "running", "partial"}
    run = ingester.ended(accepted.headers["location"])
    assert run["status"] == "partial"
    assert (run["report"]["counts"]["added"], run["report"]["counts"]["unchanged"]) == (1, 1)
    assert sum(run["report"]["failures"].values()) == 1
    assert "broken.pdf" not in ingester.get(accepted.headers["location"]).text
    assert "closes at ten" in service.ask("ann", "when does the garage close").text
    assert ingester.get("/v1/index-runs?source=notes").json()["runs"][0]["id"] == run["id"]


def test_one_key_makes_one_run_and_a_second_run_meanwhile_is_busy(ingester: Ingester) -> None:
    service, runner = ingester.service, ingester.service.client.app.state.runner  # type: ignore[attr-defined]
    service.client.app.state.runner = _Asleep()  # type: ignore[attr-defined]
    try:
        first, again = (ingester.post("k1", source="notes", dry_run=True) for _ in range(2))
        assert (first.status_code, again.status_code) == (202, 202)
        assert first.json()["id"] == again.json()["id"]
        conflict = ingester.post("k1", source="notes", full=True)
        assert (conflict.status_code, conflict.json()["code"]) == (422, "idempotency_conflict")
        busy = ingester.post(source="notes")
        assert (busy.status_code, busy.json()["code"]) == (409, "busy")
        assert first.json()["id"] in busy.json()["detail"]
        cancelled = ingester.cancel(first.json()["id"])
        assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
        assert ingester.cancel(first.json()["id"]).json()["status"] == "cancelled"
    finally:
        service.client.app.state.runner = runner  # type: ignore[attr-defined]


class _Asleep:
    """A runner that carries nothing out."""

    def wake(self) -> None:
        """Sleep on."""

    def look(self) -> None:
        """See nothing."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    "body",
    [{}, {"source": ""}, {"source": "notes", "full": "yes"}, {"source": "notes", "tenant": "x"}],
)
def test_a_malformed_request_is_refused(ingester: Ingester, body: dict[str, Any]) -> None:
    assert ingester.post(**body).status_code == 422


def test_absent_and_foreign_runs_and_sources_are_one_reply(ingester: Ingester) -> None:
    replies = {
        (reply.status_code, reply.json()["code"], reply.json()["detail"])
        for reply in (
            ingester.post(source="unheard"),
            ingester.get("/v1/index-runs/unheard"),
            ingester.cancel("unheard"),
        )
    }
    assert {reply[:2] for reply in replies} == {(404, "not_found")}
    assert len(replies) == 1
    assert ingester.get("/v1/index-runs?source=unheard").json() == {"runs": []}
