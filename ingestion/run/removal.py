"""The last step of a run: what is served by a permission nobody states, and what is gone.

What never lives here: documents that a source itself says are gone; those go with the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ingestion.held import held_among, live_documents
from ingestion.report import Change
from ingestion.writer import Batch, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ingestion.context import IngestContext
    from ingestion.documents import SourceFailure
    from ingestion.report import RunReport
    from ingestion.run.scratch import Scratch

CLOSING: Final = frozenset({"acl_missing", "acl_invalid"})
"""Failures that say: no valid ACL covers this any more."""
SHRINK_FLOOR: Final = 20
SHRINK_SHARE: Final = 0.5
_BATCH: Final = 64


def refuse(
    context: IngestContext, report: RunReport, scratch: Scratch, failures: Sequence[SourceFailure]
) -> None:
    """Report what the source could not offer, and note what must not be served any more for it.

    Keeping a document under its former ACL would serve it by a permission that nobody states.
    """
    for failure in failures:
        report.take(failure.external_id, Change.FAILED, failure)
    closing = [failure.external_id for failure in failures if failure.code in CLOSING]
    with context.database.read(report.tenant) as session:
        held = held_among(session, report.tenant, report.source, closing)
    scratch.close_documents(one.document_id for one in held.values() if not one.deleted)
    for folder in (name for name in closing if name.endswith("/")):
        for page in live_documents(context, report.tenant, report.source, beneath=folder):
            scratch.close_documents(ident for ident, _ in page)


def close_unlabelled(context: IngestContext, report: RunReport, scratch: Scratch) -> None:
    """Stop serving what is noted for closing. Doing it again closes what came to it since."""
    report.closed = scratch.size("closing")
    _tombstone(context, report, scratch.closing(_BATCH))


def remove_gone(
    context: IngestContext, report: RunReport, scratch: Scratch, *, live: int, confirmed: bool
) -> None:
    """Tombstone what is held and no longer listed. What could not be seen is not gone.

    Args:
        context: the installation.
        report: counts it.
        scratch: what is listed.
        live: how many documents there were when the run began.
        confirmed: whether a listing that shrank unusually is to be believed.
    """
    for page in live_documents(context, report.tenant, report.source):
        scratch.lose_documents((ident, name) for ident, name in page if not scratch.has(name))
    missing = scratch.size("gone")
    if missing > max(SHRINK_FLOOR, SHRINK_SHARE * live) and not confirmed:
        # Far fewer documents than before is more often a broken mount than a great clean-up.
        report.held_deletions = missing
        return
    report.deleted += missing
    if report.dry_run:
        for name in scratch.gone_names():
            report.foresee(name, Change.DELETED)
    _tombstone(context, report, scratch.gone(_BATCH))


def _tombstone(
    context: IngestContext, report: RunReport, documents: Iterable[Sequence[str]]
) -> None:
    if report.dry_run:
        return
    for some in documents:
        report.count(write(context, Batch(report.tenant, report.source, deletions=tuple(some))))
