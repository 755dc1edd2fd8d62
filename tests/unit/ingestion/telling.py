"""Sources that tell more than what there is: revisions, renames, an order, what changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ingestion.documents import Removal, SourceFailure, SourceItem
from ingestion.errors import SourceError
from ingestion.sources.base import Changes
from tests.support.clock import NOON
from tests.unit.ingestion.shelves import SPECS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from ingestion.documents import AclSpec


@dataclass(frozen=True)
class Told:
    """One entry: an item and its text, or a text of None for a document that is gone."""

    name: str
    text: str | None
    acl: str | None = "staff"
    revision: str | None = None
    formerly: str | None = None
    sequence: int | None = None
    modified_at: datetime | None = NOON

    def entry(self) -> SourceItem | Removal:
        if self.text is None:
            return Removal(self.name, self.sequence)
        return SourceItem(
            external_id=self.name,
            uri=f"memory://told/{self.name}",
            acl=self.acl,
            size=len(self.text.encode("utf-8", "surrogatepass")),
            modified_at=self.modified_at,
            media_type="text/markdown",
            revision=self.revision,
            formerly=self.formerly,
            sequence=self.sequence,
            place=self.text,
        )


@dataclass
class TellingSource:
    """Lists what it is told to, duplicates included, and counts what is fetched of it."""

    told: Sequence[Told | SourceFailure]
    name: str = "wiki"
    specs: Sequence[AclSpec] = SPECS
    fetched: list[str] = field(default_factory=list)
    broken: frozenset[str] = frozenset()

    def acls(self) -> Sequence[AclSpec]:
        return self.specs

    def list_items(self) -> Iterator[SourceItem | SourceFailure]:
        for one in self.told:
            entry = one if isinstance(one, SourceFailure) else one.entry()
            assert not isinstance(entry, Removal)
            yield entry

    def fetch(self, item: SourceItem) -> bytes:
        self.fetched.append(item.external_id)
        if item.external_id in self.broken:
            raise SourceError(f"{item.external_id}: cannot be fetched; run again once it is back")
        assert item.place is not None
        return item.place.encode()

    def there(self) -> list[Told]:
        """What there is, by all that was told."""
        return [one for one in self.told if isinstance(one, Told)]


@dataclass
class StreamingSource(TellingSource):
    """Tells what happened after a cursor, which is a place in ``told``."""

    asked: list[str | None] = field(default_factory=list)

    def changes(self, cursor: str | None) -> Changes:
        self.asked.append(cursor)
        happened = self.told[int(cursor) :] if cursor else self.there()
        entries = (one if isinstance(one, SourceFailure) else one.entry() for one in happened)
        return Changes(entries, str(len(self.told)), complete=cursor is None)

    def there(self) -> list[Told]:
        """What there is after all that happened, each name once."""
        there: dict[str, Told] = {}
        words: dict[str, int] = {}
        for one in self.told:
            if isinstance(one, SourceFailure):
                continue
            if one.sequence is not None and one.sequence < words.get(one.name, one.sequence):
                continue
            if one.sequence is not None:
                words[one.name] = one.sequence
            if one.formerly is not None:
                there.pop(one.formerly, None)
                if one.sequence is not None:
                    words[one.formerly] = one.sequence
            there.pop(one.name, None)
            if one.text is not None:
                there[one.name] = replace(one, formerly=None)
        return list(there.values())
