"""An installation of two tenants being served, and the official MCP client to ask it with."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anyio
import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client

from acl.admin.directory import add_member
from acl.caller import ApiScope
from acl.identity.keys import create_key, revoke_key
from acl.principal import Principal
from ingestion import jobs
from ingestion.sources.folder import FolderSource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from mcp_types import CallToolResult

    from retrieval.runtime import Runtime

QUESTION: Final = "per diem for trips abroad"
MODES: Final = ("auto", "legacy")
BOTH: Final = "application/json, text/event-stream"
_TENANTS: Final = (("acme", "55 euros", "ann"), ("globex", "99 dollars", "eve"))


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
        headers = {"Authorization": f"Bearer {token}"}
        # A machine that does much else besides is not a failure.
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
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

    def post(self, content: bytes | None = None, **headers: str) -> httpx2.Response:
        """A call as raw HTTP."""
        call = {"name": "list_sources", "arguments": {}}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        return httpx2.post(
            f"{self.url}/mcp",
            content=json.dumps(message).encode() if content is None else content,
            headers={"Accept": BOTH, "Content-Type": "application/json"} | headers,
            timeout=60,
        )


def furnish(runtime: Runtime, home: Path) -> None:
    """Two tenants with a handbook each, and a board whose documents are for its members."""
    for tenant, amount, user in _TENANTS:
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
            for group, member in (("group:staff", f"user:{user}"), ("group:board", "user:bob")):
                add_member(
                    session,
                    tenant,
                    Principal.parse(group),
                    Principal.parse(member),
                    now=runtime.clock(),
                )


def problem(result: CallToolResult) -> dict[str, Any]:
    """The problem that a call ended in."""
    assert result.is_error
    assert result.structured_content is None
    return dict(json.loads(result.content[0].text))
