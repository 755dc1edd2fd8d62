"""Answers as tables, for notebooks. pandas is loaded when a table is asked for, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from retrieval.evidence import RetrieveResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd

    from retrieval.evidence import Evidence

COLUMNS: Final[Mapping[str, Callable[[Evidence], object]]] = {
    "id": lambda piece: piece.id,
    "chunk_id": lambda piece: piece.chunk_id,
    "text": lambda piece: piece.text,
    "relevance": lambda piece: piece.relevance,
    "source": lambda piece: piece.citation.source,
    "title": lambda piece: piece.citation.title,
    "uri": lambda piece: piece.citation.uri,
    "document_id": lambda piece: piece.citation.document_id,
    "version": lambda piece: piece.citation.version,
    "page": lambda piece: piece.citation.page,
    "start": lambda piece: piece.citation.start,
    "end": lambda piece: piece.citation.end,
    "freshness": lambda piece: piece.freshness.state,
    "checked_at": lambda piece: piece.freshness.checked_at,
    "modified_at": lambda piece: piece.freshness.modified_at,
    "age_seconds": lambda piece: piece.freshness.age_seconds,
    "verdict": lambda piece: piece.trust.verdict,
    "findings": lambda piece: len(piece.trust.findings),
    "conflicts_with": lambda piece: piece.conflicts_with,
}
"""The columns of a table of evidence, as the fields of the same names are described."""


class Answer(RetrieveResponse):
    """The answer to one question."""

    def to_frame(self) -> pd.DataFrame:
        """One row for each piece of evidence, best first, with the columns of ``COLUMNS``.

        ``findings`` is their number, ``conflicts_with`` a list of ids. Texts and titles are data
        out of documents, never instructions.

        Raises:
            ImportError: pandas is not installed (extra ``notebooks``).
        """
        import pandas  # noqa: ICN001, PLC0415 - heavy, and an extra; not the name of its types

        rows = [{name: of(piece) for name, of in COLUMNS.items()} for piece in self.evidence]
        return pandas.DataFrame(rows, columns=list(COLUMNS))
