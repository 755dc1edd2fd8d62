"""The session: a bearer token that the browser carries for us, sealed, in one cookie.

Nothing else about the caller is kept, here or there: each request opens the seal and asks anew whom
the token speaks for, so a token that is revoked ends its sessions with it. What must never be here:
a caller, an API scope, or anything else that could outlive the token's word.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from acl.digest import keyed
from acl.errors import InvalidSealError
from acl.seal import Purpose, seal, unseal
from retrieval.console.errors import SignedOutError
from retrieval.mcp.http import public_url

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from retrieval.runtime import Runtime

HOME: Final = "/console"
LIFE: Final = timedelta(hours=1)
"""Of a session, from signing in; using it makes it no longer."""
MAX_SEALED_CHARS: Final = 3_800
"""A browser drops a cookie of more than 4,096 bytes, its name and attributes included."""

_PLAIN: Final = "clearance-console"
_SECURE: Final = "__Host-clearance-console"
_OVER: Final = "Your session has ended. Sign in again."
_NONE: Final = "Sign in to go on."


@dataclass(frozen=True, slots=True)
class Session:
    """What the cookie holds.

    Attributes:
        token: the bearer token, as it was pasted.
        nonce: makes each session, and the mark of its forms, its own.
        ends_at: seconds since 1970.
    """

    token: str = field(repr=False)
    nonce: str = field(repr=False)
    ends_at: int

    def form_mark(self, secret: bytes) -> str:
        """What each form of this session carries, and no form of another site can know."""
        return keyed(secret, "console-form", self.nonce).hex()


def begin(runtime: Runtime, token: str) -> Session:
    """A new session of a token that has just been found good."""
    ends = runtime.clock() + LIFE
    return Session(token, secrets.token_urlsafe(16), int(ends.timestamp()))


def sealed(runtime: Runtime, session: Session) -> str:
    """A session as the value of its cookie; longer than any cookie may be if the token is."""
    value = {"t": session.token, "n": session.nonce, "e": session.ends_at}
    return seal(runtime.secret, Purpose.SESSION, value)


def carry(runtime: Runtime, response: Response, value: str) -> None:
    """Have the browser carry a sealed session: for this site alone, and for no script."""
    response.set_cookie(
        cookie_name(runtime),
        value,
        max_age=int(LIFE.total_seconds()),
        path=_path(runtime),
        secure=_https(runtime),
        httponly=True,
        samesite="strict",
    )


def drop(runtime: Runtime, response: Response) -> None:
    """Have the browser forget the session it carries."""
    response.delete_cookie(
        cookie_name(runtime),
        path=_path(runtime),
        secure=_https(runtime),
        httponly=True,
        samesite="strict",
    )


def session_of(runtime: Runtime, request: Request) -> Session:
    """The session a request comes in. Whom it speaks for is yet to be asked.

    Raises:
        SignedOutError: there is none, it is over, or there are two, of which none says it counts.
    """
    values = list(_cookies(request, cookie_name(runtime)))
    if not values:
        raise SignedOutError(_NONE)
    try:
        (value,) = values
        told = unseal(runtime.secret, Purpose.SESSION, value)
        session = Session(told["t"], told["n"], told["e"])
    except (InvalidSealError, ValueError) as error:
        raise SignedOutError(_OVER) from error
    if runtime.clock().timestamp() >= session.ends_at:
        raise SignedOutError(_OVER)
    return session


def cookie_name(runtime: Runtime) -> str:
    """Of the cookie; over https one that no other host and no plain http can set."""
    return _SECURE if _https(runtime) else _PLAIN


def _https(runtime: Runtime) -> bool:
    # By the operator's word, not by the request: a proxy in between may speak plain http to us.
    return urlsplit(public_url(runtime.settings)).scheme == "https"


def _path(runtime: Runtime) -> str:
    return "/" if _https(runtime) else HOME  # the prefix __Host- asks for the root


def _cookies(request: Request, name: str) -> list[str]:
    pairs = (
        pair.strip().partition("=")
        for line in request.headers.getlist("cookie")
        for pair in line.split(";")
    )
    return [value for found, _, value in pairs if found == name]
