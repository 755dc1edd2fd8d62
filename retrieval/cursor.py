"""Cursors: where to go on in the answer to one question.

A cursor is sealed and bound to the caller, to their view and to the question. It carries a position
and no right: the page it leads to is resolved, searched and rechecked like any other. Once the view
has changed it is void, so that pages of different views are never taken for one answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from acl.seal import Purpose, caller_binding, seal, unseal
from retrieval.query import MAX_DEPTH

if TYPE_CHECKING:
    from acl.caller import Caller
    from retrieval.query import RetrieveRequest

_OFFSET = "o"


def offset_of(secret: bytes, caller: Caller, request: RetrieveRequest, *, view: str) -> int:
    """How many pieces come before the page that is asked for.

    Raises:
        InvalidSealError: the cursor is not of this caller, question and view.
    """
    if request.cursor is None:
        return 0
    value = unseal(secret, Purpose.CURSOR, request.cursor, *_bound(caller, request, view))
    return int(value[_OFFSET])


def cursor_after(
    secret: bytes, caller: Caller, request: RetrieveRequest, *, view: str, offset: int
) -> str | None:
    """The cursor of the page that begins at ``offset``; None where pages end."""
    if offset >= MAX_DEPTH:
        return None
    return seal(secret, Purpose.CURSOR, {_OFFSET: offset}, *_bound(caller, request, view))


def _bound(caller: Caller, request: RetrieveRequest, view: str) -> tuple[str, str, str]:
    # Not the parts of a request that say how to answer rather than what is asked.
    question = request.model_dump_json(exclude={"cursor", "include", "at_least_as_fresh"})
    return caller_binding(caller), question, view
