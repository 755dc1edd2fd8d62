"""How a file and what was read of it travel between a worker process and the one that asks.

Plain JSON, never pickles: a worker taken over by what it parses can lie about that file, but what
it sends can run nothing in the process that asked. What never lives here: processes and pipes.
"""

import json
from dataclasses import asdict
from typing import Any, Final

from ingestion.documents import Heading, ParsedDocument, Span
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.labels import spelled_language, spelled_tags
from ingestion.parsing.limits import ParseLimits
from verifier.findings import Finding
from verifier.sanitise import Markup

MORE: Final = b"more"
LAST: Final = b"last"
"""What a worker says after each answer: whether it takes another file."""


def pack_document(document: ParsedDocument) -> dict[str, Any]:
    """Return an extraction as plain JSON values."""
    findings = [finding.to_dict() for finding in document.findings]
    return asdict(document) | {"findings": findings}


def unpack_document(fields: dict[str, Any]) -> ParsedDocument:
    """Return the extraction that ``pack_document`` packed.

    Raises:
        KeyError: A field is missing.
        TypeError: A field is of the wrong type, or unknown.
        ValueError: A field has no such value.
        verifier.errors.FindingError: A finding is none.
    """
    return ParsedDocument(
        text=str(fields["text"]),
        title=None if fields["title"] is None else str(fields["title"]),
        media_type=str(fields["media_type"]),
        pages=tuple(Span(int(page["start"]), int(page["end"])) for page in fields["pages"]),
        headings=tuple(
            Heading(int(one["level"]), str(one["text"]), int(one["start"]), int(one["end"]))
            for one in fields["headings"]
        ),
        findings=tuple(Finding.from_dict(finding) for finding in fields["findings"]),
        markup=Markup(fields["markup"]),
        parser=str(fields["parser"]),
        tags=spelled_tags(fields["tags"]),
        language=None if fields["language"] is None else spelled_language(fields["language"]),
    )


def pack_answer(answer: ParsedDocument | ParseError) -> bytes:
    """Return what a worker says of one file."""
    if isinstance(answer, ParseError):
        return json.dumps({"code": str(answer.code), "message": answer.message}).encode()
    return json.dumps({"document": pack_document(answer)}).encode()


def unpack_answer(packed: bytes) -> ParsedDocument | ParseError:
    """Return what ``pack_answer`` packed.

    Raises:
        ValueError: It is nothing that a worker would say.
    """
    try:
        fields = json.loads(packed)
        if "code" in fields:
            return ParseError(str(fields["message"]), code=ParseErrorCode(fields["code"]))
        return unpack_document(fields["document"])
    except (KeyError, TypeError, RecursionError, AttributeError) as error:
        raise ValueError("not an answer") from error


def pack_terms(limits: ParseLimits, *, seconds: float, memory: int | None) -> bytes:
    """Return what a worker is told once, before the first file."""
    return json.dumps({"limits": asdict(limits), "seconds": seconds, "memory": memory}).encode()


def unpack_terms(packed: bytes) -> tuple[ParseLimits, float, int | None]:
    """Return what ``pack_terms`` packed."""
    fields = json.loads(packed)
    return ParseLimits(**fields["limits"]), fields["seconds"], fields["memory"]
