"""From bytes to chunks, in memory: parse, sanitise, cut, screen. No SQL, no index, no ACLs.

The same bytes always give the same result, so a run that is repeated after a crash does the same
thing again, and a rebuild can start from a stored extraction.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from bisect import bisect_right
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ingestion.chunking import embedded_text
from ingestion.documents import Heading, ParsedDocument, Span
from ingestion.parsing.registry import ParseLimits, parse
from verifier.findings import Finding, FindingKind, Severity
from verifier.sanitise import SANITISER_VERSION, Markup, sanitise
from verifier.screening import SCREEN_VERSION, screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.chunking import Chunker, ChunkSpan
    from ingestion.documents import RawDocument
    from verifier.sanitise import SanitisedText


PREPARED_BY: Final = f"sanitise/{SANITISER_VERSION}+screen/{SCREEN_VERSION}+prepare/3"
"""What made a stored document's chunks; raise a part, and the next run makes them anew."""


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """One chunk, ready to be stamped with an ACL.

    ``start`` and ``end`` count code points of the extracted text; ``offsets`` maps the chunk's
    sanitised text back to it; ``findings`` have their spans in the chunk's text.
    """

    text: str
    heading_path: tuple[str, ...]
    embedded: str
    embedded_sha: str
    start: int
    end: int
    page: int | None
    text_sha256: str
    offsets: bytes
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A document's extraction and its chunks, in order."""

    parsed: ParsedDocument
    text_sha256: str
    chunks: tuple[PreparedChunk, ...]


def source_sha256(content: bytes) -> str:
    """The content hash that decides whether a document changed."""
    return hashlib.sha256(content).hexdigest()


def text_sha256(text: str) -> str:
    """The hash that citations carry. Lone surrogates, which some PDFs yield, are hashed as such."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prepare(raw: RawDocument, chunker: Chunker, limits: ParseLimits | None = None) -> Prepared:
    """Parse a document and cut it into chunks.

    Raises:
        ingestion.errors.ParseError: the bytes yield no text; the message says why.
    """
    parsed = parse(
        raw.content,
        name=raw.item.external_id,
        media_type=raw.item.media_type,
        limits=limits or ParseLimits(),
    )
    return cut(parsed, chunker)


def cut(parsed: ParsedDocument, chunker: Chunker) -> Prepared:
    """Sanitise an extraction and cut it into chunks."""
    clean = sanitise(parsed.text, markup=parsed.markup, prior=parsed.findings)
    headings = []
    for heading in parsed.headings:
        start, end = clean.offsets.to_sanitised(heading.start, heading.end)
        # A heading travels with every chunk beneath it, so it is sanitised like the text is.
        label = " ".join(sanitise(heading.text).text.split())
        headings.append(Heading(heading.level, label, start, end))
    page_starts = [page.start for page in parsed.pages]
    chunks = []
    spans = chunker.chunk(clean.text, headings)
    if not spans:
        return Prepared(parsed, text_sha256(parsed.text), ())
    borders = [0, *(span.end for span in spans[:-1]), len(clean.text)]
    for span, (low, high) in zip(spans, pairwise(borders), strict=True):
        piece = clean.slice(span.start, span.end)
        start, end = clean.offsets.to_original(span.start, span.end)
        embedded = embedded_text(span.heading_path, piece.text)
        chunks.append(
            PreparedChunk(
                text=piece.text,
                heading_path=span.heading_path,
                embedded=embedded,
                # Over the parts, not over what they are joined to: a heading and a text must not
                # be mistaken for a longer text without one.
                embedded_sha=text_sha256("\0".join((*span.heading_path, piece.text))),
                start=start,
                end=end,
                page=bisect_right(page_starts, start) if page_starts else None,
                text_sha256=text_sha256(parsed.text[start:end]),
                offsets=piece.offsets.encode(),
                findings=(*_findings(clean, span, low, high), *screen(piece.text)),
            )
        )
    return Prepared(parsed, text_sha256(parsed.text), tuple(_tainted(chunks)))


def _tainted(chunks: list[PreparedChunk]) -> Iterator[PreparedChunk]:
    """Chunks of a document that hides instructions from its readers say so, every one of them.

    Visible instructions concern the passage they stand in; hidden ones show what the document as
    a whole is for.
    """
    hiding = [any(_hides(finding) for finding in chunk.findings) for chunk in chunks]
    for chunk, itself in zip(chunks, hiding, strict=True):
        if any(hiding) and not itself:
            yield replace(chunk, findings=(*chunk.findings, _TAINT))
        else:
            yield chunk


def _hides(finding: Finding) -> bool:
    return finding.kind is FindingKind.HIDDEN and finding.severity is Severity.HIGH


_TAINT = Finding.at(
    0,
    0,
    rule="document.hidden_instructions",
    kind=FindingKind.HIDDEN,
    severity=Severity.HIGH,
    message="elsewhere, this document gives instructions that its readers would not see",
)


def _findings(clean: SanitisedText, span: ChunkSpan, low: int, high: int) -> Iterator[Finding]:
    """What was found in a chunk, and in the blank space before it: nothing falls between chunks.

    What was removed from a gap (a hidden paragraph, a comment) concerns the text that follows.
    ``low`` and ``high`` bound the chunk's territory; the last chunk's reaches to the end.
    """
    length = span.end - span.start
    for finding in clean.slice(low, high).findings:
        start, end = (at + low - span.start for at in (finding.start, finding.end))
        yield finding.moved(min(max(start, 0), length), min(max(end, 0), length))


def pack(parsed: ParsedDocument) -> bytes:
    """An extraction as stored: compressed JSON."""
    fields = asdict(parsed) | {"findings": [finding.to_dict() for finding in parsed.findings]}
    return zlib.compress(json.dumps(fields).encode(), 6)


def unpack(stored: bytes) -> ParsedDocument:
    """The extraction that :func:`pack` stored."""
    fields = json.loads(zlib.decompress(stored))
    return ParsedDocument(
        text=fields["text"],
        title=fields["title"],
        media_type=fields["media_type"],
        pages=tuple(Span(**page) for page in fields["pages"]),
        headings=tuple(Heading(**heading) for heading in fields["headings"]),
        findings=tuple(Finding.from_dict(finding) for finding in fields["findings"]),
        markup=Markup(fields["markup"]),
        parser=fields["parser"],
        # Not in what was stored before documents were read for them.
        tags=tuple(fields.get("tags", ())),
        language=fields.get("language"),
    )
