"""The second step of a run: each listed entry against what the catalogue holds.

A document is fetched only if its source does not mark it as unchanged, and parsed only if its bytes
are others than before. What never lives here: writing, and who may be told of the outcome.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.deliveries import last_words
from ingestion.documents import RawDocument, Removal, SourceFailure, SourceItem
from ingestion.errors import IngestionError, ParseError
from ingestion.held import held_among, taken
from ingestion.plan import Upsert, chunk_id, document_id
from ingestion.prepare import source_sha256
from ingestion.report import Change
from ingestion.run.outcome import Confirmed, Outcome, Word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from datetime import datetime

    from sqlalchemy.orm import Session

    from ingestion.context import IngestContext
    from ingestion.held import Held
    from ingestion.prepare import Prepared
    from ingestion.records import DeliveryRow
    from ingestion.run.reading import DocumentReader
    from ingestion.run.scratch import Listed, Scratch
    from ingestion.sources.base import Source


@dataclass(frozen=True, slots=True)
class Known:
    """What the catalogue knows of one entry.

    Attributes:
        document_id: its id, whether it is there or not.
        held: the document, under this name or a former one; None if it is new.
        renamed: whether it was held under a former name.
        word: the last word of the source on it.
        before: id of the document that is still held under the former name, and not as this one.
        next_id: id of whatever is called next as this one was; None if it was called nothing else,
            or if something still is.
    """

    document_id: str
    held: Held | None
    renamed: bool
    word: DeliveryRow | None
    before: str | None = None
    next_id: str | None = None

    @property
    def live(self) -> Held | None:
        """The document, unless it is deleted."""
        return None if self.held is None or self.held.deleted else self.held

    def outdates(self, sequence: int | None, *, removal: bool) -> bool:
        """Whether the source has said something later. Of two words at once, a removal is later."""
        if self.word is None or sequence is None:
            return False
        if sequence == self.word.sequence:
            return self.word.deleted and not removal
        return sequence < self.word.sequence


class Comparison:
    """Compares the entries of one run, in order."""

    def __init__(
        self,
        context: IngestContext,
        source: Source,
        tenant: str,
        scratch: Scratch,
        reader: DocumentReader,
        *,
        stream: bool,
        full: bool,
        since: datetime | None,
    ) -> None:
        """Describe what is compared with what.

        Args:
            context: the installation.
            source: fetched from.
            tenant: whose documents they are.
            scratch: all that is listed.
            reader: prepares what was fetched.
            stream: whether the entries are what happened, one after the other, or what there is.
            full: prepare unchanged documents too.
            since: leave out what was last modified no later than this.
        """
        self._context = context
        self._source = source
        self._tenant = tenant
        self._scratch = scratch
        self._reader = reader
        self._stream = stream
        self._full = full
        self._since = since

    def page(self, page: Sequence[Listed]) -> Iterator[Callable[[], Outcome]]:
        """What becomes of some entries. Each is to be called, in order, when its turn comes.

        Parsing goes on meanwhile: :func:`is_ready` tells of which it has ended.
        """
        with self._context.database.read(self._tenant) as session:
            known = self._know(session, page)
        for listed, of in zip(page, known, strict=True):
            entry = listed.entry
            if isinstance(entry, Removal):
                yield _Done(self._remove(entry, of))
            elif isinstance(entry, SourceItem) and listed.acl_id is not None:
                yield self._compare(entry, listed.acl_id, of)

    def _know(self, session: Session, page: Sequence[Listed]) -> list[Known]:
        entries = [listed.entry for listed in page]
        former = [getattr(entry, "formerly", None) for entry in entries]
        names = {entry.external_id for entry in entries} | {name for name in former if name}
        held = held_among(session, self._tenant, self._source.name, sorted(names))
        found: list[tuple[Held | None, bool]] = []
        for entry, before in zip(entries, former, strict=True):
            own, other = held.get(entry.external_id), held.get(before or "")
            renamed = own is None and other is not None and self._is_rename(before or "", other)
            found.append((other, True) if renamed else (own, False))
        ids = self._ids(session, [e.external_id for e in entries], [one for one, _ in found])
        words = last_words(session, self._tenant, ids)
        session.expunge_all()
        known = []
        for entry, ident, (one, renamed), before in zip(entries, ids, found, former, strict=True):
            other, next_id = held.get(before or ""), None
            left = None if renamed or other is None or other.deleted else other.document_id
            if renamed:
                (next_id,) = self._ids(session, [before or ""], [None])
            elif self._stream and before not in {None, entry.external_id} and left is None:
                # Nothing has that name any more, and what comes late for it must not take it.
                (next_id,) = self._ids(session, [before or ""], [other])
            known.append(
                Known(
                    ident,
                    one,
                    renamed,
                    words.get(ident),
                    # In a listing, what is there no longer is not listed.
                    before=left if self._stream else None,
                    next_id=next_id,
                )
            )
        return known

    def _is_rename(self, before: str, held: Held) -> bool:
        """Whether the document of a former name goes on under a new one.

        Not if it is deleted, nor if a listing has another document under the former name: then this
        is a new document, and the former one is dealt with on its own.
        """
        if held.deleted:
            return False
        if self._stream:
            return True  # what is held is what there was when this happened
        if self._scratch.listed(before) or not self._scratch.claim(before):
            return False
        # Under its former name it is not missing, even if its new content cannot be read.
        self._scratch.keep(before)
        return True

    def _ids(
        self, session: Session, names: Sequence[str], held: Sequence[Held | None]
    ) -> list[str]:
        """Ids of the documents: those they have, else those their names make.

        A document that was renamed kept the id its former name made. Whatever is named so next gets
        the next id of that name; ids are keyed, so neither tells anybody of the other.
        """
        ids = [None if one is None else one.document_id for one in held]
        life = 0
        while None in ids:
            made = {
                at: document_id(
                    self._context.secret, self._tenant, self._source.name, names[at], life=life
                )
                for at, ident in enumerate(ids)
                if ident is None
            }
            others = taken(session, self._tenant, made.values())
            for at, ident in made.items():
                if ident not in others:
                    ids[at] = ident
            life += 1
        return [ident for ident in ids if ident is not None]

    def _remove(self, entry: Removal, known: Known) -> Outcome:
        if known.outdates(entry.sequence, removal=True):
            return Outcome(entry.external_id, Change.LATE)
        words: tuple[Word, ...] = ()
        if entry.sequence is not None:
            words = (Word(known.document_id, entry.sequence, deleted=True),)
        if known.live is None:
            return Outcome(entry.external_id, Change.SKIPPED, words=words)
        return Outcome(entry.external_id, Change.DELETED, removed=known.document_id, words=words)

    def _compare(self, item: SourceItem, acl_id: str, known: Known) -> Callable[[], Outcome]:
        if known.outdates(item.sequence, removal=False):
            return _Done(Outcome(item.external_id, Change.LATE))
        since = self._since
        if since is not None and item.modified_at is not None and item.modified_at <= since:
            return _Done(Outcome(item.external_id, Change.SKIPPED))
        case = _Case(self._context, self._tenant, item, acl_id, known, self._stream)
        live = known.live
        stands = live is not None and not known.renamed and live.stands(acl_id, item)
        if live is not None and stands and live.is_at(item.revision) and not self._full:
            return _Done(case.unchanged())
        try:
            content = self._source.fetch(item)
        except IngestionError as error:
            newer = live is not None and item.revision not in {None, live.revision}
            return _Done(case.failed(error, newer=newer))
        sha = source_sha256(content)
        same = live is not None and live.source_sha256 == sha
        if stands and same and not self._full:
            return _Done(case.unchanged())
        return _Parsing(case, sha, self._reader.read(RawDocument(item, content)), same=same)


@dataclass(frozen=True, slots=True)
class _Case:
    """One document whose outcome is being made out."""

    context: IngestContext
    tenant: str
    item: SourceItem
    acl_id: str
    known: Known
    stream: bool

    def words(self) -> tuple[Word, ...]:
        """The source's word on it, and on the name it left, which it says is free."""
        sequence = self.item.sequence
        if sequence is None:
            return ()
        own = Word(self.known.document_id, sequence, deleted=False)
        # What took the name in the same breath is not late.
        left = [
            Word(ident, sequence - 1, deleted=True)
            for ident in (self.known.next_id, self.known.before)
            if ident is not None
        ]
        return (own, *left)

    def unchanged(self) -> Outcome:
        return Outcome(
            self.item.external_id,
            Change.UNCHANGED,
            confirmed=Confirmed(self.known.document_id, self.item.revision),
            removed=self.known.before,
            words=self.words(),
        )

    def failed(self, error: IngestionError, *, newer: bool) -> Outcome:
        """One reported failure; its former version stays, unless its permission is gone.

        Nor does it stay under a name that the source says is free: a stream says so only once.
        """
        live = self.known.live
        # Its former ACL holds no longer, and under the new one nothing could be read.
        closed = live is not None and live.acl_id != self.acl_id
        return Outcome(
            self.item.external_id,
            Change.FAILED,
            failure=SourceFailure(self.item.external_id, str(error.code), error.message),
            closed=self.known.document_id if closed else None,
            removed=self._left_behind(),
            pending=self.known.document_id if newer and live is not None else None,
            words=self.words(),
        )

    def _left_behind(self) -> str | None:
        if self.stream and self.known.renamed:
            return self.known.document_id
        return self.known.before

    def written(self, sha: str, prepared: Prepared, *, same: bool) -> Outcome:
        """A document to write."""
        live = self.known.live
        if live is None:
            change = Change.ADDED
        elif self.known.renamed:
            change = Change.RENAMED
        elif same and live.acl_id != self.acl_id:
            change = Change.MOVED
        else:
            change = Change.CHANGED
        ids = tuple(
            chunk_id(self.context.secret, self.tenant, self.acl_id, chunk.embedded_sha)
            for chunk in prepared.chunks
        )
        upsert = Upsert(self.item, self.known.document_id, self.acl_id, sha, prepared, ids)
        return Outcome(
            self.item.external_id,
            change,
            upsert=upsert,
            removed=self.known.before,
            words=self.words(),
        )


@dataclass(frozen=True, slots=True)
class _Done:
    """An outcome that is there."""

    outcome: Outcome

    def __call__(self) -> Outcome:
        return self.outcome


@dataclass(frozen=True, slots=True)
class _Parsing:
    """An outcome that waits for a parser."""

    case: _Case
    sha: str
    prepared: Future[Prepared]
    same: bool

    def __call__(self) -> Outcome:
        try:
            prepared = self.prepared.result()
        except ParseError as error:  # of all that may fail, this alone is the document's fault
            return self.case.failed(error, newer=not self.same)
        return self.case.written(self.sha, prepared, same=self.same)


def is_ready(outcome: Callable[[], Outcome]) -> bool:
    """Whether an outcome can be had without waiting."""
    return not isinstance(outcome, _Parsing) or outcome.prepared.done()
