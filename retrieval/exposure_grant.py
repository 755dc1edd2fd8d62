"""Under which grant somebody was shown something: the ways as they are now, and whether they hold.

The directory keeps no past, so the ways of that time are not made up: what is told is the ACL it
was shown under, which is on record, and what stands in that ACL today.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

from acl.admin.explain import explain
from acl.caller import Caller, GroupsFrom, Narrowing
from acl.entries import Effect
from acl.errors import NotFoundError
from acl.principal import Principal
from retrieval.evidence import Model

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy.orm import Session

    from ingestion.models import DocumentRow
    from retrieval.receipt_statement import Statement
    from retrieval.records import ReceiptRow


class Grant(Model):
    """One ACL under which something was shown, as it stands now.

    ``ways``: from the subject, and from each agent, over groups to what the ACL allows.
    ``reasons``: why it would not be shown now.
    """

    acl_id: str
    acl: str | None
    stands: bool
    ways: list[list[str]]
    reasons: list[str]


class Grants:
    """Grants of one tenant as they stand in one session's snapshot.

    Args:
        session: of the tenant.
        now: the clock, aware UTC.
        max_acls: beyond which a caller is refused (see :func:`acl.resolve.resolve`).
    """

    def __init__(self, session: Session, *, now: datetime, max_acls: int) -> None:
        self._session = session
        self._now = now
        self._max_acls = max_acls
        # Few people are shown a document many times: each is explained once.
        self.grant = cache(self._grant)

    def admits(self, caller: Caller, document: DocumentRow) -> bool:
        """Whether the caller would be shown the document now, where it stands now."""
        return self.grant(caller, document.acl_id, document.source).stands

    def _grant(self, caller: Caller, acl_id: str, source: str | None = None) -> Grant:
        """How the caller stands to an ACL now; to what is of ``source`` in it, if given."""
        try:
            found = explain(
                self._session,
                caller,
                acl_id,
                now=self._now,
                source=source,
                max_acls=self._max_acls,
            )
        except NotFoundError:
            gone = ["the ACL no longer exists"]
            return Grant(acl_id=acl_id, acl=None, stands=False, ways=[], reasons=gone)
        ways = [
            list(step.through)
            for part in found.parts
            for step in part.steps
            if step.counts and step.entry.effect is Effect.ALLOW
        ]
        return Grant(
            acl_id=acl_id,
            acl=found.acl,
            stands=found.visible,
            ways=ways,
            reasons=[reason.message for reason in found.reasons],
        )


def shown_to(row: ReceiptRow, statement: Statement | None) -> Caller:
    """Whom a receipt was issued to, as narrowed as they were, in the groups their token asserted.

    Args:
        row: the receipt as stored.
        statement: what it says; None if it does not verify.
    """
    narrowing = Narrowing()
    if statement is not None:
        narrowed = statement.narrowing
        sources, acls = (narrowed.sources, narrowed.acls) if narrowed else (None, None)
        narrowing = Narrowing(
            sources=None if sources is None else frozenset(sources),
            acls=None if acls is None else frozenset(acls),
            purpose=statement.purpose,
        )
    asserted = {} if row.asserted is None else json.loads(row.asserted)
    return Caller(
        tenant=row.tenant,
        subject=Principal.parse(row.subject),
        actors=tuple(map(Principal.parse, json.loads(row.actors))),
        groups=frozenset(map(Principal.parse, asserted.get("groups", ()))),
        groups_from=GroupsFrom(asserted.get("groups_from", GroupsFrom.DIRECTORY)),
        narrowing=narrowing,
    )
