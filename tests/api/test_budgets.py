"""Budgets over HTTP and MCP: who is refused, what it costs, and what the reply says."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import func, select

from acl.audit.events import EventKind
from acl.audit.models import AuditRow
from acl.caller import ApiScope
from retrieval.api.app import create_app
from retrieval.limits import early
from retrieval.limits.budgets import Budget, Operation
from retrieval.limits.purse import accounts_of
from retrieval.limits.settings import LimitSettings
from retrieval.pipeline import retrieve
from retrieval.query import RetrieveRequest

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Service
    from httpx2 import Response

    from retrieval.limits.admission import Admission
    from retrieval.limits.ticket import Ticket
    from retrieval.runtime import Runtime

    Grant = Callable[..., Admission]

QUESTION = "per diem for trips abroad"


@pytest.fixture
def grant(runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> Grant:
    """Put budgets in force, with nothing used of them, in a minute that does not end."""
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)

    def put(**budgets: Any) -> Admission:
        limits = LimitSettings(**budgets)
        set_ = {name: getattr(limits, name) for name in LimitSettings.model_fields}
        settings = runtime.settings.model_copy(update=set_)
        with monkeypatch.context() as within:
            within.setattr(runtime, "settings", settings)
            within.delitem(runtime.__dict__, "admission", raising=False)
            admission = runtime.admission  # made as in earnest
        monkeypatch.setitem(runtime.__dict__, "admission", admission)
        return admission

    return put


def call(service: Service, token: str, name: str, **arguments: object) -> Response:
    """A tool call over MCP."""
    params = {"name": name, "arguments": arguments}
    return service.client.post(
        "/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
        },
    )


def chunk(service: Service) -> str:
    return str(service.ask("ann", QUESTION).json()["evidence"][0]["chunk_id"])


def test_nothing_is_said_of_budgets_where_none_is_set(service: Service, grant: Grant) -> None:
    grant()
    reply = service.ask("ann", QUESTION)
    assert reply.status_code == 200
    assert "ratelimit" not in reply.headers
    assert "ratelimit-policy" not in reply.headers


def test_every_reply_says_what_is_left_and_a_refusal_when_to_come_back(
    service: Service, grant: Grant
) -> None:
    grant(budget_user_requests_per_minute=2)
    first, second, third = (service.ask("ann", QUESTION) for _ in range(3))
    assert [reply.status_code for reply in (first, second, third)] == [200, 200, 429]
    for reply, left in ((first, 1), (second, 0), (third, 0)):
        assert reply.headers["ratelimit-policy"] == '"requests";q=2;w=60'
        told = re.fullmatch(r'"requests";r=(\d+);t=(\d+)', reply.headers["ratelimit"])
        assert told is not None
        assert int(told[1]) == left
    assert third.json()["code"] == "quota_exceeded"
    assert third.headers["content-type"] == "application/problem+json"
    assert 1 <= int(third.headers["retry-after"]) <= 120
    assert f"ask again in {third.headers['retry-after']} seconds" in third.json()["detail"]


def test_a_user_has_one_budget_over_all_keys_tools_and_routes(
    service: Service, grant: Grant
) -> None:
    asked = chunk(service)
    grant(budget_user_requests_per_minute=4)
    other = service.token("ann", ApiScope.RETRIEVE)
    headers = {"Authorization": f"Bearer {other}"}
    assert service.ask("ann", QUESTION).status_code == 200
    assert service.client.get("/v1/sources", headers=headers).status_code == 200
    assert service.client.get(f"/v1/evidence/{asked}", headers=headers).status_code == 200
    said = call(service, other, "list_sources")
    assert "isError" not in said.json()["result"] or not said.json()["result"]["isError"]
    refused = call(service, other, "retrieve", query=QUESTION)
    assert refused.json()["result"]["isError"]
    assert "quota_exceeded" in refused.json()["result"]["content"][0]["text"]
    assert refused.headers["ratelimit"].startswith('"requests";r=0;t=')
    for reply in (
        service.ask("ann", QUESTION),
        service.client.get("/v1/sources", headers=headers),
        service.client.get(f"/v1/evidence/{asked}", headers=headers),
    ):
        assert (reply.status_code, reply.json()["code"]) == (429, "quota_exceeded")


def test_what_one_user_used_up_is_left_to_colleagues_and_other_tenants(
    service: Service, grant: Grant
) -> None:
    grant(budget_user_requests_per_minute=1, budget_tenant_requests_per_minute=3)
    assert [service.ask("ann", QUESTION).status_code for _ in range(5)] == [200, 429, 429, 429, 429]
    assert service.ask("bob", QUESTION).status_code == 200, "ann's refusals cost the tenant nothing"
    assert service.ask("eve", QUESTION).status_code == 200


def test_a_tenants_budget_counts_all_its_users_and_is_not_told_of(
    service: Service, grant: Grant
) -> None:
    grant(budget_tenant_requests_per_minute=2)
    replies = [service.ask(name, QUESTION) for name in ("ann", "bob", "ann")]
    assert [reply.status_code for reply in replies] == [200, 200, 429]
    assert "this tenant's budget" in replies[2].json()["detail"]
    assert not any("ratelimit" in reply.headers for reply in replies)
    assert service.ask("eve", QUESTION).status_code == 200


def test_evidence_is_charged_as_served_and_then_refused_while_sources_go_on(
    service: Service, grant: Grant
) -> None:
    asked = chunk(service)
    grant(budget_user_evidence_tokens_per_day=10_000)
    answer = service.ask("ann", QUESTION)
    used = answer.json()["usage"]["evidence_tokens"]
    assert used > 0
    policy = '"evidence-tokens-day";q=10000;qu="evidence-tokens";w=86400'
    assert answer.headers["ratelimit-policy"] == policy
    assert answer.headers["ratelimit"].startswith(f'"evidence-tokens-day";r={10_000 - used};t=')
    piece = service.client.get(f"/v1/evidence/{asked}", headers=service.headers("ann"))
    used += piece.json()["usage"]["evidence_tokens"]
    assert piece.headers["ratelimit"].startswith(f'"evidence-tokens-day";r={10_000 - used};t=')
    grant(budget_user_evidence_tokens_per_minute=1)
    assert service.ask("ann", QUESTION).status_code == 200, "the last answer may pass the limit"
    for reply in (
        service.ask("ann", QUESTION),
        service.client.get(f"/v1/evidence/{asked}", headers=service.headers("ann")),
    ):
        assert (reply.status_code, reply.json()["code"]) == (429, "quota_exceeded")
    assert service.client.get("/v1/sources", headers=service.headers("ann")).status_code == 200


def test_claims_are_paid_for_before_they_are_checked(service: Service, grant: Grant) -> None:
    asked = chunk(service)
    grant(budget_user_claims_per_minute=3)
    token = service.token("ann", ApiScope.RETRIEVE, ApiScope.VERIFY)
    headers = {"Authorization": f"Bearer {token}"}
    claim = {"text": "So it is.", "citations": [{"chunk_id": asked}]}
    replies = [
        service.client.post("/v1/verify", json={"claims": [claim] * count}, headers=headers)
        for count in (4, 2, 2, 1)
    ]
    assert [reply.status_code for reply in replies] == [429, 200, 429, 200]
    assert "does not grant 4 at once" in replies[0].json()["detail"]
    assert call(service, token, "verify_claims", claims=[claim]).json()["result"]["isError"]
    assert service.ask("ann", QUESTION).status_code == 200, "asking is another budget"


def test_a_single_tenant_can_be_granted_more_or_anything(service: Service, grant: Grant) -> None:
    grant(
        budget_user_requests_per_minute=1,
        budget_tenants={"acme": {"user_requests_per_minute": None}, "globex": {}},
    )
    assert [service.ask("ann", QUESTION).status_code for _ in range(3)] == [200] * 3
    assert [service.ask("eve", QUESTION).status_code for _ in range(2)] == [200, 429]


def test_work_is_counted_by_the_clock(service: Service, grant: Grant) -> None:
    admission = grant(budget_user_seconds_per_minute=1)
    assert service.ask("ann", QUESTION).status_code == 200
    limits = LimitSettings(budget_user_seconds_per_minute=1, budget_user_concurrency=None)
    [account, _] = accounts_of(service.runtime.secret, "acme", "user:ann", limits.limits("acme"))
    assert account.limit.budget is Budget.WALL_CLOCK
    admission.counters.charge(account, 1_000)
    refused = service.ask("ann", QUESTION)
    assert refused.status_code == 429
    assert "1 seconds of work per minute" in refused.json()["detail"]
    assert "ratelimit" not in refused.headers


def ann(service: Service) -> Any:
    return service.runtime.authenticate(service.tokens["ann"])


def test_refusals_are_counted_and_not_written_down_one_by_one(
    service: Service, grant: Grant
) -> None:
    grant(budget_user_requests_per_minute=1)

    def rows() -> int:
        with service.runtime.audit_database.unguarded("counting what is on record") as session:
            return session.scalar(select(func.count()).select_from(AuditRow)) or 0

    service.ask("ann", QUESTION)
    before = rows()
    assert [service.ask("ann", QUESTION).status_code for _ in range(5)] == [429] * 5
    assert rows() == before
    exposed = service.client.get("/metrics", headers=service.headers("operator")).text
    assert 'clearance_budget_refusals_total{budget="requests",scope="user"}' in exposed


def test_that_somebody_was_given_all_the_evidence_of_a_day_is_on_record_once(
    service: Service, grant: Grant
) -> None:
    grant(budget_user_evidence_tokens_per_day=1, budget_user_requests_per_minute=30)
    assert service.ask("ann", QUESTION).status_code == 200
    for _ in range(3):
        assert service.ask("ann", QUESTION).status_code == 429
        assert call(service, service.tokens["ann"], "retrieve", query=QUESTION).json()["result"][
            "isError"
        ]
    with service.runtime.audit_database.unguarded("reading what is on record") as session:
        bodies = session.scalars(
            select(AuditRow.body).where(AuditRow.kind == EventKind.DENIAL).order_by(AuditRow.at)
        ).all()
    told = [body for body in bodies if "user:evidence-tokens-day" in str(body)]
    assert len(told) == 1
    assert "quota_exceeded" in str(told[0])


def test_a_stranger_is_told_so_before_any_budget_is_asked(service: Service, grant: Grant) -> None:
    grant(budget_user_requests_per_minute=1)
    service.ask("ann", QUESTION)
    bad = {"Authorization": "Bearer nonsense"}
    reply = service.client.post("/v1/retrieve", json={"query": QUESTION}, headers=bad)
    assert reply.status_code == 401
    assert "ratelimit" not in reply.headers
    operator = service.headers("operator")
    reply = service.client.post("/v1/retrieve", json={"query": QUESTION}, headers=operator)
    assert (reply.status_code, "ratelimit" in reply.headers) == (403, False)


def test_what_is_sure_to_be_refused_is_refused_before_the_token_is_looked_up(
    service: Service, grant: Grant, monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = grant(budget_user_concurrency=1)
    assert service.ask("ann", QUESTION).status_code == 200
    ticket: Ticket = admission.admitted(ann(service), Operation.RETRIEVE)
    assert admission.crowd.enter(ticket._concurrent) is None  # a request that is under way

    def fail(_token: str) -> None:
        raise AssertionError("the catalogue was asked")

    with monkeypatch.context() as within:
        within.setattr(service.runtime, "authenticate", fail)
        within.setattr(service.runtime, "identify", fail)
        refused = service.ask("ann", QUESTION)
        assert (refused.status_code, refused.json()["code"]) == (429, "quota_exceeded")
        assert refused.headers["x-request-id"] == refused.json()["request_id"]
        assert call(service, service.tokens["ann"], "list_sources").status_code == 429
    assert service.ask("bob", QUESTION).status_code == 200
    admission.crowd.leave(ticket._concurrent)
    assert service.ask("ann", QUESTION).status_code == 200


def test_a_full_room_is_said_to_be_full(service: Service, grant: Grant) -> None:
    admission = grant(admission_slots=1, admission_waiting=1, admission_wait_seconds=0.05)
    assert service.ask("ann", QUESTION).status_code == 200
    inside = admission.room.arrive("acme", lambda: None)
    waited = service.ask("ann", QUESTION)
    assert (waited.status_code, waited.json()["code"]) == (503, "overloaded")
    assert int(waited.headers["retry-after"]) >= 1
    waiting = admission.room.arrive("acme", lambda: None)
    assert service.ask("bob", QUESTION).status_code == 503
    for place in (waiting, inside):
        assert place is not None
        admission.room.leave(place)
    assert service.ask("ann", QUESTION).status_code == 200
    assert admission.room.working() == 0


def test_every_route_that_answers_from_evidence_is_admitted_and_known_to_the_early_refusal(
    service: Service,
) -> None:
    admitted = set()
    for context in iter_route_contexts(create_app(service.runtime).routes):
        dependant = getattr(context, "dependant", None) or getattr(
            context.original_route, "dependant", None
        )
        calls = [] if dependant is None else dependant.dependencies
        if any(one.call.__module__ == "retrieval.limits.web" for one in calls):
            admitted |= {f"{method} {context.path}" for method in context.methods or ()}
    assert admitted >= {
        "POST /v1/retrieve",
        "POST /v1/verify",
        "GET /v1/sources",
        "GET /v1/evidence/{chunk_id}",
    }
    known = {one for one in admitted if early._ADMITTED.fullmatch(one)}
    assert admitted == known


def test_the_local_command_line_is_held_to_no_budget(service: Service, grant: Grant) -> None:
    admission = grant(budget_user_requests_per_minute=1, admission_slots=1)
    held = admission.room.arrive("acme", lambda: None)
    for _ in range(3):
        answer = retrieve(
            service.runtime, ann(service), RetrieveRequest(query=QUESTION), request_id="r"
        )
        assert answer.evidence
    assert held is not None
    admission.room.leave(held)


def test_the_app_can_be_asked_in_another_loop(service: Service, grant: Grant) -> None:
    grant(budget_user_requests_per_minute=100)
    for _ in range(2):
        with TestClient(create_app(service.runtime)) as client:
            reply = client.post(
                "/v1/retrieve", json={"query": QUESTION}, headers=service.headers("ann")
            )
            assert reply.status_code == 200
