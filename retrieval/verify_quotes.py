"""Holding one citation to its evidence: is it there, do the words stand in it, and where."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pydantic import Field

from retrieval.evidence import Model
from verifier.citations import QuoteOutcome, check_quote
from verifier.normalise import folded

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from retrieval.verify_evidence import Cited, Original
    from retrieval.verify_request import Reference


class CitationResult(StrEnum):
    """What became of one citation, the best first."""

    QUOTED = "quoted"
    UNQUOTED = "unquoted"
    ALTERED = "altered"
    STITCHED = "stitched"
    MISPLACED = "misplaced"
    MISQUOTED = "misquoted"
    UNVERIFIABLE = "unverifiable"
    NOT_FOUND = "not_found"


GOOD: Final = frozenset({CitationResult.QUOTED, CitationResult.UNQUOTED})
"""Of these, the evidence may be rested on."""

REFUSED: Final = frozenset(
    {
        CitationResult.ALTERED,
        CitationResult.STITCHED,
        CitationResult.MISPLACED,
        CitationResult.MISQUOTED,
    }
)
"""Of these, the evidence is there and the words are not what it says."""

_EDGES: Final = "\"' .,;:!?"  # a span may take the mark that ends the sentence, or leave it

_RESULT_OF: Final = {
    QuoteOutcome.EXACT: CitationResult.QUOTED,
    QuoteOutcome.ALIGNED: CitationResult.QUOTED,
    QuoteOutcome.ALTERED: CitationResult.ALTERED,
    QuoteOutcome.STITCHED: CitationResult.STITCHED,
    QuoteOutcome.NOT_FOUND: CitationResult.MISQUOTED,
    QuoteOutcome.EMPTY: CitationResult.MISQUOTED,
}


class StoredSpan(Model):
    """Exact characters of a stored version of a document."""

    document_id: str
    version: int
    start: int = Field(description="First code point in the extracted text of the version.")
    end: int = Field(description="One past the last code point.")
    text_sha256: str = Field(description="Of these characters, UTF-8.")


class CheckedCitation(Model):
    """One citation, in the order of the request."""

    result: CitationResult = Field(
        description="quoted: the quote stands in the evidence. unquoted: the evidence is there, "
        "and no quote was given. altered: it stands there with another number, negation or word, "
        "or across something removed. stitched: it was put together from parts. misplaced: it "
        "does not stand at the span given. misquoted: it does not stand there. unverifiable: the "
        "stored original is gone or is not what was indexed. not_found: no such evidence, or not "
        "for you."
    )
    start: int | None = Field(description="Where in the evidence's text the quote stands.")
    end: int | None
    stored: StoredSpan | None = Field(
        default=None, description="Of a quote that stands there: where in the document."
    )


NOT_FOUND: Final = CheckedCitation(result=CitationResult.NOT_FOUND, start=None, end=None)


def check_citation(reference: Reference, cited: Cited | None) -> CheckedCitation:
    """Hold one citation to what it cites; None for what is not there, for whatever reason."""
    if cited is None:
        return NOT_FOUND
    if cited.original is None:
        return _only(CitationResult.UNVERIFIABLE)
    if reference.span is not None:
        return _at_its_span(reference.quote, reference.span, cited, cited.original)
    if reference.quote is None:
        return _only(CitationResult.UNQUOTED)
    return check_words(reference.quote, cited, cited.original)


def check_words(quote: str, cited: Cited, original: Original) -> CheckedCitation:
    """Look for a quote anywhere in a piece whose original is there."""
    match = check_quote(quote, cited.quotable)
    result = _RESULT_OF[match.outcome]
    if match.start is None or match.end is None:
        return _only(result)
    return _placed(result, cited, original, (match.start, match.end))


def best_of(quotes: Sequence[str], places: Mapping[int, Cited]) -> dict[int, CheckedCitation]:
    """For each quote of a sentence, the citation it stands in best; of several, the worst result.

    Args:
        quotes: what the sentence quotes.
        places: what it cites and is there, by the place of the citation.
    """
    order = list(CitationResult)
    found: dict[int, CheckedCitation] = {}
    for quote in quotes:
        checked = {
            place: check_words(quote, cited, cited.original)
            for place, cited in places.items()
            if cited.original is not None
        }
        if not checked:
            continue
        best = min(checked, key=lambda place: (order.index(checked[place].result), place))
        worse = found.get(best)
        if worse is None or order.index(worse.result) < order.index(checked[best].result):
            found[best] = checked[best]
    return found


def _at_its_span(
    quote: str | None, stated: tuple[int, int], cited: Cited, original: Original
) -> CheckedCitation:
    """The span must lie in the piece, and be the quote from its first word to its last."""
    span = original.served(*stated)
    if span is None or span[0] == span[1]:  # beyond the piece, or of nothing that is served
        return _only(CitationResult.MISPLACED)
    if quote is None:
        if _redacted(cited, span):  # its hash would confirm a guess of what was taken out
            return _only(CitationResult.ALTERED)
        return _placed(CitationResult.UNQUOTED, cited, original, span)
    text = cited.trusted.text[slice(*span)]
    match = check_quote(quote, text)
    result = _RESULT_OF[match.outcome]
    if result is not CitationResult.QUOTED:
        anywhere = check_quote(quote, cited.quotable)
        stands = _RESULT_OF[anywhere.outcome] is CitationResult.QUOTED
        return _only(CitationResult.MISPLACED if stands else result)
    whole, part = folded(text)[0], folded(text[match.start : match.end])[0]
    if part.strip(_EDGES) != whole.strip(_EDGES):
        return _only(CitationResult.MISPLACED)
    return _placed(CitationResult.QUOTED, cited, original, span)


def _redacted(cited: Cited, span: tuple[int, int]) -> bool:
    """Whether a span of the served text reaches into something taken out."""
    start, end = span
    return any(first < end and start < last for first, last in cited.trusted.redactions)


def _only(result: CitationResult) -> CheckedCitation:
    return CheckedCitation(result=result, start=None, end=None)


def _placed(
    result: CitationResult, cited: Cited, original: Original, span: tuple[int, int]
) -> CheckedCitation:
    stored = None
    if result in GOOD:
        first, last = original.stored(*span)
        stored = StoredSpan(
            document_id=cited.place.document_id,
            version=cited.place.version,
            start=first,
            end=last,
            text_sha256=original.sha256(first, last),
        )
    return CheckedCitation(result=result, start=span[0], end=span[1], stored=stored)
