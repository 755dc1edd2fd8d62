"""Stamping: a source's ACLs become ACL objects of the catalogue, and each item gets one id.

A document without an ACL is refused here, and reported; there is no default that would open it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.admin.acls import put_acls
from acl.admin.administration import told
from acl.admin.changes import DropAcl, PutAcl, lines_of
from acl.admin.directory import bump_acl_version
from acl.admin.state import AclState, acl_states
from acl.audit.events import EventKind, administered
from acl.entries import AclEntry, Effect
from acl.models import AclRow
from acl.principal import Principal
from ingestion.documents import SourceFailure
from ingestion.models import ChunkRow, DocumentRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy.orm import Session

    from ingestion.documents import AclSpec, SourceItem


def store_acls(
    session: Session,
    tenant: str,
    specs: Sequence[AclSpec],
    *,
    secret: bytes,
    source: str,
    now: datetime,
) -> dict[str, str]:
    """Create or update the source's ACLs, parents first. Returns ids by name."""
    before = acl_states(session, tenant, [spec.name for spec in specs])
    states = [
        AclState(
            spec.name,
            spec.parent,
            spec.inherit,
            # Set by administrators; a source does not speak of them.
            purposes=before[spec.name].purposes if spec.name in before else frozenset(),
            entries=frozenset(
                AclEntry(Effect(entry.effect), Principal.parse(entry.principal), entry.expires_at)
                for entry in spec.entries
            ),
            managed_by=source,
        )
        for spec in specs
    ]
    stored = put_acls(session, tenant, states, secret=secret, now=now)
    changed = [state for state in states if stored[state.name][1]]
    _tell(session, tenant, source, [PutAcl(s, before.get(s.name)) for s in changed], now=now)
    return {name: acl_id for name, (acl_id, _) in stored.items()}


def _tell(
    session: Session,
    tenant: str,
    source: str,
    changes: Sequence[PutAcl | DropAcl],
    *,
    now: datetime,
) -> None:
    """Audit what a source's word has changed: it changes who sees what as an administrator does."""
    if changes:
        body = {"source": source, **told(lines_of(changes))}
        administered(session, tenant, f"source:{source}", EventKind.ACL_SYNC, body, now=now)


def drop_unused_acls(
    session: Session, tenant: str, source: str, keep: Iterable[str], *, now: datetime
) -> int:
    """Remove ACLs this source no longer states, once nothing is stored under them."""
    kept = set(keep)
    rows = session.scalars(
        select(AclRow).where(AclRow.tenant == tenant, AclRow.managed_by == source)
    ).all()
    parents = set(session.scalars(select(AclRow.parent_id).where(AclRow.tenant == tenant)))
    dropped = []
    for row in rows:
        if row.id not in kept and row.id not in parents and not _in_use(session, tenant, row.id):
            session.delete(row)
            dropped.append(DropAcl(row.name))
    if dropped:
        session.flush()
        bump_acl_version(session, tenant)
        _tell(session, tenant, source, dropped, now=now)
    return len(dropped)


def stamp(item: SourceItem, acl_ids: Mapping[str, str]) -> str | SourceFailure:
    """The ACL id of an item, or the refusal of an unlabelled one."""
    acl_id = None if item.acl is None else acl_ids.get(item.acl)
    if acl_id is not None:
        return acl_id
    return SourceFailure(
        item.external_id,
        "acl_missing",
        "no ACL covers this document, so it is not indexed: add an .acl.yaml to its folder or "
        "pass --allow",
    )


def _in_use(session: Session, tenant: str, acl_id: str) -> bool:

    for model in (DocumentRow, ChunkRow):
        found = session.scalar(
            select(model.tenant).where(model.tenant == tenant, model.acl_id == acl_id).limit(1)
        )
        if found is not None:
            return True
    return False
