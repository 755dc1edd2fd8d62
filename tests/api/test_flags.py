"""``/v1/flags`` over HTTP: what is switched, what every surface then refuses, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from acl.caller import ApiScope
from retrieval.api.app import create_app
from retrieval.api.auth import MCP_PATH, PUBLIC_PATHS
from retrieval.flags import operations
from retrieval.mcp.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conftest import Service
    from httpx2 import Response

    from retrieval.runtime import Runtime


class Operator:
    """Somebody with the scope ``ops`` in one tenant, who leaves nothing switched behind."""

    def __init__(self, service: Service, tenant: str = "acme") -> None:
        self._client = service.client
        self.headers = {
            "Authorization": f"Bearer {service.token('op', ApiScope.OPS, tenant=tenant)}"
        }

    def put(self, flag: str, value: str, **fields: str) -> Response:
        body = {"value": value, **fields}
        return self._client.put(f"/v1/flags/{flag}", json=body, headers=self.headers)

    def delete(self, flag: str) -> Response:
        return self._client.delete(f"/v1/flags/{flag}", headers=self.headers)

    def get(self, path: str = "") -> Any:
        return self._client.get(f"/v1/flags{path}", headers=self.headers).json()

    def roll_back(self, number: int) -> Response:
        body = {"before_change": number}
        return self._client.post("/v1/flags/rollback", json=body, headers=self.headers)


@pytest.fixture
def operator(service: Service) -> Iterator[Operator]:
    one = Operator(service)
    yield one
    for flag in one.get()["flags"]:
        assert one.delete(flag["flag"].replace("/", "%2F")).status_code == 200


def test_every_operation_and_tool_is_classed_and_nothing_else_is(runtime: Runtime) -> None:
    ids = {
        route.route.operation_id
        for route in iter_route_contexts(create_app(runtime).routes)
        if isinstance(route.route, APIRoute)
        and route.path not in PUBLIC_PATHS
        and route.route.include_in_schema
    }
    classes = (operations.ALWAYS_ON, operations.READING, operations.WRITING)
    assert ids == frozenset().union(*classes)
    assert sum(map(len, classes)) == len(ids)
    assert operations.READING >= operations.STOPPING
    assert set(TOOLS) == operations.TOOLS


def test_what_only_reads_by_its_method_is_never_classed_as_writing(runtime: Runtime) -> None:
    for route in iter_route_contexts(create_app(runtime).routes):
        if isinstance(route.route, APIRoute) and "GET" in route.route.methods:
            assert route.route.operation_id not in operations.WRITING


def test_a_flag_is_set_told_and_taken_back(operator: Operator) -> None:
    made = operator.put("trust_policy", "redact", reason="wave of injections")
    assert made.status_code == 200
    [change] = made.json()["changes"]
    assert (change["before"], change["after"]) == (None, "redact")
    [flag] = operator.get()["flags"]
    assert (flag["flag"], flag["value"], flag["reason"]) == (
        "trust_policy",
        "redact",
        "wave of injections",
    )
    assert flag["changed_by"].startswith("user:op ")
    again = operator.put("trust_policy", "redact").json()
    assert (again["changed"], again["changes"]) == (False, [])
    assert operator.delete("trust_policy").json()["changed"]
    assert operator.get()["flags"] == []
    latest = operator.get("/history?limit=1")["changes"]
    assert [(one["flag"], one["after"]) for one in latest] == [("trust_policy", None)]


@pytest.mark.parametrize(
    ("flag", "value", "status", "code"),
    [
        ("unheard", "on", 422, "invalid_flag"),
        ("source", "off", 422, "invalid_flag"),
        ("read_only:x", "on", 422, "invalid_flag"),
        ("read_only", "off", 422, "invalid_flag"),
        ("trust_policy", "ignore", 422, "invalid_flag"),
        ("route:unset_flag", "off", 422, "invalid_flag"),
        ("route:unheard", "off", 422, "invalid_flag"),
        ("tool:unheard", "off", 422, "invalid_flag"),
        ("source:unheard", "off", 404, "not_found"),
    ],
)
def test_what_would_switch_nothing_is_refused(
    operator: Operator, flag: str, value: str, status: int, code: str
) -> None:
    reply = operator.put(flag, value)
    assert (reply.status_code, reply.json()["code"]) == (status, code)
    assert operator.get()["flags"] == []


def test_a_route_that_is_off_is_refused_and_the_tool_is_not(
    service: Service, operator: Operator
) -> None:
    operator.put("route:retrieve", "off")
    refused = service.ask("ann", "What is the per diem?")
    assert (refused.status_code, refused.json()["code"]) == (503, "switched_off")
    assert service.client.get("/v1/sources", headers=service.headers("ann")).status_code == 200
    assert call_tool(service)["isError"] is False
    operator.put("tool:retrieve", "off")
    assert "switched_off" in call_tool(service)["content"][0]["text"]
    assert service.ask("eve", "What is the per diem?").status_code == 200  # of another tenant


def test_a_read_only_tenant_refuses_writes_by_name_and_answers(
    service: Service, operator: Operator
) -> None:
    headers = {
        "Authorization": "Bearer " + service.token("adm", ApiScope.ACL_ADMIN, ApiScope.INGEST)
    }
    operator.put("read_only", "on")
    refused = service.client.put(
        "/v1/groups/group:staff/members/user:new", headers={**headers, "If-None-Match": "*"}
    )
    assert (refused.status_code, refused.json()["code"]) == (503, "read_only")
    assert int(refused.headers["retry-after"]) > 0
    run = service.client.post("/v1/index-runs", json={"source": "docs"}, headers=headers)
    assert (run.status_code, run.json()["code"]) == (503, "read_only")
    assert service.client.get("/v1/groups", headers=headers).status_code == 200
    assert service.ask("ann", "What is the per diem?").status_code == 200


def test_a_rollback_restores_what_stood_before_the_change(operator: Operator) -> None:
    operator.put("exact_only", "on")
    number = operator.put("lexical_only", "on").json()["changes"][0]["change"]
    operator.delete("exact_only")
    reply = operator.roll_back(number).json()
    assert {one["flag"]: one["after"] for one in reply["changes"]} == {
        "exact_only": "on",
        "lexical_only": None,
    }
    assert [flag["flag"] for flag in operator.get()["flags"]] == ["exact_only"]
    for unknown in (9_999, 2**80):
        assert operator.roll_back(unknown).status_code == 404


def test_flags_are_those_of_the_token_s_tenant_alone(service: Service, operator: Operator) -> None:
    operator.put("exact_only", "on", reason="ours")
    theirs = Operator(service, "globex")
    assert theirs.get()["flags"] == []
    assert theirs.get("/history")["changes"] == []
    assert not theirs.delete("exact_only").json()["changed"]
    assert len(operator.get()["flags"]) == 1


def call_tool(service: Service) -> Any:
    """The result of asking the tool ``retrieve`` as Ann."""
    arguments = {"query": "What is the per diem?"}
    reply = service.client.post(
        MCP_PATH,
        json={
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {"name": "retrieve", "arguments": arguments},
        },
        headers={**service.headers("ann"), "Accept": "application/json, text/event-stream"},
    )
    return reply.json()["result"]
