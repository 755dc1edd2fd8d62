"""A judged collection as a source, each document under one of a few ACLs of stated sizes.

What never lives here: asking, and judgements.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ingestion.documents import AclEntrySpec, AclSpec, SourceItem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from typing import Self

    from retrieval.evaluation.judged import JudgedDocument

SOURCE: Final = "collection"
SCHEME: Final = "judged:"
REST: Final = "rest"


def group_of(acl: str) -> str:
    """The one group that an ACL admits."""
    return f"group:{acl}"


@dataclass(frozen=True, slots=True)
class Collection:
    """Implements :class:`ingestion.sources.base.Source`.

    Attributes:
        documents: by name.
        acls_of: the name of each document's ACL.
    """

    documents: Mapping[str, JudgedDocument]
    acls_of: Mapping[str, str]

    @classmethod
    def shared_out(cls, documents: Mapping[str, JudgedDocument], shares: Sequence[float]) -> Self:
        """Put documents under ACLs that each hold a share, and what is left under one more.

        Which documents a share holds depends on their names alone.

        Args:
            documents: by name.
            shares: of all documents, each above 0, together at most 1.
        """
        order = sorted(documents, key=lambda name: hashlib.sha256(name.encode()).digest())
        acls_of, first = {}, 0.0
        for number, share in enumerate(shares, start=1):
            last = first + share * len(order)
            for name in order[round(first) : round(last)]:
                acls_of[name] = f"share-{number}"
            first = last
        return cls(documents, {name: acls_of.get(name, REST) for name in order})

    @property
    def name(self) -> str:
        """As a source."""
        return SOURCE

    def acls(self) -> Sequence[AclSpec]:
        """One for each share, and that of the rest."""
        return [
            AclSpec(acl, None, inherit=True, entries=(AclEntrySpec("allow", group_of(acl)),))
            for acl in sorted({REST, *self.acls_of.values()})
        ]

    def list_items(self) -> Iterator[SourceItem]:
        """Every document, by name."""
        for name in sorted(self.documents):
            yield SourceItem(
                external_id=name,
                uri=f"{SCHEME}{name}",
                acl=self.acls_of[name],
                size=0,
                modified_at=None,
                media_type="text/plain",
                title=self.documents[name].title or None,
            )

    def fetch(self, item: SourceItem) -> bytes:
        """The title, which is part of what the judges read, and the text."""
        document = self.documents[item.external_id]
        return f"{document.title}\n\n{document.text}".strip().encode()
