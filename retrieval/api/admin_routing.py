"""What the administration routes share: names in paths, preconditions, and the reply to a write.

Names of ACLs and principals may hold ``/`` and ``:`` (``folder:handbook:hr/payroll``). They are
routed as they were sent, before percent-decoding: ``%2F`` is a slash within a name, ``/`` separates
segments. So a name can never be taken for another name and a subordinate path.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Header, Path, Query, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.routing import Match
from starlette.types import Scope

from acl.admin.administration import Administration, Administrator, administering
from acl.admin.expected import Expected, expected
from acl.admin.state import etag
from acl.caller import ApiScope, Caller
from retrieval.api.auth import PROBLEMS, Authorised, guarded, runtime_of
from retrieval.runtime import Runtime

MAX_PAGE: Final = 500
MAX_NAME: Final = 3_100
"""Of a name as sent: every character may take three."""
ACL_TOKEN_HEADER: Final = "X-Clearance-ACL-Token"  # noqa: S105 - a header's name

Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="How many at most.")]
After = Annotated[
    str | None, Query(max_length=MAX_NAME, description="The `next` of the page before.")
]
Name = Annotated[str, Path(max_length=MAX_NAME, description="Percent-encode `/` in it as %2F.")]


class Strict(BaseModel):
    """A body in which nothing unknown is passed over."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Written(Strict):
    """What every write says."""

    changed: bool = Field(description="False if it was so already.")
    acl_token: str = Field(
        description="Send it as at_least_as_fresh with a query, and its answer reflects this write."
    )


class EncodedRoute(APIRoute):
    """A route matched against the path as it was sent, whose parameters are decoded one by one."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As of the base class, on the raw path."""
        raw = scope.get("raw_path")
        if scope["type"] != "http" or raw is None:
            return super().matches(scope)
        match, child = super().matches({**scope, "path": raw.decode("ascii", "replace")})
        try:
            decoded = {
                name: unquote(value, errors="strict") if isinstance(value, str) else value
                for name, value in child.get("path_params", {}).items()
            }
        except UnicodeDecodeError:
            return Match.NONE, {}  # no name is spelled like that
        return match, {**child, "path_params": decoded} if child else child


def admin_router(prefix: str) -> APIRouter:
    """A router whose names in paths may hold anything."""
    return APIRouter(prefix=prefix, responses=_PROBLEMS, route_class=EncodedRoute)


def administered(*parameters: str, takes_body: bool = True) -> Any:
    """The dependencies of every administration route; arguments as of :func:`guarded`."""
    return guarded(ApiScope.ACL_ADMIN, parameters=parameters, takes_body=takes_body)


async def _expected(
    request: Request,
    if_match: Annotated[
        str | None, Header(description="The ETag of the state you have read. Needed to change it.")
    ] = None,
    if_none_match: Annotated[
        str | None, Header(description="`*` to create, and never to replace.")
    ] = None,
) -> Expected:
    del if_match, if_none_match  # declared for the OpenAPI document; all lines count
    headers = request.headers
    return expected(headers.getlist("if-match"), headers.getlist("if-none-match"))


async def _optionally_expected(request: Request) -> Expected:
    headers = request.headers
    return expected(headers.getlist("if-match"), headers.getlist("if-none-match"), required=False)


OnlyIf = Annotated[Expected, Depends(_expected)]
"""The precondition of changes to whole objects: needed where one is replaced or removed."""
OptionallyIf = Annotated[Expected, Depends(_optionally_expected)]
"""Of changes that undo nobody else's, such as adding one member: observed if it is sent."""


@dataclass(frozen=True, slots=True)
class Desk:
    """What an administration route works with: the caller's own tenant, and the reply's headers."""

    runtime: Runtime
    caller: Caller
    response: Response

    @property
    def tenant(self) -> str:
        """The only tenant there is here."""
        return self.caller.tenant

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A look at the tenant."""
        with self.runtime.database.read(self.tenant) as session:
            yield session

    @contextmanager
    def changing(self) -> Iterator[Administration]:
        """One transaction of the caller's changes; the reply says which version it made."""
        who = Administrator.by(self.caller)
        runtime = self.runtime
        with administering(
            runtime.database, self.tenant, who, secret=runtime.secret, now=runtime.clock()
        ) as administration:
            yield administration
            self.response.headers[ACL_TOKEN_HEADER] = administration.token()

    @property
    def acl_token(self) -> str:
        """Of the change just made."""
        return self.response.headers[ACL_TOKEN_HEADER]

    def tagged(self, state: dict[str, object]) -> dict[str, object]:
        """``state``, whose entity tag goes on the reply."""
        self.response.headers["ETag"] = etag(state)
        return state


def _desk(
    caller: Annotated[Caller, Depends(Authorised(ApiScope.ACL_ADMIN))],
    runtime: Annotated[Runtime, Depends(runtime_of)],
    response: Response,
) -> Desk:
    return Desk(runtime, caller, response)


DeskOf = Annotated[Desk, Depends(_desk)]


_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = PROBLEMS | {
    status: {**PROBLEMS[422], "description": description}
    for status, description in {
        404: "There is no such thing in the caller's tenant",
        409: "Something stands under the ACL",
        412: "What is to be changed is not as expected",
        428: "Say which state is to be changed: If-Match",
    }.items()
}
