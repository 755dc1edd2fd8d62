"""Retention: the beginning of a chain removed, so that what is kept can still be verified.

Two steps. :func:`plan` verifies the whole chain and finds the cut, in a session that reads: a
broken chain is not cut, because what would go may be what shows it was tampered with. :func:`cut`
then, in one transaction, signs where the removed part ends, removes it, notes where the kept part
begins, and appends the event that tells of it: the kept part follows the signed hash, and nobody
can remove a beginning without a row about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, update

from acl.audit.checkpoints import Checkpoint, store
from acl.audit.events import Event, EventKind, append, lock_head, microseconds
from acl.audit.models import AuditCheckpointRow, AuditHeadRow, AuditRow, Stream
from acl.audit.verify import verify
from acl.errors import BrokenChainError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.signing import Signer


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a chain will be cut.

    Attributes:
        tenant: whose chain.
        stream: which of the tenant's chains.
        first: the first row that goes.
        last: the last row that goes.
        hash: its hash, as verified.
        at: when it was written.
    """

    tenant: str
    stream: Stream
    first: int
    last: int
    hash: bytes
    at: datetime


def plan(
    session: Session,
    tenant: str,
    stream: Stream,
    *,
    before: datetime,
    jwks: Mapping[str, Any],
    checkpoints: Sequence[str] = (),
) -> Cut | None:
    """Where to cut so that every row from ``before`` on stays; None if no row is older.

    Raises:
        BrokenChainError: the chain is not intact; the message says where.
    """
    verdict = verify(session, tenant, stream, jwks=jwks, checkpoints=checkpoints)
    if not verdict.intact:
        raise BrokenChainError(
            f"audit {tenant}/{stream}: {verdict.detail}; nothing is removed from a broken chain"
        )
    mine = (AuditRow.tenant == tenant, AuditRow.stream == stream.value)
    stays = session.scalar(select(func.min(AuditRow.seq)).where(*mine, AuditRow.at >= before))
    last = verdict.last if stays is None else stays - 1
    row = session.execute(
        select(AuditRow.hash, AuditRow.at).where(*mine, AuditRow.seq == last)
    ).one_or_none()
    return None if row is None else Cut(tenant, stream, verdict.kept_from, last, row.hash, row.at)


def cut(session: Session, planned: Cut, *, signer: Signer, actor: str, now: datetime) -> int:
    """Remove what was planned, in the caller's transaction. Returns how many rows went.

    Args:
        session: a write transaction of the tenant.
        planned: from :func:`plan`.
        signer: signs where the removed part ended.
        actor: who removes it.
        now: when.

    Raises:
        BrokenChainError: the chain is not the one that was planned for.
        SigningKeyError: there is no usable key.
    """
    tenant, stream = planned.tenant, planned.stream
    lock_head(session, tenant, stream)
    mine = (AuditRow.tenant == tenant, AuditRow.stream == stream.value)
    head = (AuditHeadRow.tenant == tenant, AuditHeadRow.stream == stream.value)
    stands = session.scalar(select(AuditRow.hash).where(*mine, AuditRow.seq == planned.last))
    kept_from = session.scalar(select(AuditHeadRow.kept_from).where(*head))
    if (kept_from, stands) != (planned.first, planned.hash):
        raise BrokenChainError(f"audit {tenant}/{stream}: it changed meanwhile; ask again")
    end = Checkpoint(tenant, stream.value, planned.last, planned.hash, microseconds(now))
    store(session, end, signer, now)
    session.execute(delete(AuditRow).where(*mine, AuditRow.seq <= planned.last))
    session.execute(
        delete(AuditCheckpointRow).where(
            AuditCheckpointRow.tenant == tenant,
            AuditCheckpointRow.stream == stream.value,
            AuditCheckpointRow.seq < planned.last,
        )
    )
    session.execute(update(AuditHeadRow).where(*head).values(kept_from=planned.last + 1))
    told = {
        "actor": actor,
        "removed_from": planned.first,
        "removed_to": planned.last,
        "kept_from": planned.last + 1,
        "hash": planned.hash.hex(),
    }
    append(session, tenant, stream, Event(EventKind.AUDIT_RETENTION, told), now=now)
    return planned.last - planned.first + 1
