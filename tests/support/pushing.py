"""Pushing into an installation, in as few words as a test wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.deliveries import Delete, Put
from ingestion.documents import AclEntrySpec, SourceItem
from ingestion.push_acls import anonymous
from ingestion.push_source import PushSource, keep_push_source, push_source
from tests.support.installation import TENANT

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from tests.support.installation import Installation

FEED = "feed"


def feed(
    world: Installation, name: str = FEED, *, acls: Collection[str] = (), tenant: str = TENANT
) -> PushSource:
    """A push source, made if need be."""
    keep_push_source(world.runtime.ingest_context(), tenant, name, acls=acls)
    with world.runtime.database.read(tenant) as session:
        return push_source(session, tenant, name)


def putting(
    name: str,
    text: str,
    *to: str,
    acl: str | None = None,
    sequence: int | None = None,
    modified_at: datetime | None = None,
    source: str = FEED,
) -> Put:
    """A delivery of a text, for the principals ``to`` or under the ACL of that name."""
    entries = tuple(AclEntrySpec("allow", principal) for principal in to)
    content = text.encode()
    item = SourceItem(
        external_id=name,
        uri=f"push:{source}/{name}",
        acl=None,
        size=len(content),
        modified_at=modified_at,
        media_type="text/markdown" if name.endswith(".md") else "text/plain",
        sequence=sequence,
    )
    return Put(item, content, anonymous(source, entries) if acl is None else acl)


def gone(name: str, sequence: int | None = None) -> Delete:
    """A delivery that a document is gone."""
    return Delete(name, sequence)
