"""The values that travel through ingestion: items of a source, their ACLs, parsed documents.

Frozen and free of behaviour beyond their own shape. What never lives here: reading files, parsing,
SQL. Every ``start`` and ``end`` counts code points and is half open, so ``text[start:end]`` is the
piece itself.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from verifier.findings import Finding
from verifier.sanitise import Markup

AclEffect: TypeAlias = Literal["allow", "deny"]


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range of code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading, where it stands in the extracted text.

    Attributes:
        level: 1 for the outermost, at most 9.
        text: What it says, blanks folded, markup removed.
        start: First code point of the heading in the extracted text.
        end: One past its last code point; a section's body begins here.
    """

    level: int
    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """What a parser made of one file.

    Attributes:
        text: The extracted text; every offset in this package refers to it.
        title: The document's own title, if it states one.
        media_type: What the content turned out to be, such as ``text/markdown``.
        pages: Where each page stands in ``text``, in order; empty for what has no pages.
        headings: In the order of the text.
        findings: What the parser left out or distrusts, such as text hidden by markup.
        markup: How the sanitiser must read ``text``.
        parser: Name and version, such as ``pdf/1``; a new version means a new extraction.
        tags: What it says it is about, as of :mod:`ingestion.labels`.
        language: What language it says it is in, likewise.
    """

    text: str
    title: str | None
    media_type: str
    pages: tuple[Span, ...]
    headings: tuple[Heading, ...]
    findings: tuple[Finding, ...]
    markup: Markup
    parser: str
    tags: tuple[str, ...] = ()
    language: str | None = None


@dataclass(frozen=True, slots=True)
class AclEntrySpec:
    """One grant or refusal as a source states it.

    Attributes:
        effect: ``allow`` or ``deny``.
        principal: In its text form, such as ``group:staff``; checked for form, not for existence.
        expires_at: Aware UTC; None for never.
    """

    effect: AclEffect
    principal: str
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class AclSpec:
    """An ACL as a source states it; the catalogue turns it into an object with an id."""

    name: str
    parent: str | None
    inherit: bool
    entries: tuple[AclEntrySpec, ...]


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One document a source offers.

    Attributes:
        external_id: The source's own stable name for it.
        uri: Where a person finds the original.
        acl: Name of its ``AclSpec``; None means unlabelled, which the pipeline refuses to index.
        size: Bytes; 0 where only fetching tells.
        modified_at: Aware UTC; None where the source does not know.
        media_type: What the source says it is; None leaves that to the parser.
        title: What the source calls it; None leaves that to the parser.
        revision: The source's own mark of the content, such as an ETag: while it stays the same,
            so does the content, and nothing is fetched. None if the source has none.
        formerly: The ``external_id`` it had before a rename, where the source tells.
        sequence: Its place in the source's own order of changes; a lower one that comes later is
            late and changes nothing. None leaves that to ``modified_at`` in microseconds.
        place: Where the source finds it again, in words of its own; ``fetch`` gets it back.
        tags: What it is about, as of :func:`ingestion.labels.spelled_tags`; None leaves that to
            the document, and none at all says it is about nothing in particular.
        language: What language it is in, as of :func:`ingestion.labels.spelled_language`; None
            leaves that to the document.
    """

    external_id: str
    uri: str
    acl: str | None
    size: int
    modified_at: datetime | None
    media_type: str | None = None
    title: str | None = None
    revision: str | None = None
    formerly: str | None = None
    sequence: int | None = None
    place: str | None = None
    tags: tuple[str, ...] | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFailure:
    """One thing a source could not offer: reported, counted, and the run goes on.

    Attributes:
        external_id: What could not be offered. One that ends with a slash stands for all beneath.
        code: What programs branch on.
        message: What is wrong and the remedy.
        conceals: True if it may stand for any document, such as a line that cannot be read: then
            nothing that is absent from the listing is known to be gone.
    """

    external_id: str
    code: str
    message: str
    conceals: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """Word from a source that one of its documents is gone.

    Attributes:
        external_id: The document's name.
        sequence: As of ``SourceItem``: a document listed with a higher one is not removed.
    """

    external_id: str
    sequence: int | None = None


@dataclass(frozen=True, slots=True)
class RawDocument:
    """An item together with its original bytes."""

    item: SourceItem
    content: bytes
