"""Requests that may be sent twice: one with an ``Idempotency-Key`` is answered once.

The key belongs to the caller, all that decides what they see included, so nobody is given a reply
that was made for another view. Only what succeeded is kept, for a day: what failed may be tried
again with the same key. Two at the same time may both be carried out, which is why only requests
that come to the same when they are repeated use this.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import delete

from acl.audit.events import insert_or_keep
from acl.seal import caller_binding
from ingestion.errors import IdempotencyConflictError
from ingestion.records import RequestRow

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.caller import Caller

KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Request:
    """A request that carries a key.

    Attributes:
        key: as the caller chose it.
        route: method and template of the route.
        caller: digest of who asks and of what narrows their view.
        digest: of all that was asked: path, query and body.
    """

    key: str
    route: str
    caller: str
    digest: str

    @classmethod
    def of(cls, caller: Caller, key: str, route: str, *asked: bytes) -> Request:
        """The request of ``caller`` for ``asked``."""
        state = hashlib.sha256()
        for part in asked:
            state.update(len(part).to_bytes(8, "big"))
            state.update(part)
        who = hashlib.sha256(caller_binding(caller).encode()).hexdigest()
        return cls(key, route, who, state.hexdigest())


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request was answered with."""

    status: int
    body: str


def recall(session: Session, tenant: str, request: Request, *, now: datetime) -> Reply | None:
    """The reply this request got before; None if it has got none.

    Raises:
        IdempotencyConflictError: the key came with another request before.
    """
    row = session.get(RequestRow, (tenant, request.key, request.route, request.caller))
    if row is None or row.at <= now - KEPT:
        return None
    if row.digest != request.digest:
        raise IdempotencyConflictError(
            "Idempotency-Key: it came with another request before; make a new one"
        )
    return Reply(row.status, row.reply)


def remember(
    session: Session, tenant: str, request: Request, reply: Reply, *, now: datetime
) -> None:
    """Keep a reply, and forget those that are too old. The first reply to a request stays."""
    session.execute(
        delete(RequestRow).where(RequestRow.tenant == tenant, RequestRow.at <= now - KEPT)
    )
    session.execute(
        insert_or_keep(session, RequestRow),
        [
            {
                "tenant": tenant,
                "key": request.key,
                "route": request.route,
                "caller": request.caller,
                "digest": request.digest,
                "status": reply.status,
                "reply": reply.body,
                "at": now,
            }
        ],
    )
