"""Streamable HTTP at ``/mcp`` inside the service: stateless, JSON replies, bearer tokens only.

The service is an OAuth resource server without an authorization server of its own: keys are made by
an operator and handed out, or tokens come from an issuer of the organisation's own. So the SDK's
bearer and resource checks are put together here, and :mod:`retrieval.mcp.metadata` names those
issuers that may be named.

What a token's *resource* is: a JWT says for whom it was issued, and the verifier reports just that,
so that the SDK refuses one that was issued for another resource than this endpoint. A key is good
only if it is found in this installation's catalogue, so it was issued for this installation and can
be used at no other; for a key, the verifier reports this endpoint's own URL.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import anyio.to_thread
from mcp.server.auth.middleware.bearer_auth import (
    AuthenticatedUser,
    BearerAuthBackend,
    RequireAuthMiddleware,
)
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.routes import build_resource_metadata_url
from mcp.server.streamable_http_manager import StreamableHTTPASGIApp, StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings
from pydantic import AnyHttpUrl, InstanceOf
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.routing import Route

from acl.caller import ApiScope, Caller
from acl.errors import InvalidTokenError
from acl.identity.faults import REFUSED
from retrieval.api.auth import MCP_PATH
from retrieval.api.boundary import MAX_BODY_BYTES
from retrieval.mcp.envelope import OneMessage
from retrieval.mcp.server import build_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from mcp.server.context import ServerRequestContext
    from starlette.authentication import AuthCredentials
    from starlette.requests import HTTPConnection
    from starlette.types import Receive, Scope, Send

    from acl.identity.authenticate import Identity
    from retrieval.runtime import Runtime
    from retrieval.settings import Settings

LOOPBACK: Final = ("127.0.0.1", "localhost", "[::1]")


class VerifiedToken(AccessToken):
    """A verified token together with the caller it speaks for. It does not keep the secret."""

    caller: InstanceOf[Caller]


class OneHeaderBackend(BearerAuthBackend):
    """The SDK's bearer check, for requests that say once who they are.

    Of two headers, it would be left to each proxy on the way which identity counts.
    """

    async def authenticate(
        self, conn: HTTPConnection
    ) -> tuple[AuthCredentials, AuthenticatedUser] | None:
        """The user of the verified token, or None: nobody."""
        if len(conn.headers.getlist("authorization")) != 1:
            return None
        user: tuple[AuthCredentials, AuthenticatedUser] | None = await super().authenticate(conn)
        if user is not None and isinstance(user[1].access_token, VerifiedToken):
            conn.state.caller = user[1].access_token.caller  # named in the audit, if refused
        return user


class BearerVerifier:
    """Verifies bearer tokens as every other surface does."""

    def __init__(self, runtime: Runtime, *, resource: str) -> None:
        self._runtime = runtime
        self._resource = resource

    async def verify_token(self, token: str) -> AccessToken | None:
        """The verified token, or None whatever is wrong with it.

        Raises:
            TenantDisabledError: the token is good, and its tenant is switched off.
        """
        try:
            identity = await anyio.to_thread.run_sync(self._runtime.identify, token)
        except InvalidTokenError:
            return None
        caller = identity.caller
        return VerifiedToken(
            token="",  # nothing after verification needs it
            client_id=str(caller.actors[0] if caller.actors else caller.subject),
            subject=str(caller.subject),
            scopes=sorted(caller.api_scopes),
            resource=self._resource_of(identity),
            caller=caller,
        )

    def _resource_of(self, identity: Identity) -> str | None:
        """For whom the token was issued: for us, if that is among what it names."""
        if identity.audiences is None:
            return self._resource
        ours = {self._resource, f"{self._resource}/"}
        return next((one for one in identity.audiences if one in ours), identity.audiences[0])


def caller_of(context: ServerRequestContext[dict[str, Any], Any]) -> Caller:
    """The caller of an MCP request over HTTP: from its verified token, or nobody.

    Raises:
        InvalidTokenError: the request did not come through the bearer middleware.
    """
    user = getattr(context.request, "scope", {}).get("user")
    if isinstance(user, AuthenticatedUser) and isinstance(user.access_token, VerifiedToken):
        return user.access_token.caller
    raise InvalidTokenError(REFUSED)


class McpEndpoint:
    """The route to add to the service, and the session manager to run beside it."""

    def __init__(self, runtime: Runtime) -> None:
        resource = resource_url(runtime.settings)
        self._manager = StreamableHTTPSessionManager(
            build_server(runtime, caller_of),
            json_response=True,
            stateless=True,
            security_settings=_transport_security(runtime.settings),
            # The boundary's own limit is reached first, and answers like everywhere else.
            max_request_body_size=2 * MAX_BODY_BYTES,
        )
        guarded = RequireAuthMiddleware(
            OneMessage(StreamableHTTPASGIApp(self._manager)),
            required_scopes=[ApiScope.RETRIEVE.value],
            resource_metadata_url=metadata_url(runtime.settings),
        )
        backend = OneHeaderBackend(
            BearerVerifier(runtime, resource=resource), resource_server_url=AnyHttpUrl(resource)
        )
        self._app = AuthenticationMiddleware(guarded, backend)
        self.route = Route(MCP_PATH, endpoint=self, include_in_schema=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        scope["route"] = self.route  # as the framework notes it for its own: metrics name it
        await self._app(scope, receive, send)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve requests for as long as the context lasts."""
        async with self._manager.run():
            yield


def public_url(settings: Settings) -> str:
    """The URL under which this installation is reached, without a trailing slash."""
    return (settings.public_url or f"http://{settings.host}:{settings.port}").rstrip("/")


def resource_url(settings: Settings) -> str:
    """The URL of ``/mcp`` as clients know it, and so the audience of tokens for it."""
    return public_url(settings) + MCP_PATH


def advertised(settings: Settings) -> list[str]:
    """The issuers that may be named to anybody."""
    return [one.issuer for one in settings.issuers if one.advertised]


def metadata_url(settings: Settings) -> AnyHttpUrl | None:
    """Where clients find these issuers; None if there are none."""
    if not advertised(settings):
        return None
    return build_resource_metadata_url(AnyHttpUrl(resource_url(settings)))


def _transport_security(settings: Settings) -> TransportSecuritySettings:
    """Accept the public name and loopback names only, so that no web page can reach us by DNS."""
    public = urlsplit(public_url(settings))
    return TransportSecuritySettings(
        allowed_hosts=[public.netloc, *(f"{name}:*" for name in LOOPBACK)],
        allowed_origins=[
            f"{public.scheme}://{public.netloc}",
            *(f"http://{name}:*" for name in LOOPBACK),
        ],
    )
