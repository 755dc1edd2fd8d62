"""MCP over standard streams: the token of the environment says who asks."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.e2e.served import MODES, QUESTION, Served, problem
from tests.support.issuer import AUDIENCE, configured, key_set, signing_key, token

if TYPE_CHECKING:
    from mcp_types import CallToolResult

CLEARANCE: Final = str(Path(sys.executable).with_name("clearance"))


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


def test_over_standard_streams_a_token_sees_its_own_tenant_alone(served: Served) -> None:
    _, token = served.key("eve", tenant="globex")
    _, ann = served.key("ann")
    hidden = served.call(ann, "retrieve", query=QUESTION).structured_content["evidence"][0]

    async def scenario() -> tuple[CallToolResult, CallToolResult]:
        async with Client(stdio_client(stdio(served, token))) as client:
            found = await client.call_tool("retrieve", {"query": QUESTION})
            return found, await client.call_tool("get_evidence", {"chunk_id": hidden["chunk_id"]})

    found, absent = anyio.run(scenario)
    assert "99 dollars" in found.content[0].text
    assert "55 euros" not in found.content[0].text
    assert problem(absent)["code"] == "not_found"


@pytest.mark.parametrize(("audience", "code"), [(AUDIENCE, 0), ("https://elsewhere.example", 2)])
def test_over_standard_streams_a_token_issued_for_elsewhere_is_refused(
    served: Served, tmp_path: Path, audience: str, code: int
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_bytes(key_set(signing_key("main").jwk()))
    now = int(time.time())
    parameters = stdio(served, token(aud=audience, iat=now, exp=now + 600, jti="stdio"))
    trusted = configured("", jwks_url=None, jwks_file=str(keys), tenant="acme")
    done = subprocess.run(  # noqa: S603 - our own command
        [parameters.command, *parameters.args],
        env={**(parameters.env or {}), "CLEARANCE_ISSUERS": json.dumps([trusted])},
        input=b"",
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert (b"CLEARANCE_TOKEN is unknown" in done.stderr) == (code == 2)
