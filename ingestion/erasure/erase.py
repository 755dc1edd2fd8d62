"""Erasing: every place, every version, every vector and signature that nothing else needs.

Documents leave first as any deletion does, through the writer and in every generation, so that
nothing of them is served from then on. Then their rows go, with everything that is kept by content
and whose content now stands nowhere. Each step can be repeated: an erasure that died is finished by
asking for it again.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sqlalchemy import delete, select

from acl.orm import batches
from ingestion.active import kept_generations
from ingestion.lock import exclusive
from ingestion.models import (
    ChunkRow,
    DocumentRow,
    EmbeddingRow,
    OccurrenceRow,
    RunRow,
    VersionRow,
)
from ingestion.records import NearPairRow, RequestRow, SignatureRow
from ingestion.recovery import recover
from ingestion.writer import Batch, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.erasure.plan import Doomed, Plan

_BATCH = 64
_ERASED = "[erased]"


def withdraw(context: IngestContext, plan: Plan) -> None:
    """Stop serving what is to be erased: from the next query on, as after any deletion."""
    by_source: dict[str, list[str]] = {}
    for document in plan.documents:
        if not document.deleted:
            by_source.setdefault(document.source, []).append(document.id)
    for source, ids in sorted(by_source.items()):
        for first in range(0, len(ids), _BATCH):
            gone = tuple(ids[first : first + _BATCH])
            write(context, Batch(plan.tenant, source, deletions=gone))


def remove_rows(context: IngestContext, plan: Plan) -> None:
    """Remove the documents, their versions, and what is kept by a content that is nowhere now."""
    ids = [document.id for document in plan.documents]
    with exclusive(context.lock_path):
        # What a dead writer left in flight has its text in the catalogue, and no document any more.
        recover(context)
        _remove_rows(context, plan, ids)


def _remove_rows(context: IngestContext, plan: Plan, ids: Sequence[str]) -> None:
    tenant = plan.tenant
    with context.database.write(tenant) as session:
        for some in batches(ids):
            for model in (OccurrenceRow, VersionRow):
                session.execute(
                    delete(model).where(model.tenant == tenant, model.document_id.in_(some))
                )
            session.execute(
                delete(DocumentRow).where(DocumentRow.tenant == tenant, DocumentRow.id.in_(some))
            )
        _forget_texts(session, tenant)
        _forget_names(session, tenant, plan.documents)


def settle_index(context: IngestContext) -> None:
    """Let the engine write its segments anew, without what was removed from them."""
    for row in kept_generations(context.database):
        index = context.index(row.id)
        index.optimise()
        index.flush()


def _forget_texts(session: Session, tenant: str) -> None:
    """Drop vectors, signatures and pairs of texts that stand in no chunk any more."""
    standing = select(ChunkRow.embedded_sha).where(ChunkRow.tenant == tenant)
    for column in (EmbeddingRow.sha, SignatureRow.sha, NearPairRow.first, NearPairRow.second):
        model = column.class_
        session.execute(
            delete(model)
            .where(model.tenant == tenant, column.not_in(standing))
            .execution_options(synchronize_session=False)
        )


def _forget_names(session: Session, tenant: str, documents: Sequence[Doomed]) -> None:
    """Take the documents' names out of reports of runs and out of remembered replies."""
    names = {document.external_id for document in documents}
    for run in session.scalars(select(RunRow).where(RunRow.tenant == tenant)):
        report = json.loads(run.report)
        kept = [_nameless(failure, names) for failure in report.get("failures", ())]
        if kept != report.get("failures", []):
            run.report = json.dumps(report | {"failures": kept})
    for request in session.scalars(select(RequestRow).where(RequestRow.tenant == tenant)):
        if any(json.dumps(name)[1:-1] in request.reply for name in names):
            session.delete(request)


def _nameless(failure: dict[str, object], names: set[str]) -> dict[str, object]:
    if failure.get("external_id") not in names:
        return failure
    return failure | {"external_id": _ERASED, "message": _ERASED}
