"""``GET /v1/audit``, and how refusals come to stand in it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from starlette.responses import JSONResponse

from acl.audit.kinds import Stream
from acl.audit.ledger import Ledger
from acl.audit.verify import verify
from acl.caller import ApiScope
from retrieval.api.boundary import Boundary
from retrieval.audit_log import Told, Wanted, read_events
from retrieval.denials import target_digest
from retrieval.metrics import Metrics
from tests.support.installation import caller

if TYPE_CHECKING:
    from conftest import Service
    from starlette.types import Message, Receive, Scope, Send

NOWHERE = "00000000-0000-0000-0000-000000000000"
JSON_RPC = {"Accept": "application/json, text/event-stream"}


@pytest.fixture(scope="module")
def auditor(service: Service) -> dict[str, str]:
    return {"Authorization": f"Bearer {service.token('olga', ApiScope.AUDIT)}"}


def newest(service: Service, tenant: str = "acme") -> Told:
    told, _ = read_events(service.runtime, tenant, Wanted(Stream.ACCESS, limit=1))
    return told[0]


def last(service: Service, tenant: str = "acme") -> int:
    told, _ = read_events(service.runtime, tenant, Wanted(Stream.ACCESS, limit=1))
    return told[0].seq if told else 0


def page(service: Service, headers: dict[str, str], **asked: Any) -> dict[str, Any]:
    reply = service.client.get("/v1/audit", params=asked, headers=headers)
    assert reply.status_code == 200, reply.text
    found: dict[str, Any] = reply.json()
    return found


def call_tool(service: Service, token: str, tool: str, **arguments: Any) -> Any:
    params = {"name": tool, "arguments": arguments}
    return service.client.post(
        "/mcp",
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
        headers=JSON_RPC | {"Authorization": f"Bearer {token}"},
    )


# What is refused


def test_a_piece_that_is_absent_or_forbidden_is_on_record_by_a_digest(service: Service) -> None:
    hidden = service.ask("bob", "When does the merger close?").json()["evidence"][0]["chunk_id"]
    bodies = []
    for chunk in (hidden, NOWHERE):
        path = f"/v1/evidence/{chunk}"
        assert service.client.get(path, headers=service.headers("ann")).status_code == 404
        told = newest(service)
        assert (told.kind, told.body["subject"], told.body["code"]) == (
            "denial",
            "user:ann",
            "not_found",
        )
        assert told.body["operation"] == "GET /v1/evidence/{chunk_id}"
        assert told.body["targets"] == [target_digest(service.runtime.secret, "acme", chunk)]
        assert chunk not in str(told.body)
        bodies.append({**told.body, "targets": None, "request": None})
    assert bodies[0] == bodies[1]


def test_a_missing_api_scope_is_on_record(service: Service) -> None:
    reply = service.client.get("/v1/audit", headers=service.headers("ann"))
    assert reply.status_code == 403
    told = newest(service)
    assert (told.body["code"], told.body["operation"]) == ("forbidden", "GET /v1/audit")
    assert told.body["request"] == reply.headers["X-Request-ID"]
    assert told.body["via"].startswith("key:")


def test_a_malformed_request_is_on_record_without_what_was_sent(service: Service) -> None:
    assert service.ask("ann", "x", secret_field="s3cret").status_code == 422
    told = newest(service)
    assert told.body["code"] == "invalid_request"
    assert "s3cret" not in str(told.body)
    assert "secret_field" not in str(told.body)


def test_a_stranger_writes_nothing(service: Service) -> None:
    before = last(service), last(service, "globex")
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        assert service.client.get("/v1/sources", headers=headers).status_code == 401
        assert service.client.get("/nowhere", headers=headers).status_code == 404
    assert (last(service), last(service, "globex")) == before


def test_over_mcp_a_refusal_is_on_record_like_anywhere_else(service: Service) -> None:
    no_scope = service.token("olga", ApiScope.OPS)
    assert call_tool(service, no_scope, "list_sources").status_code == 403
    told = newest(service)
    assert (told.body["subject"], told.body["operation"]) == ("user:olga", "POST /mcp")
    reply = call_tool(service, service.tokens["ann"], "get_evidence", chunk_id=NOWHERE)
    assert reply.json()["result"]["isError"]
    told = newest(service)
    assert (told.body["surface"], told.body["operation"], told.body["code"]) == (
        "mcp",
        "get_evidence",
        "not_found",
    )
    assert told.body["targets"] == [target_digest(service.runtime.secret, "acme", NOWHERE)]
    before = last(service)
    assert call_tool(service, "nonsense", "list_sources").status_code == 401
    assert last(service) == before


def test_a_refusal_that_cannot_be_put_on_record_is_not_given(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Ledger(service.runtime.audit_database, clock=service.runtime.clock)
    closed.close()
    monkeypatch.setattr(service.runtime, "ledger", closed)
    replies = [
        service.client.get(f"/v1/evidence/{NOWHERE}", headers=service.headers("ann")),
        service.client.get("/v1/audit", headers=service.headers("ann")),
        service.ask("ann", "per diem abroad"),
        call_tool(service, service.token("olga", ApiScope.OPS), "list_sources"),
    ]
    for reply in replies:
        assert (reply.status_code, reply.json()["code"]) == (503, "audit_unavailable")
        assert reply.headers["Retry-After"] == "1"
    tool = call_tool(service, service.tokens["ann"], "get_evidence", chunk_id=NOWHERE)
    assert "audit_unavailable" in tool.text


def test_nothing_of_a_refusal_that_was_replaced_leaves_behind_the_reply(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = Ledger(service.runtime.audit_database, clock=service.runtime.clock)
    closed.close()
    monkeypatch.setattr(service.runtime, "ledger", closed)
    sent: list[Message] = []

    async def refuses(scope: Scope, receive: Receive, send: Send) -> None:
        scope["state"]["caller"] = caller("user:ann", tenant="acme")
        await JSONResponse({"secret": True}, status_code=403)(scope, receive, send)

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "app": service.client.app}
    anyio.run(Boundary(refuses, metrics=Metrics()), scope, receive, send)
    assert [message["type"] for message in sent] == ["http.response.start", "http.response.body"]
    assert sent[0]["status"] == 503
    assert b"secret" not in sent[1]["body"]


# Reading it


def test_the_newest_stand_first_and_pages_follow_each_other(
    service: Service, auditor: dict[str, str]
) -> None:
    for _ in range(5):
        service.ask("ann", "per diem abroad")
    first = page(service, auditor, limit=2, kind="query")
    second = page(service, auditor, limit=2, kind="query", cursor=first["next"])
    numbers = [event["seq"] for event in first["events"] + second["events"]]
    assert numbers == sorted(numbers, reverse=True)
    assert len(set(numbers)) == 4
    assert {event["kind"] for event in first["events"]} == {"query"}


def test_the_last_page_names_no_next_one(service: Service, auditor: dict[str, str]) -> None:
    everything = page(service, auditor, limit=1000)
    assert everything["next"] is None
    assert everything["events"][-1]["seq"] == 1


def test_a_span_of_time_can_be_asked_for(service: Service, auditor: dict[str, str]) -> None:
    service.ask("ann", "per diem abroad")
    now = service.runtime.clock()
    later = (now + timedelta(hours=1)).isoformat()
    earlier = (now - timedelta(hours=1)).isoformat()
    assert page(service, auditor, since=later)["events"] == []
    assert page(service, auditor, until=earlier)["events"] == []
    assert page(service, auditor, since=earlier, until=later)["events"]


def test_reading_it_is_on_record_before_it_is_read(
    service: Service, auditor: dict[str, str]
) -> None:
    shown = page(service, auditor, limit=1)
    told = newest(service)
    assert (told.kind, told.body["subject"]) == ("audit.read", "user:olga")
    assert told.body["last"] == shown["events"][0]["seq"] == told.seq - 1


def test_an_auditor_reads_their_own_tenant_alone(service: Service, auditor: dict[str, str]) -> None:
    service.ask("eve", "per diem abroad")
    assert "user:eve" not in str(page(service, auditor, limit=1000))
    theirs = {"Authorization": f"Bearer {service.token('sam', ApiScope.AUDIT, tenant='globex')}"}
    assert "user:ann" not in str(page(service, theirs, limit=1000))


@pytest.mark.parametrize(
    "asked",
    [
        {"tenant": "globex"},
        {"kind": "no.such.kind"},
        {"stream": "other"},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00"},
        {"limit": "0"},
        {"limit": "1001"},
        {"cursor": "nonsense"},
        {"cursor": "A" * 5000},
        {"limit": ["1", "2"]},
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(
    service: Service, auditor: dict[str, str], asked: dict[str, Any]
) -> None:
    reply = service.client.get("/v1/audit", params=asked, headers=auditor)
    assert (reply.status_code, reply.json()["code"]) == (422, "invalid_request")
    assert next(iter(asked)) in reply.json()["detail"]


def test_a_cursor_is_good_for_its_caller_and_its_list_alone(
    service: Service, auditor: dict[str, str]
) -> None:
    cursor = page(service, auditor, limit=1)["next"]
    other = {"Authorization": f"Bearer {service.token('pat', ApiScope.AUDIT)}"}
    for headers, asked in ((other, {}), (auditor, {"kind": "query"})):
        reply = service.client.get(
            "/v1/audit", params={"limit": 1, "cursor": cursor, **asked}, headers=headers
        )
        assert reply.status_code == 422
    assert page(service, auditor, limit=1, cursor=cursor)


def test_after_all_of_that_the_chain_is_intact(service: Service) -> None:
    runtime = service.runtime
    with runtime.audit_database.read("acme") as session:
        assert verify(session, "acme", Stream.ACCESS, jwks=runtime.signer.jwks()).intact
