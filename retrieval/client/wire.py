"""What both clients share of HTTP: settings, requests made of calls, replies read, when to repeat.

What never lives here: the sending itself, which waits or is awaited.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pydantic import BaseModel, ValidationError

from retrieval.client.errors import (
    ClientError,
    NotReachedError,
    RefusedError,
    UnreadableReplyError,
)

if TYPE_CHECKING:
    import httpx

    from retrieval.client.calls import Call

Reply = TypeVar("Reply", bound=BaseModel)

TOKEN_VARIABLE: Final = "CLEARANCE_TOKEN"  # noqa: S105 - a name, not a token
URL_VARIABLE: Final = "CLEARANCE_URL"
MAX_WAIT_SECONDS: Final = 30.0
_PASSING: Final = frozenset({429, 502, 503, 504})
_REFUSED_FROM: Final = 400


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the service is, who asks, and how patiently.

    Attributes:
        url: of the service, without a path.
        token: an API key or a JWT; never shown.
        timeout: seconds one attempt may take.
        attempts: how often a call that may be repeated is sent at most.
    """

    url: str
    token: str = field(repr=False)
    timeout: float
    attempts: int

    @classmethod
    def of(cls, url: str | None, token: str | None, *, timeout: float, attempts: int) -> Connection:
        """Checked, with what is not given taken from the environment.

        Raises:
            ValueError: something is missing or cannot be; the message names it and says what to do.
        """
        url = url or os.environ.get(URL_VARIABLE, "")
        token = token or os.environ.get(TOKEN_VARIABLE, "")
        if not url.startswith(("http://", "https://")):
            raise ValueError(f"url: give http://… or https://…, or set {URL_VARIABLE}")
        if not token:
            raise ValueError(
                f"token: give an API key or a JWT, or set {TOKEN_VARIABLE}; "
                "'clearance keys create' makes a key"
            )
        if not token.isascii() or not token.isprintable():
            raise ValueError("token: it has characters that no token has; was it copied whole?")
        if not (timeout > 0 and math.isfinite(timeout)):
            raise ValueError(f"timeout is {timeout}: give seconds above 0")
        if attempts < 1:
            raise ValueError(f"attempts is {attempts}: give at least 1")
        return cls(url.rstrip("/"), token, timeout, attempts)

    def options(self) -> dict[str, Any]:
        """For either kind of client of ``httpx``."""
        return {
            "base_url": self.url,
            "timeout": self.timeout,
            "headers": {
                "Authorization": f"Bearer {self.token}",
                "User-Agent": f"clearance-python/{version('clearance-retrieval')}",
            },
            # The token must not follow wherever something on the way points to.
            "follow_redirects": False,
        }

    def retries(self) -> dict[str, Any]:
        """For ``stamina.retry_context``: whether, and how soon, a call is sent again."""
        wait = {"timeout": None, "wait_max": MAX_WAIT_SECONDS}
        return {"on": _again, "attempts": self.attempts, **wait}


def read(call: Call[Reply], response: httpx.Response) -> Reply:
    """What a call brought.

    Raises:
        RefusedError: the service said no.
        UnreadableReplyError: that was not the service.
    """
    if response.status_code >= _REFUSED_FROM:
        raise refusal(response)
    try:
        # A newer service may say more than this client knows.
        return call.reply.model_validate_json(response.content, extra="ignore")
    except ValidationError as error:
        raise UnreadableReplyError(
            f"{call.method} {call.path}: the reply ({response.status_code}) is not one of this "
            "service, or of a version that this client does not know: check the url"
        ) from error


def refusal(response: httpx.Response) -> ClientError:
    """The error that a reply stands for which is not a success."""
    try:
        return RefusedError.of(response.json(), retry_after=_retry_after(response))
    except (ValueError, KeyError, TypeError, AttributeError):
        if response.status_code in _PASSING:  # of a proxy before a service that is not there
            return NotReachedError(f"the service is not there: {response.status_code}")
        return UnreadableReplyError(
            f"something answered {response.status_code}, and not as this service does: check the "
            "url, and what stands between"
        )


def unreached(error: httpx.TransportError) -> NotReachedError:
    """The error that a failed connection stands for; it repeats no header and no body."""
    return NotReachedError(f"the service was not reached: {type(error).__name__}: {error}")


def _again(error: Exception) -> bool | float:
    """Whether to ask again after an error; seconds, if the service said when."""
    if isinstance(error, NotReachedError):
        return True
    if not isinstance(error, RefusedError) or error.status not in _PASSING:
        return False
    if error.retry_after is None:
        return True
    return error.retry_after if error.retry_after <= MAX_WAIT_SECONDS else False


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds that a reply asks to wait for, given as such or as a moment by its own clock."""
    said = response.headers.get("Retry-After", "")
    if said.isdecimal():
        return float(said)
    try:
        when, now = (parsedate_to_datetime(one) for one in (said, response.headers["Date"]))
    except (KeyError, ValueError):
        return None
    return max(0.0, (when - now).total_seconds())
