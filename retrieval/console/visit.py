"""Who visits a page: the one dependency that every page but the door declares.

The order is that of REST (:mod:`retrieval.api.auth`), with what a browser needs put before it: a
form must come from this site; the session must hold; the token in it must be good *now*; a form
must bear the session's mark; the token must carry the API scope of the page; and the operation of
REST that the page stands for, whose id it has, must not be switched off. Only then does a page see
who asks.
"""

import hmac
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request

from acl.caller import ApiScope, Caller
from acl.errors import InvalidTokenError
from retrieval.api.auth import Parameters, runtime_of
from retrieval.api.boundary import request_id_of
from retrieval.console.errors import CrossSiteError, SignedOutError
from retrieval.console.form import MARK, Form, read_form
from retrieval.console.session import Session, session_of
from retrieval.flags.guard import require_operation
from retrieval.limits.budgets import Operation
from retrieval.limits.ticket import Ticket
from retrieval.mcp.http import public_url
from retrieval.runtime import Runtime

_ELSEWHERE: Final = (
    "This form was sent from another site, or from an older session. Nothing was done."
)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of somebody who is signed in.

    Attributes:
        runtime: the installation.
        request: the request.
        session: in which it comes.
        caller: whom the session's token speaks for, as of this request.
        form: what was sent; None of a GET.
    """

    runtime: Runtime
    request: Request
    session: Session
    caller: Caller
    form: Form | None

    @property
    def sent(self) -> Form:
        """What was sent; nothing of a GET."""
        return Form({}) if self.form is None else self.form

    @property
    def request_id(self) -> str:
        """The id of the request."""
        return request_id_of(self.request)

    @property
    def mark(self) -> str:
        """What the forms of the page must carry."""
        return self.session.form_mark(self.runtime.secret)

    def may(self, scope: ApiScope) -> bool:
        """Whether the token carries an API scope."""
        return scope in self.caller.api_scopes


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A dependency that yields the visit, if the session's token carries ``scope``.

    ``scope`` is None for pages that tell nothing but what the token itself says.
    """

    scope: ApiScope | None

    def __call__(
        self,
        request: Request,
        runtime: Annotated[Runtime, Depends(runtime_of)],
        form: Annotated[Form | None, Depends(read_form)],
    ) -> Visit:
        """Establish who asks; the order is that of the module.

        Raises:
            CrossSiteError: a form of another site, or of another session.
            SignedOutError: there is no session, or its token is good no more.
            TenantDisabledError: the token is good, and its tenant is switched off.
            MissingScopeError: the token lacks ``scope``.
            SwitchedOffError, ReadOnlyError: a flag of the tenant stands against it.
        """
        if form is not None:
            require_same_site(runtime, request)
        session = session_of(runtime, request)
        try:
            caller = runtime.authenticate(session.token)
        except InvalidTokenError as error:
            raise SignedOutError("Your token is no longer good. Sign in again.") from error
        # Whom the boundary names in the audit, if this is refused, and whose menu the page shows.
        request.state.caller, request.state.session = caller, session
        if form is not None and not hmac.compare_digest(
            form.one(MARK).encode(), session.form_mark(runtime.secret).encode()
        ):
            raise CrossSiteError(_ELSEWHERE)
        if self.scope is not None:
            caller.require(self.scope)
        operation = getattr(request.scope.get("route"), "operation_id", None)
        if operation is not None:
            require_operation(runtime.flags, caller, operation, method=request.method)
        return Visit(runtime, request, session, caller, form)


def opened_by(scope: ApiScope | None, *parameters: str) -> Sequence[Any]:
    """The dependencies of a page, in the order in which they are asked.

    Args:
        scope: the API scope the token must carry; None for none.
        parameters: the query parameters the page takes; all others are refused, as in REST.
    """
    return [Depends(SignedIn(scope)), Depends(Parameters(frozenset(parameters)))]


def admission(operation: Operation, scope: ApiScope) -> Any:
    """The dependency that yields a ticket for ``operation``, out of the budgets of REST."""

    async def admitted(
        request: Request, visit: Annotated[Visit, Depends(SignedIn(scope))]
    ) -> AsyncIterator[Ticket]:
        ticket = visit.runtime.admission.admitted(visit.caller, operation)
        request.state.ticket = ticket  # whose headers every reply carries, a refusal too
        async with ticket:
            yield ticket

    return Depends(admitted, scope="function")


def require_same_site(runtime: Runtime, request: Request) -> None:
    """Refuse a form unless the browser says that a page of ours sent it.

    Browsers say so in ``Sec-Fetch-Site``, which no page can set, or over plain http in ``Origin``.
    A request that says neither is refused: it is no browser's, and programs have REST.

    Raises:
        CrossSiteError: it says otherwise, or nothing.
    """
    site = request.headers.getlist("sec-fetch-site")
    if site:
        same = site == ["same-origin"]
    else:
        origin = urlsplit(request.headers.get("origin", ""))
        own = {request.headers.get("host", ""), urlsplit(public_url(runtime.settings)).netloc}
        same = origin.scheme in {"http", "https"} and origin.netloc in own
    if not same:
        raise CrossSiteError(_ELSEWHERE)
