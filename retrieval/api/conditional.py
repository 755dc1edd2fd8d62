"""Conditional requests: nothing is sent again to a program that says it has the same already.

The tag of a reply is a keyed hash of all that the caller sees in it, but for an age in seconds and
what is new with every reply. So it changes with the caller's view and with nothing else, and tells
whoever finds it in a log nothing of what was seen. A request is carried out, checked and recorded
before its tag is compared: a 304 says that this caller may see the same now.

Replies stay ``no-store``: no cache on the way, nor a browser's, may hold evidence beyond a
revocation. The tag is for a program that keeps an answer for as long as it works with it.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

from fastapi import Header, Response

from retrieval.evidence import Model

if TYPE_CHECKING:
    from fastapi import Request

    from retrieval.runtime import Runtime

Answer = TypeVar("Answer", bound=Model)
IfNoneMatch = Annotated[
    str | None,
    Header(
        alias="If-None-Match",
        description="The ETag of a reply one has: 304 if it would be the same.",
    ),
]
NOT_MODIFIED: Final[dict[int | str, dict[str, Any]]] = {
    304: {"description": "The reply would be the one that If-None-Match names"}
}

_PURPOSE: Final = b"clearance-etag"
_NEW_EACH_TIME: Final = frozenset({"request_id", "receipt", "receipt_id", "age_seconds"})
_TAG: Final = re.compile(r'(?:W/)?("[^"]*")')


def unless_known(
    request: Request, response: Response, runtime: Runtime, answer: Answer
) -> Answer | Response:
    """The answer with its tag; or 304, if the sender says that it has the same.

    Args:
        request: may name tags under If-None-Match.
        response: is given the tag.
        runtime: whose secret keys it.
        answer: as the caller may see it now, and recorded.
    """
    tag = tag_of(answer, secret=runtime.secret)
    headers = {"ETag": f"W/{tag}", "Vary": "Authorization"}
    if tag in _TAG.findall(", ".join(request.headers.getlist("if-none-match"))):
        return Response(status_code=304, headers=headers)
    response.headers.update(headers)
    return answer


def tag_of(answer: Model, *, secret: bytes) -> str:
    """The tag of an answer, quoted."""
    seen = _without(answer.model_dump(mode="json"))
    hashed = hashlib.blake2b(digest_size=16, key=secret[:64], person=_PURPOSE)
    hashed.update(repr(seen).encode())
    return f'"{hashed.hexdigest()}"'


def _without(value: Any) -> Any:
    """A value without what is new each time, its fields in order."""
    if isinstance(value, dict):
        kept = sorted(value.keys() - _NEW_EACH_TIME)
        return [(name, _without(value[name])) for name in kept]
    return [_without(one) for one in value] if isinstance(value, list) else value
