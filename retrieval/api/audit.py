"""``GET /v1/audit``: what happened in the caller's own tenant, for whoever holds ``audit``.

Reading it is itself an event, and on record before the page leaves.
"""

from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, Field

from acl.audit.events import Event, EventKind, identity
from acl.audit.models import Stream
from acl.caller import ApiScope, Caller
from acl.seal import Purpose, caller_binding, seal, unseal
from retrieval.api.auth import PROBLEMS, Authorised, guarded
from retrieval.api.boundary import request_id_of
from retrieval.api.routes import RuntimeOf
from retrieval.audit_log import DEFAULT_LIMIT, MAX_LIMIT, Wanted, read_events
from retrieval.evidence import Model

MAX_CURSOR_CHARS: Final = 4_096

router = APIRouter(prefix="/v1", responses=PROBLEMS)

Auditor = Annotated[Caller, Depends(Authorised(ApiScope.AUDIT))]


@dataclass(frozen=True, slots=True)
class Asked:
    """Which events: of one stream, in a span of time, of one kind."""

    stream: Stream = Stream.ACCESS
    since: Annotated[AwareDatetime | None, Query(description="Recorded at or after.")] = None
    until: Annotated[AwareDatetime | None, Query(description="Recorded before.")] = None
    kind: Annotated[EventKind | None, Query(description="Only of this kind.")] = None
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    cursor: Annotated[
        str | None, Query(max_length=MAX_CURSOR_CHARS, description="From the page before.")
    ] = None

    def binding(self, caller: Caller) -> tuple[str, ...]:
        """What a cursor of this list is good for."""
        span = (self.since and self.since.isoformat(), self.until and self.until.isoformat())
        return ("audit", caller_binding(caller), self.stream, *map(str, (*span, self.kind)))


class AuditEvent(Model):
    """One event."""

    seq: int = Field(description="Its number in the chain, from 1, without a gap.")
    at: AwareDatetime = Field(description="When it was recorded.")
    kind: str
    body: Any = Field(description="Identities, ids and keyed digests; no query or document text.")
    hash: str = Field(description="Of its row: SHA-256 over the row before and all of this one.")


class AuditPage(Model):
    """Some events of one stream, newest first."""

    request_id: str
    stream: Stream
    events: list[AuditEvent]
    next: str | None = Field(description="Send it as `cursor` for the next page; null at the end.")


@router.get(
    "/audit",
    dependencies=guarded(
        ApiScope.AUDIT, parameters=("stream", "since", "until", "kind", "limit", "cursor")
    ),
    operation_id="list_audit",
)
def list_audit(
    asked: Annotated[Asked, Depends(Asked)], caller: Auditor, runtime: RuntimeOf, request: Request
) -> AuditPage:
    """Queries, evidence served and denials, or administration, of the caller's own tenant."""
    bound, before = asked.binding(caller), None
    if asked.cursor is not None:
        before = int(unseal(runtime.secret, Purpose.CURSOR, asked.cursor, *bound)["before"])
    wanted = Wanted(asked.stream, asked.since, asked.until, asked.kind, before, asked.limit)
    told, more = read_events(runtime, caller.tenant, wanted)
    after = seal(runtime.secret, Purpose.CURSOR, {"before": told[-1].seq}, *bound) if more else None
    page = AuditPage(
        request_id=request_id_of(request),
        stream=asked.stream,
        events=[
            AuditEvent(seq=e.seq, at=e.at, kind=e.kind, body=e.body, hash=e.hash) for e in told
        ],
        next=after,
    )
    runtime.ledger.record(caller.tenant, _reading(caller, page, asked))
    return page


def _reading(caller: Caller, page: AuditPage, asked: Asked) -> Event:
    """The event that tells of a page that was read."""
    body = {
        **identity(caller),
        "request": page.request_id,
        "stream": page.stream.value,
        "kind": asked.kind and asked.kind.value,
        "first": page.events[-1].seq if page.events else None,
        "last": page.events[0].seq if page.events else None,
    }
    return Event(EventKind.AUDIT_READ, body)
