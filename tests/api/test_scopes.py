"""API scopes, by enumeration: every route and every tool asks for one, and heeds no other.

Routes are taken from the application itself, so a new one is tested from its first day.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import APIRoute, iter_route_contexts

from acl.caller import ApiScope
from retrieval.api.app import create_app
from retrieval.api.auth import MCP_PATH, PUBLIC_PATHS, Authorised
from retrieval.mcp.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from conftest import Service
    from fastapi.dependencies.models import Dependant
    from httpx2 import Response

    from retrieval.runtime import Runtime

NOBODY_S_ID = "00000000-0000-0000-0000-000000000000"
# Pages for browsers, which carry no header of ours: their one dependency is SignedIn, and
# tests/security/test_console_access.py enumerates them.
CONSOLE = "/console"


@dataclass(frozen=True)
class Guarded:
    """One method of one route, with the scopes it asks for."""

    method: str
    path: str
    scopes: frozenset[ApiScope]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def scopes_of(dependant: Dependant) -> Iterator[ApiScope]:
    if isinstance(dependant.call, Authorised):
        yield dependant.call.scope
    for inner in dependant.dependencies:
        yield from scopes_of(inner)


def in_console(path: str) -> bool:
    return path == CONSOLE or path.startswith(f"{CONSOLE}/")


def guarded(runtime: Runtime) -> list[Guarded]:
    """Every route that is not public, in the order of the application."""
    return [
        Guarded(method, route.path, frozenset(scopes_of(route.dependant)))
        for route in iter_route_contexts(create_app(runtime).routes)
        if isinstance(route.route, APIRoute)
        and route.path not in PUBLIC_PATHS
        and not in_console(route.path)
        for method in sorted(route.route.methods)
    ]


def call(service: Service, route: Guarded, token: str | None) -> Response:
    """Call a route with ids of nothing and an empty body."""
    path = route.path
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + NOBODY_S_ID + rest.partition("}")[2]
    headers = {"X-Request-ID": "same"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    body: Any = {} if route.method in {"POST", "PUT", "PATCH"} else None
    return service.client.request(route.method, path, json=body, headers=headers)


def all_but(service: Service, scopes: Collection[ApiScope]) -> str:
    """A token of Ann's with every scope except these."""
    return service.token("ann", *(scope for scope in ApiScope if scope not in scopes))


def call_tool(service: Service, name: str, token: str) -> Response:
    """Call a tool without arguments, as raw HTTP."""
    request = {"name": name, "arguments": {}}
    return service.client.post(
        MCP_PATH,
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": request},
        headers={
            "Authorization": f"Bearer {token}",
            "Accept": "application/json, text/event-stream",
        },
    )


def test_every_route_asks_for_one_api_scope_or_is_on_the_one_public_list(runtime: Runtime) -> None:
    every = {route.path for route in iter_route_contexts(create_app(runtime).routes)}
    paths = {path for path in every if not in_console(path)}
    routes = guarded(runtime)
    assert paths - {route.path for route in routes} == PUBLIC_PATHS | {MCP_PATH}
    assert [str(route) for route in routes if len(route.scopes) != 1] == []


def test_without_a_token_every_route_answers_alike(service: Service) -> None:
    replies = {call(service, route, None).content for route in guarded(service.runtime)}
    assert len(replies) == 1
    assert b'"code":"unauthenticated"' in replies.pop()


def test_all_scopes_but_the_one_are_not_enough_for_any_route(service: Service) -> None:
    refused = {
        str(route): call(service, route, all_but(service, route.scopes))
        for route in guarded(service.runtime)
    }
    assert len(refused) > 5
    for route, reply in refused.items():
        assert (reply.status_code, reply.json()["code"]) == (403, "forbidden"), route
        assert "insufficient_scope" in reply.headers["www-authenticate"], route


def test_the_one_scope_is_enough_for_every_route(service: Service) -> None:
    for route in guarded(service.runtime):
        reply = call(service, route, service.token("nobody", *route.scopes))
        assert reply.status_code not in {401, 403}, f"{route}: {reply.text}"


@pytest.mark.parametrize("name", TOOLS)
def test_all_scopes_but_the_one_are_not_enough_for_any_tool(service: Service, name: str) -> None:
    reply = call_tool(service, name, all_but(service, {TOOLS[name].scope}))
    if reply.status_code == 200:
        result = reply.json()["result"]
        assert result["isError"]
        assert '"code":"forbidden"' in result["content"][0]["text"]
    else:
        assert reply.status_code == 403


@pytest.mark.parametrize("name", TOOLS)
def test_no_tool_answers_a_token_without_any_scope(service: Service, name: str) -> None:
    assert call_tool(service, name, service.token("ann")).status_code == 403


def test_without_a_token_not_even_the_tools_are_listed(service: Service) -> None:
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    reply = service.client.post(MCP_PATH, json=listing)
    assert reply.status_code == 401
    assert not any(name in reply.text for name in TOOLS)
