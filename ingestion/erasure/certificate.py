"""From a plan to a certificate: withdrawn, removed, looked for, and said.

The certificate and the audit name nothing that was erased: the subject is a keyed digest, documents
are their keyed ids.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from acl.audit.events import EventKind, administered
from ingestion.erasure.erase import remove_rows, settle_index, withdraw
from ingestion.erasure.probes import Probe, left_out, probe
from ingestion.erasure.traces import traces_of
from ingestion.records import ErasureRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from ingestion.context import IngestContext
    from ingestion.erasure.plan import Plan

    Sign = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was erased and what was found afterwards.

    Attributes:
        id: of the erasure.
        at: when it was done.
        statement: the signed statement, in compact form.
        documents: how many documents went.
        probes: what was looked for afterwards.
        left_out: what is not covered.
    """

    id: str
    at: datetime
    statement: str
    documents: int
    probes: tuple[Probe, ...]
    left_out: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether no probe found anything."""
        return not any(one.found for one in self.probes)

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return asdict(self) | {"at": self.at.isoformat(), "clean": self.clean}


def erase(context: IngestContext, plan: Plan, *, by: str, sign: Sign) -> Certificate:
    """Erase what a plan names, in every generation, and certify it.

    Args:
        context: the installation.
        plan: what to erase.
        by: who does it, for the audit.
        sign: makes a signed statement of the certificate's claims.

    Raises:
        EmbeddingError, IndexUnavailableError: nothing more is served of what was withdrawn so far;
            ask again to finish.
    """
    ids = [document.id for document in plan.documents]
    with context.database.read(plan.tenant) as session:
        traces = traces_of(session, plan.tenant, ids)
    withdraw(context, plan)
    remove_rows(context, plan)
    settle_index(context)
    probes = probe(context, plan.tenant, traces)
    ident, now, uncovered = str(uuid.uuid4()), context.clock(), left_out(context)
    claims: dict[str, Any] = {
        "v": 1,
        "jti": ident,
        "iat": int(now.timestamp()),
        "tenant": plan.tenant,
        "by": plan.subject.by.value,
        "subject": plan.digest(context.secret),
        "documents": sorted(ids),
        "probes": [asdict(one) for one in probes],
        "not_covered": list(uncovered),
    }
    statement = sign(claims)
    with context.database.write(plan.tenant) as session:
        session.add(ErasureRow(tenant=plan.tenant, id=ident, at=now, certificate=statement))
        body = {
            "erasure": ident,
            "by": plan.subject.by.value,
            "subject": claims["subject"],
            "documents": len(ids),
            "clean": not any(one.found for one in probes),
        }
        administered(session, plan.tenant, by, EventKind.ERASURE, body, now=now)
    return Certificate(ident, now, statement, len(ids), probes, uncovered)
