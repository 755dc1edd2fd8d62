"""From a plan to a certificate: noted, withdrawn, removed, looked for, and said.

The certificate and the audit name nothing that was erased: the subject is a keyed digest, documents
are their keyed ids. Nothing is touched before it is noted what will be, and the note goes in the
transaction that keeps the certificate, so nothing is ever erased that no certificate will tell of.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from acl.audit.events import EventKind, administered
from ingestion.erasure.begun import Begun, finish, note, unfinished
from ingestion.erasure.erase import remove_rows, settle_index, withdraw
from ingestion.erasure.probes import Probe, left_out, probe
from ingestion.erasure.traces import traces_of
from ingestion.errors import ErasureError
from ingestion.lock import exclusive
from ingestion.records import ErasureRow

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from ingestion.context import IngestContext
    from ingestion.erasure.comments import Comments
    from ingestion.erasure.plan import Plan

    Sign = Callable[[Mapping[str, Any]], str]

_RESUMED: Final = (
    "vectors and bytes of what had gone before this erasure was interrupted: only ids were kept"
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """What was erased and what was found afterwards.

    Attributes:
        id: of the erasure.
        at: when it was done.
        statement: the signed statement, in compact form.
        documents: how many documents went.
        comments: how many comments on them, or saying the term, went.
        probes: what was looked for afterwards.
        left_out: what is not covered.
    """

    id: str
    at: datetime
    statement: str
    documents: int
    comments: int
    probes: tuple[Probe, ...]
    left_out: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether no probe found anything."""
        return not any(one.found for one in self.probes)

    def to_dict(self) -> dict[str, object]:
        """JSON-ready."""
        return asdict(self) | {"at": self.at.isoformat(), "clean": self.clean}


def erase(
    context: IngestContext, plan: Plan, *, comments: Comments, by: str, sign: Sign
) -> Certificate:
    """Erase what a plan names, in every generation, and certify it.

    Args:
        context: the installation.
        plan: what to erase.
        comments: the keeper of comments.
        by: who does it, for the audit.
        sign: makes a signed statement of the certificate's claims.

    Raises:
        BusyError: another erasure is under way.
        ErasureError: somebody else has finished this one meanwhile.
        EmbeddingError, IndexUnavailableError: nothing more is served of what was withdrawn so far;
            ask again to finish.
    """
    with exclusive(context.lock_path.with_name("erase.lock"), timeout=0):
        ids = [document.id for document in plan.documents]
        with context.database.read(plan.tenant) as session:
            traces = traces_of(session, plan.tenant, ids)
        begun = _begin(context, plan, traces.points)
        withdraw(context, plan)
        remove_rows(context, plan)
        # Asked once more, for somebody may have said something until it was withdrawn.
        late = comments.find(
            plan.tenant,
            documents=sorted(begun.documents),
            chunks=begun.chunks,
            term=plan.term,
        )
        remarks = begun.remarks.union(comment.remark for comment in late)
        comments.forget(plan.tenant, remarks)
        settle_index(context)
        sought = traces.joined(begun.points, (*plan.comments, *late))
        probes = probe(context, plan.tenant, sought, comments, remarks)
        done = replace(begun, remarks=remarks)
        return _certify(context, plan, done, probes, by=by, sign=sign)


def _begin(context: IngestContext, plan: Plan, points: Mapping[str, Sequence[str]]) -> Begun:
    """Note what is about to be erased.

    Raises:
        ErasureError: it was to be gone on with, and somebody else has finished it.
    """
    added = {name: frozenset(ids) for name, ids in points.items()}
    begun = plan.begun.joined(replace(plan.begun, points=added))
    with context.database.write(plan.tenant) as session:
        died = {one.id for one in unfinished(session, plan.tenant)}
        if plan.resumed and begun.id not in died:
            raise ErasureError(
                f"erasure {begun.id} was finished by another process: it has its certificate",
                code="nothing_to_erase",
            )
        note(session, plan.tenant, begun, now=context.clock())
    return begun


def _certify(
    context: IngestContext,
    plan: Plan,
    done: Begun,
    probes: tuple[Probe, ...],
    *,
    by: str,
    sign: Sign,
) -> Certificate:
    """Sign and keep the certificate, and tell the audit, in one transaction with its end."""
    now, uncovered = context.clock(), left_out(context)
    if plan.resumed:
        uncovered = (*uncovered, _RESUMED)
    claims: dict[str, Any] = {
        "v": 1,
        "jti": done.id,
        "iat": int(now.timestamp()),
        "tenant": plan.tenant,
        "by": done.by,
        "subject": done.subject,
        "documents": sorted(done.documents),
        "comments": len(done.remarks),
        "probes": [asdict(one) for one in probes],
        "not_covered": list(uncovered),
    }
    statement = sign(claims)
    with context.database.write(plan.tenant) as session:
        session.add(ErasureRow(tenant=plan.tenant, id=done.id, at=now, certificate=statement))
        finish(session, plan.tenant, done.id)
        body = {
            "erasure": done.id,
            "by": done.by,
            "subject": done.subject,
            "documents": len(done.documents),
            "comments": len(done.remarks),
            "clean": not any(one.found for one in probes),
        }
        administered(session, plan.tenant, by, EventKind.ERASURE, body, now=now)
    return Certificate(
        done.id, now, statement, len(done.documents), len(done.remarks), probes, uncovered
    )
