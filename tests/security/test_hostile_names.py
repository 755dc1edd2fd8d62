"""Names that no name of ours could be: refused or not found on every route, never an accident.

What one database takes for a text another refuses (a NUL), cuts short or compares otherwise. So
everything that can be named over the wire is asked for under such names, by somebody who may do
everything: no reply may be a failure of ours, and none may differ between the engines.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from retrieval.api.app import create_app
from retrieval.api.auth import MCP_PATH
from tests.support.installation import TENANT, Installation
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank

HOSTILE: Final = (
    "\0",
    "a\0b",
    "\x7f",
    "\u202e",
    "\ud7ff\uffff",
    "x" * 5_000,
    "' OR 1=1 --",
    "%",
    "../..",
    "e\u0301",
    "\U0001f9ea",
    "*",
    "null",
    "-1",
    "9" * 40,
)
SERVER_ERRORS: Final = 500
_TEXTS: Final = ("query", "cursor", "at_least_as_fresh")


@pytest.fixture
def wire(blank_catalogue: Blank, tmp_path: Path) -> Iterator[tuple[TestClient, dict[str, str]]]:
    """A small service, and the headers of somebody who may do everything."""
    with Installation.open(
        blank_catalogue, tmp_path / "data", public_url="http://testserver"
    ) as world:
        world.know("user:ann")
        shelf = {"a.md": Shelved("# Travel\n\nThe allowance is 55 euros.", "open")}
        world.ingest(ListedSource("wiki", (acl("open", allow("user:ann")),), shelf))
        with world.change() as session:
            token = create_key(
                session,
                TENANT,
                Principal.parse("user:ann"),
                api_scopes=list(ApiScope),
                now=world.clock(),
            ).token
        app = create_app(world.runtime)
        with TestClient(app, raise_server_exceptions=False) as client:
            yield client, {"Authorization": f"Bearer {token}"}


def test_no_name_in_a_path_is_an_accident(wire: tuple[TestClient, dict[str, str]]) -> None:
    client, headers = wire
    asked = 0
    for context in iter_route_contexts(client.app.routes):  # type: ignore[attr-defined] # ours
        if context.path == MCP_PATH or "{" not in context.path:
            continue
        for method in sorted(context.methods or ["GET"]):
            for name in HOSTILE:
                path = re.sub(r"\{[^}]+\}", quote(name, safe=""), context.path)
                body = {} if method in {"POST", "PUT"} else None
                reply = client.request(method, path, json=body, headers=headers)
                assert reply.status_code < SERVER_ERRORS, (method, context.path, name, reply.text)
                asked += 1
    assert asked > 10 * len(HOSTILE)


def bodies(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Requests with a hostile text wherever they take one."""
    for field in _TEXTS:
        yield "/v1/retrieve", {"query": "travel", field: name}
    yield "/v1/retrieve", {"query": "travel", "sources": [name]}
    citation = {"chunk_id": name, "quote": name}
    yield "/v1/verify", {"claims": [{"text": name, "citations": [citation]}]}
    citation = {"receipt_id": name, "evidence": "e1"}
    yield "/v1/verify", {"claims": [{"text": name, "citations": [citation]}]}
    yield "/v1/verify", {"answer": {"text": f"{name} [e1]", "receipt_id": name}}
    yield "/v1/verify", {"answer": {"text": f"{name} [e1]", "chunks": {"e1": name}}}
    for field in ("chunk_id", "receipt_id"):
        yield "/v1/feedback", {field: name, "useful": True, "comment": name}
    for field in ("subject", "actor", "label", "purpose"):
        yield "/v1/keys", {"subject": "user:ann", "scopes": ["retrieve"], field: name}
    yield "/v1/explain", {"principal": name, "acl": name}
    yield "/v1/explain", {"principal": "user:ann", "document": name}


def test_no_text_in_a_body_is_an_accident(wire: tuple[TestClient, dict[str, str]]) -> None:
    client, headers = wire
    for path, body in (request for name in HOSTILE for request in bodies(name)):
        reply = client.post(path, json=body, headers=headers)
        assert reply.status_code < SERVER_ERRORS, (path, body, reply.text)


def test_no_query_parameter_or_request_id_is_an_accident(
    wire: tuple[TestClient, dict[str, str]],
) -> None:
    client, headers = wire
    paths = ("/v1/acls", "/v1/groups", "/v1/principals", "/v1/keys", "/v1/audit")
    parameters = ("cursor", "after", "limit", "kind", "since")
    for name, path, parameter in itertools.product(HOSTILE, paths, parameters):
        reply = client.get(path, params={parameter: name}, headers=headers)
        assert reply.status_code < SERVER_ERRORS, (path, parameter, reply.text)
    for name in filter(str.isprintable, filter(str.isascii, HOSTILE)):
        sent = {**headers, "X-Request-ID": name[:200]}
        assert client.get("/v1/sources", headers=sent).status_code < SERVER_ERRORS
