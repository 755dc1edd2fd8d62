"""Which parser reads which file, and the one function through which every file is parsed.

By what the caller says it is, else by suffix, else by its first bytes; and whatever the name says,
content that plainly is something else is refused rather than read as text. What never lives here:
knowledge of a format beyond its first bytes.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePosixPath

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.docx import parse_docx
from ingestion.parsing.html import parse_html
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.markdown import parse_markdown
from ingestion.parsing.media import DOCX, MEDIA_TYPES, PDF, sniff
from ingestion.parsing.pdf import parse_pdf
from ingestion.parsing.text import parse_text

__all__ = ["ParseLimits", "parse"]

_Parser = Callable[[bytes, str, ParseLimits], ParsedDocument]
_PARSERS: dict[str, _Parser] = {
    PDF: parse_pdf,
    DOCX: parse_docx,
    "text/html": parse_html,
    "application/xhtml+xml": parse_html,
    "text/markdown": parse_markdown,
}
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
    if found.problem is not None and claimed == DOCX and found.code is ParseErrorCode.ENCRYPTED:
        raise ParseError(f"content: {found.problem}", code=found.code)
    raise ParseError(
        f"content: named as {claimed} but it is {found.media_type}; give the file its true suffix",
        code=ParseErrorCode.BINARY,
    )


def _parser(kind: str) -> _Parser:
    if kind in _PARSERS:
        return _PARSERS[kind]
    if kind.startswith("text/") or kind in _TEXT_LIKE or kind.endswith(("+xml", "+json")):
        return parse_text
    raise ParseError(
        f"media type: {kind} is not supported; convert it to text, Markdown, HTML, PDF or DOCX",
        code=ParseErrorCode.UNSUPPORTED,
    )


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
