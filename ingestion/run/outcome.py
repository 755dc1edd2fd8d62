"""What becomes of one listed entry, and a load of such outcomes on its way to the catalogue.

What never lives here: the deciding (``compare``) and the doing (``pipeline``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.documents import SourceFailure
    from ingestion.plan import Upsert
    from ingestion.report import Change


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A document found to be what the catalogue holds, and the mark its source now gives it."""

    document_id: str
    revision: str | None


@dataclass(frozen=True, slots=True)
class Word:
    """The latest word of a source on a document, by its own order of changes."""

    document_id: str
    sequence: int
    deleted: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What becomes of one entry.

    Attributes:
        name: its external id.
        change: in one word.
        upsert: the document to write, when there is something to write.
        confirmed: the document to confirm, when it stands as it is.
        removed: id of a document the source says is gone, or goes on as another.
        closed: id of a document whose former permission nobody states any more.
        pending: id of a document of which the source holds a newer version than can be served.
        failure: why it could not be ingested.
        words: what to remember of the source's order of changes.
    """

    name: str
    change: Change
    upsert: Upsert | None = None
    confirmed: Confirmed | None = None
    removed: str | None = None
    closed: str | None = None
    pending: str | None = None
    failure: SourceFailure | None = None
    words: tuple[Word, ...] = ()


@dataclass(slots=True)
class Load:
    """Outcomes that are written together, in the order of the listing."""

    outcomes: list[Outcome] = field(default_factory=list)
    documents: int = 0
    chunks: int = 0
    characters: int = 0

    def add(self, outcome: Outcome) -> None:
        """Put one more on."""
        self.outcomes.append(outcome)
        if outcome.upsert is not None:
            self.documents += 1
            self.chunks += len(outcome.upsert.chunk_ids)
            self.characters += len(outcome.upsert.prepared.parsed.text)

    @property
    def upserts(self) -> tuple[Upsert, ...]:
        """Documents to write."""
        return tuple(o.upsert for o in self.outcomes if o.upsert is not None)

    @property
    def removed(self) -> tuple[str, ...]:
        """Documents to tombstone."""
        return tuple(o.removed for o in self.outcomes if o.removed is not None)

    @property
    def confirmed(self) -> list[Confirmed]:
        """Documents to confirm."""
        return [o.confirmed for o in self.outcomes if o.confirmed is not None]

    @property
    def pending(self) -> list[str]:
        """Documents that wait for a version of theirs."""
        return [o.pending for o in self.outcomes if o.pending is not None]

    @property
    def words(self) -> list[Word]:
        """What to remember of the source's order."""
        return [word for outcome in self.outcomes for word in outcome.words]
