"""MCP over standard streams: the token of the environment says who asks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import anyio
import pytest
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from tests.e2e.served import MODES, QUESTION, Served, problem

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
