"""Citation rot: what became of citations that were once good, by how old they are.

A sample of the passages that receipts say were shown is held against today's sources. For auditors
of the tenant, like exposure: what stands in the catalogue decides, whoever may see it.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from acl.caller import ApiScope
from acl.orm import batches
from ingestion.catalog import source_states
from ingestion.freshness import FreshnessState, source_state
from ingestion.models import DocumentRow
from retrieval.quality.cells import SMALL_CELL
from retrieval.quality.intervals import wilson
from retrieval.receipt_status import ReceiptStatus
from retrieval.receipt_texts import Texts
from retrieval.records import ExposureRow, ReceiptRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from acl.caller import Caller
    from retrieval.runtime import Runtime

DEFAULT_SAMPLE: Final = 500
_WEEK: Final = 7 * 86_400


@dataclass(frozen=True, slots=True)
class Reverified:
    """One citation, looked at again.

    Attributes:
        age_seconds: since it was served.
        source: of its document; None if that is gone.
        status: ``withdrawn`` (the document is gone), ``superseded`` (it says otherwise now),
            ``stale`` (it says the same, and its source is behind) or ``valid``.
    """

    age_seconds: float
    source: str | None
    status: ReceiptStatus


@dataclass(frozen=True, slots=True)
class RotWeek:
    """Citations of one age, in weeks.

    Attributes:
        weeks: whole weeks since they were served.
        citations: how many of the sample.
        rotten: share that is withdrawn or superseded; None of fewer than five.
        low: of its 95 % Wilson interval; None likewise.
        high: its other end.
        statuses: how many of each status; empty likewise.
    """

    weeks: int
    citations: int
    rotten: float | None
    low: float | None
    high: float | None
    statuses: dict[str, int]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return {name: getattr(self, name) for name in self.__slots__}


def reverify(
    runtime: Runtime,
    caller: Caller,
    *,
    since: datetime | None = None,
    sample: int = DEFAULT_SAMPLE,
    seed: int = 2026,
) -> list[Reverified]:
    """Look at a sample of past citations of the caller's tenant again.

    Receipts are drawn by their ids, which are keyed digests and so fall anywhere: the sample is
    that of the ids behind a seeded point, around the circle.

    Args:
        runtime: the installation.
        caller: the auditor.
        since: only citations served from then on; aware.
        sample: citations at most.
        seed: of the point.

    Raises:
        acl.errors.MissingScopeError: the caller is no auditor.
    """
    caller.require(ApiScope.AUDIT)
    drawn = _drawn(runtime, caller.tenant, since, sample, seed)
    now = runtime.clock()
    found = []
    with runtime.database.read(caller.tenant) as session:
        texts = Texts(session, caller.tenant)
        documents: dict[str, DocumentRow] = {}
        for some in batches(sorted({cited.document_id for cited, _ in drawn})):
            rows = session.scalars(select(DocumentRow).where(DocumentRow.id.in_(some)))
            documents |= {row.id: row for row in rows}
        names = sorted({row.source for row in documents.values()})
        behind = {
            name
            for name, state in source_states(session, caller.tenant, names).items()
            if source_state(state, now) is FreshnessState.STALE
        }
        # By document, as texts are large and few are kept at hand.
        for cited, at in sorted(drawn, key=lambda one: one[0].document_id):
            row = documents.get(cited.document_id)
            source = None if row is None else row.source
            if row is None or row.deleted_at is not None:
                status = ReceiptStatus.WITHDRAWN
            elif not texts.still_stands(cited, row.version):
                status = ReceiptStatus.SUPERSEDED
            else:
                status = ReceiptStatus.STALE if source in behind else ReceiptStatus.VALID
            # A clock that was put back gives no age below 0.
            found.append(Reverified(max(0.0, (now - at).total_seconds()), source, status))
    return found


def by_age(found: Iterable[Reverified], *, minimum: int = SMALL_CELL) -> list[RotWeek]:
    """How much has rotted, by age in weeks, the youngest first; small weeks lose their figures."""
    weeks: dict[int, Counter[ReceiptStatus]] = defaultdict(Counter)
    for one in found:
        weeks[int(one.age_seconds // _WEEK)][one.status] += 1
    return [_week(number, statuses, minimum) for number, statuses in sorted(weeks.items())]


def _week(number: int, statuses: Counter[ReceiptStatus], minimum: int) -> RotWeek:
    total = statuses.total()
    if total < minimum:
        return RotWeek(number, total, None, None, None, {})
    rotten = statuses[ReceiptStatus.WITHDRAWN] + statuses[ReceiptStatus.SUPERSEDED]
    low, high = wilson(rotten, total)
    counted = {status.value: statuses[status] for status in ReceiptStatus}
    return RotWeek(number, total, rotten / total, low, high, counted)


def _drawn(
    runtime: Runtime, tenant: str, since: datetime | None, sample: int, seed: int
) -> Sequence[tuple[ExposureRow, datetime]]:
    """Exposures and when they were, from a seeded point of the circle of receipts."""
    point = str(uuid.uuid5(uuid.NAMESPACE_OID, str(seed)))
    own, receipt = ExposureRow, ReceiptRow
    of_tenant = [own.tenant == tenant, *(() if since is None else (receipt.at >= since,))]
    statement = (
        select(own, receipt.at)
        .join(receipt, (receipt.tenant == own.tenant) & (receipt.receipt_id == own.receipt_id))
        .order_by(own.receipt_id, own.document_id, own.rank)
    )
    found: list[tuple[ExposureRow, datetime]] = []
    with runtime.audit_database.read(tenant) as session:
        for side in (own.receipt_id >= point, own.receipt_id < point):
            left = sample - len(found)
            rows = session.execute(statement.where(*of_tenant, side).limit(left)) if left else ()
            found += [(row[0], row[1]) for row in rows]
        session.expunge_all()
    return found
