"""Who is calling: the one dependency every guarded route declares.

Identity comes from the bearer token and from nothing else. A route without :class:`Authorised` is
public; the list of those is :data:`PUBLIC_PATHS`, and a test holds every route to one of the two.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from acl.caller import ApiScope, Caller
from acl.errors import InvalidTokenError
from acl.keys import REFUSED
from retrieval.runtime import Runtime

PUBLIC_PATHS: Final = frozenset({"/livez", "/readyz", "/openapi.json"})
"""They say nothing about any tenant: whether the process lives, is ready, and how to call it."""

MCP_PATH: Final = "/mcp"
"""Guarded by the bearer middleware of :mod:`retrieval.mcp.http`, not by a dependency."""

_bearer = HTTPBearer(auto_error=False, description="An API key: clearance keys create …")


async def runtime_of(request: Request) -> Runtime:
    """The runtime this application serves from (async, to spare a hop to a worker thread)."""
    return cast("Runtime", request.app.state.runtime)


@dataclass(frozen=True, slots=True)
class Authorised:
    """A dependency that yields the caller, if the token carries ``scope``."""

    scope: ApiScope

    def __call__(
        self,
        request: Request,
        runtime: Annotated[Runtime, Depends(runtime_of)],
        credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Caller:
        """Authenticate, then check the API scope, in this order.

        Raises:
            InvalidTokenError: no token, more than one, or not a good one; one message for all.
            MissingScopeError: the token lacks ``scope``.
        """
        # Two headers would leave it to each proxy on the way which identity counts.
        if credentials is None or len(request.headers.getlist("authorization")) != 1:
            raise InvalidTokenError(REFUSED)
        caller = runtime.authenticate(credentials.credentials)
        caller.require(self.scope)
        return caller


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse query parameters: no route takes any, and ignoring one would ignore a restriction."""
    unknown = sorted(set(request.query_params))
    if unknown:
        raise RequestValidationError(
            [{"loc": ("query", name), "msg": "unknown parameter: remove it"} for name in unknown]
        )


async def refuse_other_media_types(request: Request) -> None:
    """Refuse a body that is not declared to be JSON."""
    if request.method == "POST":
        declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if declared != "application/json":
            raise HTTPException(415)


def guarded(scope: ApiScope) -> Sequence[Any]:
    """The dependencies of a guarded route, in the order in which they are asked.

    Authentication stands first: a stranger learns no more from a refusal than whether the body was
    JSON at all, which the framework reads before it asks anyone.
    """
    return [
        Depends(Authorised(scope)),
        Depends(refuse_unknown_parameters),
        Depends(refuse_other_media_types),
    ]
