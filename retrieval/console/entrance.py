"""Signing in and out, and the files every page needs: all of the console that asks for no session.

A token is looked at by the same door as on every other surface, and a refusal of one has one
wording. Nothing here leads anywhere but to pages of the console: no request says where to go.
"""

from pathlib import Path
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import FileResponse, RedirectResponse, Response

from acl.errors import InvalidTokenError
from retrieval.api.auth import Parameters, runtime_of
from retrieval.console.form import Form, read_form
from retrieval.console.menu import items_for
from retrieval.console.page import Page, door, page, refusal_of
from retrieval.console.session import HOME, MAX_SEALED_CHARS, begin, carry, drop, sealed
from retrieval.console.visit import SignedIn, Visit, opened_by, require_same_site
from retrieval.runtime import Runtime

PUBLIC_PATHS: Final = frozenset({f"{HOME}/sign-in", f"{HOME}/static/{{name}}"})
"""Routes of the console that ask for no session; a test holds every other to :class:`SignedIn`."""

_STATIC: Final = Path(__file__).parent / "static"
_MEDIA: Final = {"console.css": "text/css; charset=utf-8", "icon.svg": "image/svg+xml"}
_SEE_OTHER: Final = 303
_TOO_LONG: Final = "This token is too long for a browser to carry. Sign in with an API key instead."
_REFUSED: Final = (
    "This token is not good here: unknown, expired or revoked. Check it, or ask for one."
)

router = APIRouter(prefix=HOME, route_class=Page, include_in_schema=False)

RuntimeOf = Annotated[Runtime, Depends(runtime_of)]


@router.get("", dependencies=opened_by(None))
def home(visit: Annotated[Visit, Depends(SignedIn(None))]) -> Response:
    """The first page the token opens; a page that says so if it opens none."""
    items = items_for(visit.caller)
    if not items:
        return page(visit, "nothing.html")
    return RedirectResponse(items[0].path, _SEE_OTHER)


@router.get("/sign-in", dependencies=[Depends(Parameters())])
def show_door(request: Request) -> Response:
    """The form to sign in with."""
    return door(request)


@router.post("/sign-in", dependencies=[Depends(Parameters())])
def sign_in(
    request: Request, runtime: RuntimeOf, form: Annotated[Form, Depends(read_form)]
) -> Response:
    """Begin a session, if the token is good.

    Raises:
        CrossSiteError: the form is another site's, which would have people act as somebody else.
        TenantDisabledError: the token is good, and its tenant is switched off.
    """
    require_same_site(runtime, request)
    form.require_only("token")
    token = form.one("token").strip()
    try:
        runtime.authenticate(token)
    except InvalidTokenError as error:
        status = refusal_of(request, error).problem.status
        return door(request, status=status, message=_REFUSED)
    value = sealed(runtime, begin(runtime, token))
    if len(value) > MAX_SEALED_CHARS:
        return door(request, status=422, message=_TOO_LONG)
    response = RedirectResponse(HOME, _SEE_OTHER)
    carry(runtime, response, value)
    return response


@router.post("/sign-out", dependencies=opened_by(None))
def sign_out(visit: Annotated[Visit, Depends(SignedIn(None))]) -> Response:
    """Have the browser forget the session."""
    visit.sent.require_only()
    response = RedirectResponse(f"{HOME}/sign-in", _SEE_OTHER)
    drop(visit.runtime, response)
    return response


@router.get("/static/{name}")
def static(name: Literal["console.css", "icon.svg"]) -> Response:
    """A file that is the same for everybody."""
    return FileResponse(_STATIC / name, media_type=_MEDIA[name])
