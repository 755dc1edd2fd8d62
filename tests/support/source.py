"""A source in memory: whatever a test puts on its shelf is what it lists."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ingestion.documents import AclEntrySpec, AclSpec, SourceItem
from tests.support.clock import NOON

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from ingestion.documents import AclEffect


def acl(
    name: str, *entries: AclEntrySpec, parent: str | None = None, inherit: bool = True
) -> AclSpec:
    """An ACL as a source states it."""
    return AclSpec(name, parent, inherit, entries)


def allow(principal: str, expires_at: datetime | None = None) -> AclEntrySpec:
    """An allow entry."""
    return _entry("allow", principal, expires_at)


def deny(principal: str, expires_at: datetime | None = None) -> AclEntrySpec:
    """A deny entry."""
    return _entry("deny", principal, expires_at)


def _entry(effect: AclEffect, principal: str, expires_at: datetime | None) -> AclEntrySpec:
    return AclEntrySpec(effect, principal, expires_at)


@dataclass(frozen=True)
class Shelved:
    """One document: its text, the name of its ACL (None: unlabelled), and what is said of it."""

    text: str
    acl: str | None
    modified_at: datetime | None = NOON
    tags: tuple[str, ...] | None = None
    language: str | None = None


@dataclass
class ListedSource:
    """Implements :class:`ingestion.sources.base.Source` over a dictionary."""

    name: str
    specs: Sequence[AclSpec] = ()
    shelf: Mapping[str, Shelved] = field(default_factory=dict)

    def acls(self) -> Sequence[AclSpec]:
        """The ACLs, parents first, as given."""
        return self.specs

    def list_items(self) -> Iterator[SourceItem]:
        """Every document on the shelf, by external id."""
        for external_id, document in sorted(self.shelf.items()):
            yield SourceItem(
                external_id=external_id,
                uri=f"memory://{self.name}/{external_id}",
                acl=document.acl,
                size=len(document.text.encode()),
                modified_at=document.modified_at,
                media_type="text/markdown" if external_id.endswith(".md") else "text/plain",
                tags=document.tags,
                language=document.language,
            )

    def fetch(self, item: SourceItem) -> bytes:
        """The text of a listed document, in UTF-8."""
        return self.shelf[item.external_id].text.encode()
