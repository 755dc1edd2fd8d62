"""Erasures that have begun: noted before anything is touched, until their certificate is signed.

An erasure is many transactions in several places, and it may die between any two. What is noted
says what it set out to remove, so whoever takes it up again can certify all of it, even what is
gone by then. Keyed ids and digests alone: nothing that was erased can be read here.
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from ingestion.erasure.comments import Remark
from ingestion.records import BegunErasureRow

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy.orm import Session


@dataclass(frozen=True, slots=True)
class Begun:
    """What an erasure set out to remove.

    Attributes:
        id: of the erasure, and of its certificate.
        by: what it was asked for by.
        subject: the keyed digest of what was asked for.
        documents: ids.
        chunks: ids of chunks that stand in no other document.
        points: those of them whose text stands nowhere else, by generation.
        remarks: which comments.
    """

    id: str
    by: str
    subject: str
    documents: frozenset[str] = frozenset()
    chunks: frozenset[str] = frozenset()
    points: Mapping[str, frozenset[str]] = field(default_factory=dict)
    remarks: frozenset[Remark] = frozenset()

    def joined(self, other: Begun) -> Begun:
        """What either of them set out to remove, as this erasure."""
        return Begun(
            self.id,
            self.by,
            self.subject,
            self.documents | other.documents,
            self.chunks | other.chunks,
            {
                name: self.points.get(name, frozenset()) | other.points.get(name, frozenset())
                for name in {*self.points, *other.points}
            },
            self.remarks | other.remarks,
        )


def new_id() -> str:
    """An id for an erasure."""
    return str(uuid.uuid4())


def unfinished(session: Session, tenant: str) -> list[Begun]:
    """The erasures of a tenant that have no certificate yet, the oldest first."""
    rows = session.scalars(
        select(BegunErasureRow)
        .where(BegunErasureRow.tenant == tenant)
        .order_by(BegunErasureRow.at, BegunErasureRow.id)
    )
    return [_read(row) for row in rows]


def unfinished_by_tenant(session: Session) -> dict[str, int]:
    """How many erasures of each tenant have no certificate, in a session across tenants."""
    counts = select(BegunErasureRow.tenant, func.count()).group_by(BegunErasureRow.tenant)
    return {row[0]: row[1] for row in session.execute(counts)}


def note(session: Session, tenant: str, begun: Begun, *, now: datetime) -> None:
    """Note that an erasure begins, or goes on with more than it had."""
    row = session.get(BegunErasureRow, (tenant, begun.id))
    if row is None:
        row = BegunErasureRow(tenant=tenant, id=begun.id, at=now)
        session.add(row)
    row.by, row.subject = begun.by, begun.subject
    row.scope = json.dumps(
        {
            "documents": sorted(begun.documents),
            "chunks": sorted(begun.chunks),
            "points": {name: sorted(ids) for name, ids in sorted(begun.points.items())},
            "remarks": sorted(begun.remarks),
        }
    )


def finish(session: Session, tenant: str, ident: str) -> None:
    """Forget that it had begun; in the transaction that keeps its certificate."""
    session.delete(session.get_one(BegunErasureRow, (tenant, ident)))


def _read(row: BegunErasureRow) -> Begun:
    scope = json.loads(row.scope)
    return Begun(
        row.id,
        row.by,
        row.subject,
        frozenset(scope["documents"]),
        frozenset(scope["chunks"]),
        {name: frozenset(ids) for name, ids in scope["points"].items()},
        frozenset(Remark(*remark) for remark in scope["remarks"]),
    )
