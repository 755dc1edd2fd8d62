"""Keeping requests over HTTP within what was admitted, wherever a server redirects them to.

An address is checked before it is asked for, but a server may answer with another one: a host that
is admitted could lead into the network that this machine stands in. So every request is checked at
the moment it would be sent, as the client resolved it; an address resolved a second time by other
rules could differ from the one that is asked for. What never lives here: sending.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from ingestion.errors import RedirectedError
from ingestion.sources.address import is_beneath

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

_SHOWN: Final = 120


@dataclass(frozen=True, slots=True)
class Hops:
    """Where requests may go; a middleware of aiohttp's client, which calls it for every hop.

    Without state, and equal where its fields are: fsspec keeps a session for equal options.

    Attributes:
        within: Prefixes, each ending with a slash; a request for the folder itself is admitted.
        remedy: What to do about a redirect elsewhere; begins with the field it is about.
    """

    within: tuple[str, ...]
    remedy: str

    async def __call__(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Send a request if it may be sent.

        Raises:
            RedirectedError: It leads elsewhere; nothing was sent there.
        """
        asked = str(request.url)
        if not any(is_beneath(asked, at) or _is_folder(asked, at) for at in self.within):
            # Never the whole address: a signature may stand in its query.
            where = ascii(f"{request.url.scheme}://{request.url.host}")[1:-1][:_SHOWN]
            raise RedirectedError(f"{self.remedy} (it led to {where})")
        return await handler(request)


def refused(error: BaseException) -> RedirectedError | None:
    """The refusal that a file system's own error stands for, if it stands for one."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, RedirectedError):
        seen = seen.__cause__ or seen.__context__
    return seen


def _is_folder(url: str, prefix: str) -> bool:
    """Whether it is the folder itself, which servers redirect to the same with a slash."""
    parts = urlsplit(url)
    return not parts.query and is_beneath(f"{url}/", prefix)
