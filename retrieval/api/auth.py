"""Who is calling: the one dependency every guarded route declares.

Identity comes from the bearer token and from nothing else. A route without :class:`Authorised` is
public; the list of those is :data:`PUBLIC_PATHS`, and a test holds every route to one of the two.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from starlette.exceptions import HTTPException

from acl.caller import ApiScope, Caller
from retrieval.api.problems import MEDIA_TYPE, Problem
from retrieval.flags.guard import require_operation
from retrieval.runtime import Runtime

JWKS_PATH: Final = "/.well-known/jwks.json"
MCP_PATH: Final = "/mcp"
"""Guarded by the bearer middleware of :mod:`retrieval.mcp.http`, not by a dependency."""

MCP_METADATA_PATH: Final = f"/.well-known/oauth-protected-resource{MCP_PATH}"

PUBLIC_PATHS: Final = frozenset(
    {"/livez", "/readyz", "/openapi.json", JWKS_PATH, MCP_METADATA_PATH}
)
"""They say nothing about any tenant: whether the process lives, is ready, how to call it, by which
public keys to verify what it signed, and which issuers an operator lets it name."""

PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "model": Problem,
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for status, description in {
        401: "No good bearer token",
        403: "The token lacks the API scope, or the tenant is disabled",
        422: "The request is malformed; errors names each field",
        503: "Catalogue or index unavailable",
    }.items()
}
"""What any guarded route may answer instead, for the OpenAPI document."""

_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})
_bearer = HTTPBearer(
    auto_error=False,
    description="An API key (clearance keys create …), or a JWT of a trusted issuer.",
)


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
        """Authenticate, then check the API scope, then the tenant's flags, in this order.

        Raises:
            InvalidTokenError: no token, more than one, or not a good one; one message for all.
            TenantDisabledError: the token is good, and its tenant is switched off.
            MissingScopeError: the token lacks ``scope``.
            SwitchedOffError, ReadOnlyError: a flag of the tenant stands against it.
        """
        # Two headers would leave it to each proxy on the way which identity counts.
        alone = credentials is not None and len(request.headers.getlist("authorization")) == 1
        caller = runtime.authenticate(credentials.credentials if credentials and alone else "")
        request.state.caller = caller  # whom the boundary names in the audit, if this is refused
        caller.require(self.scope)
        operation = getattr(request.scope.get("route"), "operation_id", None) or ""
        require_operation(runtime.flags, caller, operation, method=request.method)
        return caller


@dataclass(frozen=True, slots=True)
class Parameters:
    """A dependency that refuses query parameters but those in ``known``, each at most once.

    Ignoring one would ignore a restriction, and of two with one name it would be unsaid which
    counts.
    """

    known: frozenset[str] = frozenset()

    async def __call__(self, request: Request) -> None:
        """Refuse the request if a parameter is unknown or repeated."""
        sent = [name for name, _ in request.query_params.multi_items()]
        wrong = {name: "unknown parameter: remove it" for name in sent if name not in self.known}
        wrong |= {name: "give it once" for name in self.known if sent.count(name) > 1}
        if wrong:
            raise RequestValidationError(
                [
                    {"loc": ("query", name), "msg": message}
                    for name, message in sorted(wrong.items())
                ]
            )


async def refuse_other_media_types(request: Request) -> None:
    """Refuse a body that is not declared to be JSON."""
    if request.method in _WITH_BODY:
        declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if declared != "application/json":
            raise HTTPException(415)


def guarded(
    scope: ApiScope, *, parameters: Iterable[str] = (), takes_body: bool = True
) -> Sequence[Any]:
    """The dependencies of a guarded route, in the order in which they are asked.

    Args:
        scope: the API scope the token must carry.
        parameters: the query parameters the route takes; all others are refused.
        takes_body: whether a PUT or POST has a body, which must be declared to be JSON.

    Authentication stands first: a stranger learns no more from a refusal than whether the body was
    JSON at all, which the framework reads before it asks anyone.
    """
    return [
        Depends(Authorised(scope)),
        Depends(Parameters(frozenset(parameters))),
        *([Depends(refuse_other_media_types)] if takes_body else []),
    ]
