"""Which parser reads which file, and the one function through which every file is parsed.

By what the caller says it is, else by suffix, else by its first bytes; and whatever the name says,
content that plainly is something else is refused rather than read as text. What never lives here:
knowledge of a format beyond its first bytes.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import PurePosixPath

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.media import (
    DOCX,
    ENCRYPTED,
    MAIL,
    MEDIA_TYPES,
    OFFICE,
    PDF,
    PPTX,
    XLSX,
    sniff,
    unsupported,
)

__all__ = ["PARSERS", "ParseLimits", "parse"]

_Parser = Callable[[bytes, str, ParseLimits], ParsedDocument]
PARSERS: dict[str, str] = {
    PDF: "pdf",
    DOCX: "docx",
    PPTX: "pptx",
    XLSX: "xlsx",
    MAIL: "eml",
    "text/csv": "delimited",
    "text/tab-separated-values": "delimited",
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/markdown": "markdown",
}
"""Which module of this package reads which media type; all other text is read by ``text``.

By name, because each brings a library that costs a tenth of a second and more to import: a worker
loads what its files need.
"""
_TEXT_LIKE = frozenset(
    {"application/json", "application/xml", "application/yaml", "application/toml"}
    | {"application/x-ndjson", "application/javascript", "application/sql"}
)
_UNKNOWN = frozenset({"application/octet-stream", "binary/octet-stream"})


def parse(
    content: bytes,
    *,
    name: str,
    media_type: str | None = None,
    limits: ParseLimits = ParseLimits(),  # noqa: B008 - frozen, so one default serves all
) -> ParsedDocument:
    """Extract the text of one file.

    Args:
        content: The whole file.
        name: Its name or path; only the suffix matters.
        media_type: What its source says it is; None, or ``application/octet-stream``, leaves that
            to name and content.
        limits: What it may cost.

    Raises:
        ParseError: It yields no text; code and message say why and what to do.
    """
    if len(content) > limits.max_bytes:
        raise ParseError(
            f"content: {len(content)} bytes exceed the limit of {limits.max_bytes}; split the file",
            code=ParseErrorCode.TOO_LARGE,
        )
    if not content.strip():
        raise ParseError("content: the file is empty; remove it", code=ParseErrorCode.EMPTY)
    kind = _media_type(content, name, media_type)
    parser = _parser(kind)
    try:
        document = parser(content, kind, limits)
    except ParseError:
        raise
    except MemoryError:
        raise ParseError(
            f"content: needs more memory as {kind} than the parser may take; split the file",
            code=ParseErrorCode.TOO_LARGE,
        ) from None
    except Exception as error:
        # A parser library met a file nobody thought of: one reported failure, not a failed run. Its
        # message is left out, for it may quote the document.
        raise ParseError(
            f"content: cannot be read as {kind} ({type(error).__name__}); save it again or leave it"
            " out",
            code=ParseErrorCode.MALFORMED,
        ) from error
    return _checked(document, limits)


def _media_type(content: bytes, name: str, stated: str | None) -> str:
    """Decide what the file is; a name or statement that its first bytes contradict is refused."""
    base = (stated or "").partition(";")[0].strip().lower()
    suffix = PurePosixPath(name).suffix.lower()
    claimed = MEDIA_TYPES.get(suffix) if not base or base in _UNKNOWN else base
    found = sniff(content)
    if found is None:
        return claimed or "text/plain"
    if claimed is None or claimed == found.media_type:
        if found.problem is not None:
            raise ParseError(f"content: {found.problem}", code=found.code)
        return found.media_type
    if found.text:
        return claimed  # HTML inside Markdown, or XML: the name knows better than the first bytes
    if claimed in OFFICE and found.media_type == ENCRYPTED:
        raise ParseError(f"content: {found.problem}", code=found.code)
    remedy = f" ({found.problem})" if found.problem else ""
    raise ParseError(
        f"content: named as {claimed} but it is {found.media_type}; give the file its true"
        f" suffix{remedy}",
        code=ParseErrorCode.BINARY,
    )


def _parser(kind: str) -> _Parser:
    is_text = kind.startswith("text/") or kind in _TEXT_LIKE or kind.endswith(("+xml", "+json"))
    module = PARSERS.get(kind, "text" if is_text else None)
    if module is None:
        found = unsupported(kind)
        raise ParseError(f"media type: {found.problem}", code=found.code)
    loaded = import_module(f"ingestion.parsing.{module}")
    parser: _Parser = getattr(loaded, f"parse_{module}")
    return parser


def _checked(document: ParsedDocument, limits: ParseLimits) -> ParsedDocument:
    if not document.text.strip():
        raise ParseError(
            "text: the file holds none that a reader would see; remove it",
            code=ParseErrorCode.EMPTY,
        )
    if len(document.text) > limits.max_chars:
        raise ParseError(
            f"text: {len(document.text)} characters exceed the limit of {limits.max_chars};"
            " split the file",
            code=ParseErrorCode.TOO_LARGE,
        )
    if "\0" in document.text:
        # No database stores it. The stand-in is as long, so every span still holds.
        return replace(document, text=document.text.replace("\0", "\ufffd"))
    return document
