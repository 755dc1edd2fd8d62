"""Changes behind the curtain: what a caller gets does not move when what they cannot see does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.documents import AclEntrySpec, AclSpec, SourceItem
from ingestion.jobs import SourceConfig, ingest

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from retrieval.runtime import Runtime

NAME = "behind-the-curtain"


@dataclass(frozen=True)
class CurtainSource:
    """Documents only one person may see, made of the very words of somebody else's question."""

    text: str
    reader: str
    copies: int
    name: str = NAME

    def acls(self) -> Sequence[AclSpec]:
        """One ACL, for one reader."""
        return (AclSpec(NAME, None, False, (AclEntrySpec("allow", self.reader),)),)

    def list_items(self) -> Iterator[SourceItem]:
        """As many documents as asked for."""
        for number in range(self.copies):
            yield SourceItem(f"{number}.txt", f"demo:{number}", NAME, len(self.text), None)

    def fetch(self, item: SourceItem) -> bytes:
        """The text, a little different in each document."""
        return f"{self.text}\n\nNote {item.external_id}.".encode()


def hide(runtime: Runtime, tenant: str, *, text: str, reader: str, copies: int) -> None:
    """Put ``copies`` documents behind the curtain; 0 takes them away again."""
    ingest(
        runtime.ingest_context(),
        CurtainSource(text, reader, copies),
        tenant=tenant,
        config=SourceConfig(NAME, {}),
        confirm_deletions=True,
    )
