"""A page: rendered, escaped, and sent with the headers that keep a browser from doing more.

One environment, in which every value is escaped wherever it comes from; no template turns that off
(a test reads them). One route class, which answers errors with a page of the same words that REST
has for them, so that absent and forbidden are one page too.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from acl.errors import InvalidTokenError, TenantDisabledError
from retrieval.api.boundary import request_id_of
from retrieval.api.problems import HANDLED, OUR_SIDE, Refusal, refuse
from retrieval.console import marked, words
from retrieval.console.menu import items_for
from retrieval.console.session import cookie_name, drop
from retrieval.telemetry import failure

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from starlette.requests import Request
    from starlette.responses import Response

    from acl.caller import Caller
    from retrieval.console.session import Session
    from retrieval.console.visit import Visit
    from retrieval.runtime import Runtime

HEADERS: Final[Mapping[str, str]] = {
    # No script at all, no style but our own file, nothing from anywhere else, no frame around us.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "X-Frame-Options": "DENY",
    # Not no-referrer: browsers would then send "Origin: null" with our own forms.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "X-Robots-Tag": "noindex, nofollow",
}
"""On every reply of the console; the boundary adds ``no-store`` and ``nosniff``."""

_log = structlog.get_logger(__name__)


def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,  # a misspelled name is an error, not an empty place
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        duration=words.duration, moment=words.moment, stamp=words.stamp, percent=words.percent
    )
    made.globals.update(
        actions=words.ACTIONS,
        freshness=words.FRESHNESS,
        trust=words.TRUST,
        receipts=words.RECEIPTS,
        runs=words.RUNS,
        breakers=words.BREAKERS,
        corrections=words.CORRECTIONS,
        stretches=marked.stretches,
        disputes=marked.disputes,
    )
    return made


ENVIRONMENT: Final = _environment()


def page(visit: Visit, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
    """A page for somebody who is signed in.

    Args:
        visit: who asks.
        template: its file.
        status: of the reply.
        values: what the template shows.
    """
    return _rendered(visit.request, template, status=status, **values)


def door(request: Request, *, status: int = 200, message: str = "") -> HTMLResponse:
    """The page to sign in on."""
    return _rendered(request, "sign_in.html", status=status, message=message)


def refusal_of(request: Request, error: Exception) -> Refusal:
    """What is said of an error, as in REST; the boundary is told its code."""
    refusal = refuse(error, request_id=request_id_of(request))
    request.state.code = refusal.problem.code
    return refusal


class Page(APIRoute):
    """A route whose every reply, errors included, is a page with the headers of the console."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As of the base class, with errors turned into pages."""
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                response = await handle(request)
            except HANDLED as error:
                response = _refused(request, error)
            except Exception as error:  # noqa: BLE001 - as at the boundary, but told on a page
                _log.error("request_failed", **failure(error))
                response = _refused(request, error)
            response.headers.update(HEADERS)
            return response

        return handled


def _refused(request: Request, error: Exception) -> Response:
    refusal = refusal_of(request, error)
    problem = refusal.problem
    response: Response
    if isinstance(error, InvalidTokenError):
        response = door(request, status=problem.status, message=str(error))
    else:
        response = _rendered(
            request,
            "problem.html",
            status=problem.status,
            problem=problem,
            again=problem.status >= OUR_SIDE,
        )
    response.headers.update(refusal.headers)
    runtime: Runtime = request.app.state.runtime
    over = isinstance(error, (InvalidTokenError, TenantDisabledError))
    if over and cookie_name(runtime) in request.cookies:
        drop(runtime, response)
    return response


def _rendered(request: Request, template: str, *, status: int, **values: Any) -> HTMLResponse:
    caller: Caller | None = getattr(request.state, "caller", None)
    session: Session | None = getattr(request.state, "session", None)
    text = ENVIRONMENT.get_template(template).render(
        here=request.url.path,
        request_id=request_id_of(request),
        caller=caller,
        menu=() if caller is None else items_for(caller),
        mark="" if session is None else session.form_mark(request.app.state.runtime.secret),
        **values,
    )
    return HTMLResponse(text, status_code=status)
