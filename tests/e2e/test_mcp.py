"""MCP with the official client: over HTTP against a real server, and over standard streams."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx2
import pytest
import uvicorn
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend
from pydantic import AnyHttpUrl
from starlette.requests import HTTPConnection

from acl.admin.directory import add_member
from acl.caller import ApiScope
from acl.identity.keys import create_key, revoke_key
from acl.principal import Principal
from ingestion import jobs
from ingestion.sources.folder import FolderSource
from retrieval.api.app import create_app
from retrieval.evidence import RetrieveResponse
from retrieval.mcp import tools
from retrieval.mcp.http import BearerVerifier
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from mcp_types import CallToolResult

CLEARANCE = str(Path(sys.executable).with_name("clearance"))
QUESTION = "per diem for trips abroad"
ABSENT = "3f2b8f9e-0000-4000-8000-000000000000"
MODES = ("auto", "legacy")


@dataclass(frozen=True, slots=True)
class Served:
    """An installation being served, and how to become somebody."""

    runtime: Runtime
    url: str

    def key(self, user: str, *scopes: ApiScope, tenant: str = "acme") -> tuple[str, str]:
        """The id and token of a new key."""
        with self.runtime.database.write(tenant) as session:
            made = create_key(
                session,
                tenant,
                Principal.parse(f"user:{user}"),
                api_scopes=scopes or (ApiScope.RETRIEVE,),
                now=self.runtime.clock(),
            )
        return made.key_id, made.token

    def revoke(self, key_id: str) -> None:
        with self.runtime.database.write("acme") as session:
            revoke_key(session, "acme", key_id, now=self.runtime.clock())

    @asynccontextmanager
    async def client(self, token: str, *, mode: str = "auto") -> AsyncIterator[Client]:
        async with httpx2.AsyncClient(headers={"Authorization": f"Bearer {token}"}) as http:
            transport = streamable_http_client(f"{self.url}/mcp", http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client

    def call(
        self, token: str, tool: str, *, mode: str = "auto", **arguments: Any
    ) -> CallToolResult:
        async def scenario() -> CallToolResult:
            async with self.client(token, mode=mode) as client:
                return await client.call_tool(tool, arguments)

        return anyio.run(scenario)

    def post(self, **headers: str) -> httpx2.Response:
        """A call as raw HTTP."""
        call = {"name": "list_sources", "arguments": {}}
        return httpx2.post(
            f"{self.url}/mcp",
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call},
            headers={"Accept": "application/json, text/event-stream"} | headers,
        )


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    home = tmp_path_factory.mktemp("mcp")
    with Runtime.open(Settings(data_dir=home / "data", embedder="hash:64")) as runtime:
        for tenant, amount, user in (("acme", "55 euros", "ann"), ("globex", "99 dollars", "eve")):
            folder = home / tenant
            (folder / "board").mkdir(parents=True)
            (folder / "travel.md").write_text(f"# Travel\n\nThe per diem abroad is {amount}.\n")
            (folder / "board" / ".acl.yaml").write_text("inherit: false\nallow: [group:board]\n")
            (folder / "board" / "merger.md").write_text("# Merger\n\nInitech closes in spring.\n")
            jobs.ingest(
                runtime.ingest_context(),
                FolderSource(folder, name="handbook", allow=["group:staff"]),
                tenant=tenant,
                config=jobs.SourceConfig(kind="folder", config={}),
            )
            with runtime.database.write(tenant) as session:
                for group, member in (("staff", user), ("board", "bob")):
                    add_member(
                        session,
                        tenant,
                        Principal.parse(f"group:{group}"),
                        Principal.parse(f"user:{member}"),
                        now=runtime.clock(),
                    )
        server = uvicorn.Server(
            uvicorn.Config(create_app(runtime), host="127.0.0.1", port=0, log_config=None)
        )
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            deadline = time.monotonic() + 30
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.02)
            port = server.servers[0].sockets[0].getsockname()[1]
            yield Served(runtime, f"http://127.0.0.1:{port}")
        finally:
            server.should_exit = True
            thread.join(30)


def problem(result: CallToolResult) -> dict[str, Any]:
    assert result.is_error
    assert result.structured_content is None
    return dict(json.loads(result.content[0].text))


@pytest.mark.parametrize("mode", MODES)
def test_the_tools_are_listed_as_read_only_and_refuse_unknown_arguments(
    served: Served, mode: str
) -> None:
    async def scenario() -> list[Any]:
        async with served.client(served.key("ann")[1], mode=mode) as client:
            assert "never follow" in str(client.instructions)
            return list((await client.list_tools()).tools)

    listed = {tool.name: tool for tool in anyio.run(scenario)}
    assert set(listed) == {"retrieve", "get_evidence", "list_sources", "verify_claims"}
    for tool in listed.values():
        assert tool.annotations.read_only_hint
        assert tool.input_schema["additionalProperties"] is False
        assert tool.output_schema["type"] == "object"
        taken = " ".join(tool.input_schema["properties"])
        assert not {"tenant", "user", "subject", "acl", "token", "principal"} & set(taken.split())


@pytest.mark.parametrize("mode", MODES)
def test_retrieve_gives_the_very_answer_of_the_http_surface(served: Served, mode: str) -> None:
    _, token = served.key("ann")
    result = served.call(token, "retrieve", mode=mode, query=QUESTION, limit=3)
    answer = RetrieveResponse.model_validate(result.structured_content)
    over_http = httpx2.post(
        f"{served.url}/v1/retrieve",
        json={"query": QUESTION, "limit": 3},
        headers={"Authorization": f"Bearer {token}"},
    ).json()
    assert "55 euros" in answer.evidence[0].text
    assert answer.evidence[0].untrusted is True
    assert json.loads(result.content[0].text) == result.structured_content
    assert over_http["receipt"]
    assert result.structured_content["receipt"] == "", "no model reads a signed statement"
    assert result.structured_content["receipt_id"]
    for both in (over_http, result.structured_content):
        del both["request_id"], both["receipt"], both["receipt_id"]  # each is stated on its own
        for evidence in both["evidence"]:
            del evidence["freshness"]["age_seconds"]
    assert result.structured_content == over_http


def test_each_token_sees_its_own_and_nothing_else(served: Served) -> None:
    ours = served.call(served.key("ann")[1], "retrieve", query=QUESTION)
    theirs = served.call(served.key("eve", tenant="globex")[1], "retrieve", query=QUESTION)
    hidden = served.call(served.key("ann")[1], "retrieve", query="Initech closes in spring")
    shown = served.call(served.key("bob")[1], "retrieve", query="Initech closes in spring")
    assert "55 euros" in ours.content[0].text
    assert "99 dollars" in theirs.content[0].text
    assert "99 dollars" not in ours.content[0].text
    assert "Initech closes" in shown.content[0].text
    assert "Initech closes" not in hidden.content[0].text


def test_sources_and_evidence_can_be_read(served: Served) -> None:
    _, token = served.key("ann")
    found = served.call(token, "retrieve", query=QUESTION).structured_content["evidence"][0]
    again = served.call(token, "get_evidence", chunk_id=found["chunk_id"])
    sources = served.call(token, "list_sources").structured_content["sources"]
    assert again.structured_content["evidence"]["text"] == found["text"]
    assert [(source["name"], source["documents"]) for source in sources] == [("handbook", 1)]


def test_quotes_can_be_checked_by_a_token_for_it(served: Served) -> None:
    _, token = served.key("ann", ApiScope.RETRIEVE, ApiScope.VERIFY)
    chunk = served.call(token, "retrieve", query=QUESTION).structured_content["evidence"][0]
    citation = {"chunk_id": chunk["chunk_id"], "quote": "55 euros"}
    claims = [{"text": "The per diem abroad is 55 euros.", "citations": [citation]}]
    [claim] = served.call(token, "verify_claims", claims=claims).structured_content["claims"]
    assert claim["verdict"] == "supported"
    assert claim["citations"][0]["result"] == "quoted"
    refused = problem(served.call(served.key("ann")[1], "verify_claims", claims=claims))
    assert refused["code"] == "forbidden"


def test_absent_and_forbidden_evidence_are_one_reply(served: Served) -> None:
    shown = served.call(served.key("bob")[1], "retrieve", query="Initech closes in spring")
    hidden = shown.structured_content["evidence"][0]["chunk_id"]
    replies = []
    for asked in (hidden, ABSENT, "nonsense"):
        reply = problem(served.call(served.key("ann")[1], "get_evidence", chunk_id=asked))
        del reply["request_id"]
        replies.append(reply)
    assert replies[0]["code"] == "not_found"
    assert replies[0] == replies[1] == replies[2]


@pytest.mark.parametrize(
    ("tool", "arguments", "field"),
    [
        ("retrieve", {}, "query"),
        ("retrieve", {"query": ""}, "query"),
        ("retrieve", {"query": "x" * 4_001}, "query"),
        ("retrieve", {"query": "a\x00b"}, "query"),
        ("retrieve", {"query": "x", "limit": 999}, "limit"),
        ("retrieve", {"query": "x", "soruces": ["a"]}, "soruces"),
        ("retrieve", {"query": "x", "filters": {"acl": ["a"]}}, "filters.acl"),
        ("retrieve", {"query": "x", "tenant": "globex"}, "tenant"),
        ("retrieve", {"query": "x", "user": "user:bob"}, "user"),
        ("get_evidence", {}, "chunk_id"),
        ("get_evidence", {"chunk_id": "x" * 129}, "chunk_id"),
        ("list_sources", {"tenant": "globex"}, "tenant"),
        ("drop_tables", {}, "name"),
    ],
)
def test_a_bad_argument_is_named_and_its_value_is_not_repeated(
    served: Served, tool: str, arguments: dict[str, Any], field: str
) -> None:
    result = served.call(served.key("ann")[1], tool, **arguments)
    assert problem(result)["code"] == "invalid_request"
    assert [error["field"] for error in problem(result)["errors"]] == [field]
    assert "globex" not in result.content[0].text


@pytest.mark.parametrize("header", ["", "Bearer nonsense", "Bearer clr_0_0", "Basic abc"])
def test_without_a_good_token_nothing_is_said(served: Served, header: str) -> None:
    reply = served.post(**({"Authorization": header} if header else {}))
    assert reply.status_code == 401
    assert reply.headers["www-authenticate"].startswith("Bearer")
    assert "handbook" not in reply.text


def test_a_token_without_the_retrieve_scope_is_forbidden(served: Served) -> None:
    _, token = served.key("ann", ApiScope.AUDIT)
    assert served.post(Authorization=f"Bearer {token}").status_code == 403


def test_a_revoked_token_stops_at_the_next_call(served: Served) -> None:
    key_id, token = served.key("ann")
    assert served.post(Authorization=f"Bearer {token}").status_code == 200
    served.revoke(key_id)
    assert served.post(Authorization=f"Bearer {token}").status_code == 401


def test_a_token_issued_for_another_resource_is_refused(served: Served) -> None:
    _, token = served.key("ann")
    here, elsewhere = f"{served.url}/mcp", "https://elsewhere.example/mcp"
    headers = [(b"authorization", f"Bearer {token}".encode())]
    request = HTTPConnection({"type": "http", "headers": headers})

    def accepted(resource: str) -> bool:
        backend = BearerAuthBackend(
            BearerVerifier(served.runtime, resource=resource), resource_server_url=AnyHttpUrl(here)
        )
        return anyio.run(backend.authenticate, request) is not None

    assert accepted(here)
    assert not accepted(elsewhere)


@pytest.mark.parametrize(
    ("header", "value", "status"),
    [("Host", "evil.example", 421), ("Origin", "https://evil.example", 403)],
)
def test_a_web_page_cannot_reach_it_under_another_name(
    served: Served, header: str, value: str, status: int
) -> None:
    authorization = f"Bearer {served.key('ann')[1]}"
    reply = served.post(**{"Authorization": authorization, header: value})
    assert reply.status_code == status


def test_a_body_that_is_too_large_is_refused(served: Served) -> None:
    reply = httpx2.post(
        f"{served.url}/mcp",
        content=b" " * 100_000,
        headers={
            "Authorization": f"Bearer {served.key('ann')[1]}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        },
    )
    assert (reply.status_code, reply.json()["code"]) == (413, "payload_too_large")


def test_a_failing_core_is_a_problem_without_its_words(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError("the secret is forty-two")

    monkeypatch.setattr(tools, "retrieve", fail)
    result = served.call(served.key("ann")[1], "retrieve", query=QUESTION)
    assert problem(result)["code"] == "internal_error"
    assert "forty-two" not in result.content[0].text


@pytest.mark.parametrize("mode", MODES)
def test_calls_and_refusals_are_counted(served: Served, mode: str) -> None:
    _, ops = served.key("operator", ApiScope.OPS)
    lines = {
        'clearance_tool_calls_total{code="ok",tool="retrieve"}': 1,
        'clearance_tool_calls_total{code="invalid_request",tool="unknown_tool"}': 1,
        'clearance_answers_total{status="ok",surface="mcp"}': 1,
        'clearance_requests_total{code="http_401",route="/mcp",status="401"}': 1,
    }

    def counts() -> dict[str, float]:
        text = httpx2.get(f"{served.url}/metrics", headers={"Authorization": f"Bearer {ops}"}).text
        rows = dict(row.rsplit(" ", 1) for row in text.splitlines() if not row.startswith("#"))
        return {line: float(rows.get(line, 0)) for line in lines}

    before = counts()
    _, token = served.key("ann")
    served.call(token, "retrieve", mode=mode, query=QUESTION)
    served.call(token, "sell_everything", mode=mode)
    served.post()
    after = counts()
    assert {line: after[line] - before[line] for line in lines} == lines


def stdio(served: Served, token: str | None) -> StdioServerParameters:
    env = {"CLEARANCE_EMBEDDER": "hash:64"} | ({"CLEARANCE_TOKEN": token} if token else {})
    data_dir = str(served.runtime.settings.data_dir)
    return StdioServerParameters(command=CLEARANCE, args=["--data-dir", data_dir, "mcp"], env=env)


@pytest.mark.parametrize("mode", MODES)
def test_over_standard_streams_the_token_of_the_environment_says_who_asks(
    served: Served, mode: str
) -> None:
    key_id, token = served.key("ann")

    async def scenario() -> tuple[CallToolResult, CallToolResult]:
        async with Client(stdio_client(stdio(served, token)), mode=mode) as client:
            before = await client.call_tool("retrieve", {"query": QUESTION})
            served.revoke(key_id)
            return before, await client.call_tool("retrieve", {"query": QUESTION})

    before, after = anyio.run(scenario)
    assert "55 euros" in before.content[0].text
    assert problem(after)["code"] == "unauthenticated"


@pytest.mark.parametrize(
    ("token", "words"),
    [(None, "CLEARANCE_TOKEN is not set"), ("clr_x", "CLEARANCE_TOKEN is unknown")],
)
def test_over_standard_streams_nobody_is_refused_with_exit_code_2(
    served: Served, token: str | None, words: str
) -> None:
    parameters = stdio(served, token)
    done = subprocess.run(  # noqa: S603 - our own command
        [parameters.command, *parameters.args],
        env=parameters.env,
        input=b"",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == b""
    assert words in done.stderr.decode()
    assert done.stderr.count(b"error: ") == 1
