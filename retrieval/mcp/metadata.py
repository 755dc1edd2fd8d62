"""Where a client may sign in: the metadata of ``/mcp`` as a protected resource (RFC 9728).

The service issues no tokens of this kind itself. It names those trusted issuers that an operator
says may be named, because anybody may read this: an issuer that serves one tenant alone tells that
the tenant is a customer. With none there is no such document, since a client that found one without
an issuer would look for what is not there; it is given a key instead.
"""

from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, Field

from acl.caller import ApiScope
from acl.errors import NotFoundError
from retrieval.api.auth import MCP_METADATA_PATH
from retrieval.api.problems import MEDIA_TYPE, Problem
from retrieval.api.routes import RuntimeOf
from retrieval.mcp.http import advertised, resource_url

_ABSENT: Final = "no issuer is named here: ask whoever runs the service for a key"

router = APIRouter()


class ProtectedResource(BaseModel):
    """What RFC 9728 has a resource say of itself."""

    resource: str = Field(description="What a token must be issued for: its audience.")
    resource_name: Literal["Clearance"] = "Clearance"
    authorization_servers: list[str] = Field(description="Issuers whose tokens are taken.")
    scopes_supported: list[str]
    bearer_methods_supported: list[Literal["header"]] = ["header"]


@router.get(
    MCP_METADATA_PATH,
    operation_id="mcp_resource_metadata",
    responses={
        404: {
            "model": Problem,
            "description": "No issuer is named: tokens are handed out by whoever runs the service",
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
    },
)
async def resource_metadata(runtime: RuntimeOf) -> ProtectedResource:
    """Which issuers' tokens MCP takes, for clients that let people sign in (RFC 9728)."""
    settings = runtime.settings
    servers = advertised(settings)
    if not servers:
        raise NotFoundError(_ABSENT)
    return ProtectedResource(
        resource=resource_url(settings),
        authorization_servers=servers,
        scopes_supported=[ApiScope.RETRIEVE.value, ApiScope.VERIFY.value],
    )
