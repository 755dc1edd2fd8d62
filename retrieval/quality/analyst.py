"""What an analyst may be told of a record: names of what they may see, keyed digests of the rest.

The one place where a record becomes a row that leaves. A document, a piece or a source that the
analyst cannot see is told by a keyed digest, which is equal for equal things and tells nothing
else; hidden and gone are told alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from acl.digest import keyed
from acl.orm import batches
from ingestion.catalog import visible_documents
from ingestion.models import ChunkRow, ChunkState, DocumentRow, SourceRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Self

    from sqlalchemy.orm import Session

    from acl.caller import Caller
    from acl.scope import AccessScope
    from retrieval.runtime import Runtime

HIDDEN_SOURCE: Final = "source:"


@dataclass(frozen=True, slots=True)
class Analyst:
    """An analyst and what they see, in one snapshot of the catalogue.

    Attributes:
        scope: their view; digests never depend on it.
        secret: of the installation, for digests.
        documents: of each source they see something in, how many.
        limits: seconds that each of those sources allows; None without a limit.
    """

    scope: AccessScope
    secret: bytes
    documents: Mapping[str, int]
    limits: Mapping[str, int | None]

    @classmethod
    def of(cls, runtime: Runtime, session: Session, caller: Caller) -> Self:
        """Resolve what a caller sees, as for a query.

        Raises:
            acl.errors.TenantDisabledError, acl.errors.ScopeTooLargeError: as for a query.
        """
        scope = runtime.resolver.scope(session, caller, now=runtime.clock())
        documents = {} if scope.empty else visible_documents(session, scope)
        rows = session.execute(
            select(SourceRow.name, SourceRow.max_age_seconds).where(
                SourceRow.tenant == caller.tenant
            )
        )
        limits = {name: limit for name, limit in rows if name in documents}
        return cls(scope, runtime.secret, documents, limits)

    def digest(self, kind: str, name: str) -> str:
        """What stands for a thing of the tenant: 32 hexadecimal digits."""
        return keyed(self.secret, f"quality-{kind}", self.scope.tenant, name).hex()[:32]

    def source(self, name: str) -> str:
        """A source's name if they see something in it, else what stands for it."""
        if name in self.documents:
            return name
        return HIDDEN_SOURCE + self.digest("source", name)[:16]

    def source_named(self, label: str, names: Iterable[str]) -> str | None:
        """The source of ``names`` that they are told by this label; None if there is none.

        The name of a source they cannot see is no label of it, so it finds as little as a name
        that nothing has.
        """
        return next((name for name in names if self.source(name) == label), None)

    def seen(
        self, session: Session, documents: Iterable[str], chunks: Iterable[str]
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Those of some documents and some pieces that are there and theirs to see."""
        if self.scope.empty:
            return frozenset(), frozenset()
        shown = {
            row.id
            for some in batches(sorted(set(documents)))
            for row in session.execute(
                select(
                    DocumentRow.tenant, DocumentRow.id, DocumentRow.acl_id, DocumentRow.source
                ).where(DocumentRow.id.in_(some), DocumentRow.deleted_at.is_(None))
            )
            if self.scope.permits(row.tenant, row.acl_id, row.source)
        }
        live = {
            row.id
            for some in batches(sorted(set(chunks)))
            for row in session.execute(
                select(ChunkRow.id, ChunkRow.acl_id).where(
                    ChunkRow.id.in_(some), ChunkRow.state == ChunkState.LIVE.value
                )
            )
            if row.acl_id in self.scope.acl_ids
        }
        return frozenset(shown), frozenset(live)
