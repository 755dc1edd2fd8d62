"""What can be called, written down: ``docs/openapi.json`` for REST, ``docs/mcp.json`` for agents.

``make docs`` writes them; tests compare them with what a running service says, so that no change of
the surface goes unseen, whether it was meant or not. What never lives here: the surface itself.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from retrieval.api.app import create_app
from retrieval.mcp import teaching
from retrieval.mcp.server import NAME
from retrieval.mcp.tools import INSTRUCTIONS, TOOLS
from retrieval.runtime import Runtime
from retrieval.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel


def openapi() -> str:
    """The OpenAPI document of the service."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_construct(data_dir=Path(folder), embedder="hash:8")
        with Runtime.open(settings) as runtime:
            return _text(create_app(runtime).openapi())


def mcp() -> str:
    """Everything that an MCP client can list, and what it is told first."""
    return _text(
        listing(
            name=NAME,
            instructions=INSTRUCTIONS,
            tools=[tool.describe() for tool in TOOLS.values()],
            prompts=anyio.run(teaching.list_prompts, None, None).prompts,
            resources=anyio.run(teaching.list_resources, None, None).resources,
        )
    )


def listing(
    *,
    name: str,
    instructions: str,
    tools: Iterable[BaseModel],
    prompts: Iterable[BaseModel],
    resources: Iterable[BaseModel],
) -> dict[str, Any]:
    """A listing as an inspector shows it, in the protocol's own spelling."""
    return {
        "name": name,
        "instructions": instructions,
        "tools": [_spelled(one) for one in tools],
        "prompts": [_spelled(one) for one in prompts],
        "resources": [_spelled(one) for one in resources],
    }


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def _spelled(one: BaseModel) -> dict[str, Any]:
    return one.model_dump(mode="json", by_alias=True, exclude_none=True)
