"""Reading the audit page by page, newest first, as auditors of a tenant do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from acl.audit.models import AuditRow, Stream

if TYPE_CHECKING:
    from datetime import datetime

    from retrieval.runtime import Runtime

DEFAULT_LIMIT: Final = 100
MAX_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True)
class Told:
    """One event as it was told.

    Attributes:
        seq: its number in the chain.
        at: when it was recorded.
        kind: what happened.
        body: to whom and to what; the stored text if that is no JSON any more.
        hash: of its row, in hex.
    """

    seq: int
    at: datetime
    kind: str
    body: Any
    hash: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events to read.

    Attributes:
        stream: of which chain.
        since: recorded at or after.
        until: recorded before.
        kind: only of this kind.
        before: only with a number below this one.
        limit: at most so many.
    """

    stream: Stream
    since: datetime | None = None
    until: datetime | None = None
    kind: str | None = None
    before: int | None = None
    limit: int = DEFAULT_LIMIT


def read_events(runtime: Runtime, tenant: str, wanted: Wanted) -> tuple[list[Told], bool]:
    """The newest events that are wanted, and whether there are more behind them."""
    statement = select(
        AuditRow.seq, AuditRow.at, AuditRow.kind, AuditRow.body, AuditRow.hash
    ).where(AuditRow.tenant == tenant, AuditRow.stream == wanted.stream.value)
    if wanted.since is not None:
        statement = statement.where(AuditRow.at >= wanted.since)
    if wanted.until is not None:
        statement = statement.where(AuditRow.at < wanted.until)
    if wanted.kind is not None:
        statement = statement.where(AuditRow.kind == wanted.kind)
    if wanted.before is not None:
        statement = statement.where(AuditRow.seq < wanted.before)
    newest = statement.order_by(AuditRow.seq.desc()).limit(wanted.limit + 1)
    with runtime.audit_home(wanted.stream).read(tenant) as session:
        rows = session.execute(newest).all()
    told = [Told(r.seq, r.at, r.kind, _parsed(r.body), r.hash.hex()) for r in rows[: wanted.limit]]
    return told, len(rows) > wanted.limit


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body  # to show what is there is what an audit is for
