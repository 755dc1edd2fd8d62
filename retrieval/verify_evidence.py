"""The evidence behind citations, under the caller's scope, and where it stands in the original.

The same road as reading a piece of evidence: located under the scope, rechecked, dated, and passed
through the trust policy. What a caller may not see is not there, in the same words and by the same
statements as what does not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from acl.errors import NotFoundError
from ingestion.catalog import locate, source_states
from ingestion.prepare import text_sha256
from retrieval.assemble import best_place, date, trust
from retrieval.ids import well_formed
from retrieval.pipeline import recheck
from retrieval.receipt_store import own_statement
from retrieval.receipt_texts import Texts
from verifier.citations import Quotable
from verifier.errors import OffsetMapError
from verifier.offsets import OffsetMap
from verifier.policy import TrustVerdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from acl.caller import Caller
    from ingestion.catalog import Place
    from retrieval.receipt_statement import Statement
    from retrieval.runtime import Runtime
    from retrieval.standing import Snapshot
    from retrieval.verify_request import Reference
    from verifier.policy import TrustedText


@dataclass(frozen=True, slots=True)
class Original:
    """Where a served text comes from: the cited characters of a stored version.

    Attributes:
        text: the characters, whose hash is the one they were indexed under.
        start: where they begin in the extracted text of the document.
        offsets: from the text as served to the extracted text.
    """

    text: str
    start: int
    offsets: OffsetMap

    def stored(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of the served text stands in the extracted text."""
        return self.offsets.to_original(start, end)

    def served(self, start: int, end: int) -> tuple[int, int] | None:
        """Where a span of the extracted text stands in the served text; None beyond the piece."""
        first, last = self.offsets.original_bounds[0], self.offsets.original_bounds[-1]
        if not first <= start < end <= last:
            return None
        return self.offsets.to_sanitised(start, end)

    def sha256(self, start: int, end: int) -> str:
        """The hash of a span of the extracted text."""
        return text_sha256(self.text[start - self.start : end - self.start])


@dataclass(frozen=True)
class Cited:
    """A piece of evidence that a caller may see, as it would be served.

    Attributes:
        chunk_id: of the piece.
        place: where it stands in its document.
        trusted: its text under the trust policy.
        original: where that comes from; None if it is gone, or is not what was indexed.
    """

    chunk_id: str
    place: Place
    trusted: TrustedText
    original: Original | None

    @cached_property
    def quotable(self) -> Quotable:
        """The served text as quotes are looked for in it: folded once, however many there are."""
        return Quotable.of(self.trusted.text)


def chunks_of(
    runtime: Runtime, caller: Caller, cited: Iterable[Reference]
) -> dict[Reference, str | None]:
    """The chunk each reference names; None where it names none that could be the caller's."""
    references = list(cited)
    statements: dict[str, Statement] = {}
    for receipt_id in sorted({one.receipt_id for one in references if one.receipt_id}):
        try:
            statements[receipt_id] = own_statement(runtime, caller, receipt_id)
        except NotFoundError:
            continue  # absent or somebody else's: what cites it is not found
    return {one: _chunk_of(one, statements) for one in references}


def _chunk_of(cited: Reference, statements: Mapping[str, Statement]) -> str | None:
    if cited.chunk_id is not None:
        return cited.chunk_id if well_formed(cited.chunk_id) else None
    statement = statements.get(cited.receipt_id or "")
    place = int((cited.evidence or "e0")[1:])
    if statement is None or not 0 < place <= len(statement.citations):
        return None
    return statement.citations[place - 1].chunk_id


def evidence_of(runtime: Runtime, before: Snapshot, ids: Sequence[str]) -> dict[str, Cited]:
    """The chunks among ``ids`` that the caller may see, as they would be served."""
    scope = before.scope
    with runtime.database.read(scope.tenant) as session:
        chunks = {ident: chunk for ident, (_, chunk) in locate(session, scope, ids).items()}
        names = sorted({place.source for chunk in chunks.values() for place in chunk.places})
        sources = source_states(session, scope.tenant, names)
        served = []
        for chunk in chunks.values():
            if not recheck(scope, chunk):
                continue
            places = [date(one, sources, now=runtime.clock(), max_age=None) for one in chunk.places]
            current = [place for place in places if not place.excluded]
            if not current:  # of a source that serves nothing rather than something outdated
                continue
            place = best_place(current).place
            trusted = trust(chunk, place, before.policy)
            if trusted.verdict is not TrustVerdict.WITHHELD:
                served.append((chunk.id, place, trusted))
        # By document: few stored texts are remembered, and each is read once this way.
        served.sort(key=lambda one: (one[1].document_id, one[1].version))
        texts = Texts(session, scope.tenant)
        return {
            ident: Cited(ident, place, trusted, _original(texts, place, trusted))
            for ident, place, trusted in served
        }


def _original(texts: Texts, place: Place, trusted: TrustedText) -> Original | None:
    """The cited characters as they are stored, held to the hash they were indexed under."""
    extraction = texts.extraction(place.document_id, place.version)
    if extraction is None:
        return None
    passage = extraction.text[place.start : place.end]
    if text_sha256(passage) != place.text_sha256:
        return None
    try:
        offsets = trusted.offsets.compose(OffsetMap.decode(place.offsets))
    except OffsetMapError:
        return None  # the stored map is not of the stored text: nothing can be located by it
    return Original(passage, place.start, offsets)
