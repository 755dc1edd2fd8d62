"""The stored texts that receipts cite: whether a cited passage still stands in its document."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Protocol

from ingestion.models import VersionRow
from ingestion.prepare import text_sha256, unpack

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from ingestion.documents import ParsedDocument

_REMEMBERED = 16


class Passage(Protocol):
    """A passage of a stored version: of a receipt, or of the record of an exposure."""

    @property
    def document_id(self) -> str:
        """Of which document."""

    @property
    def version(self) -> int:
        """Of which version."""

    @property
    def start(self) -> int:
        """First code point in the extracted text."""

    @property
    def end(self) -> int:
        """One past the last."""

    @property
    def text_sha256(self) -> str | None:
        """Of the passage, if it was stated."""


class Texts:
    """Extractions of one tenant as they are stored, in one session's snapshot.

    Who may see a document has been decided before one of its texts is asked for.
    """

    def __init__(self, session: Session, tenant: str) -> None:
        self._session = session
        self._tenant = tenant
        # Pieces of one answer often come from one document; a text may be large.
        self.extraction = lru_cache(_REMEMBERED)(self._extraction)

    def version(self, document_id: str, number: int) -> VersionRow | None:
        """A stored version; None if it was never there, or was erased."""
        return self._session.get(VersionRow, (self._tenant, document_id, number))

    def still_stands(self, cited: Passage, current: int) -> bool:
        """True iff the cited passage is found, unchanged, in version ``current``.

        At another place counts too: a paragraph added before it corrects nothing.
        """
        if cited.version == current:
            return True
        now = self.extraction(cited.document_id, current)
        if now is None:
            return False
        if text_sha256(now.text[cited.start : cited.end]) == cited.text_sha256:
            return True
        before = self.extraction(cited.document_id, cited.version)
        return before is not None and before.text[cited.start : cited.end] in now.text

    def _extraction(self, document_id: str, number: int) -> ParsedDocument | None:
        row = self.version(document_id, number)
        return None if row is None else unpack(row.extraction)
