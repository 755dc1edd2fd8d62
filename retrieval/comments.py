"""Callers' comments as an erasure sees them: found by what they are about or say, and removed.

The verdict stays, for it is a figure; the words go. What never lives here: taking comments
(:mod:`retrieval.feedback`), or deciding what is erased.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select, update

from acl.orm import batches
from ingestion.erasure.comments import Comment, Remark
from retrieval.records import ExposureRow, FeedbackRow

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session

    from acl.orm import Database

_PAGE = 500


class FeedbackComments:
    """The comments in the database that keeps receipts, exposures and feedback.

    Attributes:
        database: that one.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    def shown(self, tenant: str, documents: Sequence[str]) -> set[str]:
        """Ids of the chunks in which documents were ever shown to anybody."""
        found: set[str] = set()
        with self.database.read(tenant) as session:
            for some in batches(documents):
                found |= set(
                    session.scalars(
                        select(ExposureRow.chunk_id)
                        .where(ExposureRow.tenant == tenant, ExposureRow.document_id.in_(some))
                        .distinct()
                    )
                )
        return found

    def find(
        self, tenant: str, *, documents: Sequence[str], chunks: Collection[str], term: str | None
    ) -> list[Comment]:
        """Find comments on chunks, on answers that showed documents, and those that say a term."""
        found: dict[Remark, Comment] = {}
        with self.database.read(tenant) as session:
            answers: set[str] = set()
            for some in batches(documents):
                answers |= set(
                    session.scalars(
                        select(ExposureRow.receipt_id)
                        .where(ExposureRow.tenant == tenant, ExposureRow.document_id.in_(some))
                        .distinct()
                    )
                )
            for about, targets in (("chunk", chunks), ("receipt", answers)):
                for few in batches(sorted(targets)):
                    where = (FeedbackRow.about == about, FeedbackRow.target_id.in_(few))
                    found |= {one.remark: one for one in _comments(session, tenant, *where)}
            if term is not None:
                found |= {
                    one.remark: one
                    for one in _comments(session, tenant)
                    if term in one.text.casefold()
                }
        return [found[remark] for remark in sorted(found)]

    def forget(self, tenant: str, remarks: Collection[Remark]) -> None:
        """Remove the text of comments."""
        with self.database.write(tenant) as session:
            for remark in sorted(remarks):
                session.execute(
                    update(FeedbackRow)
                    .where(FeedbackRow.tenant == tenant, *_is(remark))
                    .values(comment=None)
                    .execution_options(synchronize_session=False)
                )

    def left(self, tenant: str, remarks: Collection[Remark]) -> int:
        """How many of the comments still have a text."""
        with self.database.read(tenant) as session:
            return sum(
                session.scalar(
                    select(FeedbackRow.about).where(
                        FeedbackRow.tenant == tenant,
                        FeedbackRow.comment.is_not(None),
                        *_is(remark),
                    )
                )
                is not None
                for remark in remarks
            )

    def say(self, words: str) -> bool:
        """Whether any comment, of whichever tenant, says this to the letter."""
        with self.database.unguarded("another tenant's comment may say the same") as session:
            held = select(FeedbackRow.about).where(
                FeedbackRow.comment.contains(words, autoescape=True)
            )
            return session.scalar(held.limit(1)) is not None


def _is(remark: Remark) -> tuple[ColumnElement[bool], ...]:
    return (
        FeedbackRow.about == remark.about,
        FeedbackRow.target_id == remark.target,
        FeedbackRow.caller_digest == remark.caller,
    )


def _comments(session: Session, tenant: str, *where: ColumnElement[bool]) -> Iterator[Comment]:
    rows = session.execute(
        select(
            FeedbackRow.about, FeedbackRow.target_id, FeedbackRow.caller_digest, FeedbackRow.comment
        ).where(FeedbackRow.tenant == tenant, FeedbackRow.comment.is_not(None), *where),
        execution_options={"yield_per": _PAGE},
    )
    for about, target, caller, text in rows:
        yield Comment(Remark(about, target, caller), text or "")
