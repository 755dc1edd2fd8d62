"""What a file is: the suffixes we know, and the first bytes that give a format away.

What never lives here: parsers. This is the table, ``registry`` is the decision.
"""

import io
import zipfile
from dataclasses import dataclass

from ingestion.errors import ParseErrorCode

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MAIL = "message/rfc822"
ENCRYPTED = "application/x-encrypted-office"
OFFICE = frozenset({DOCX, PPTX, XLSX})

_TEXTS = """
    .txt .text .log .out .err .conf .cfg .ini .env .properties .py .pyi .pyx .c .h .cc .cpp .hpp .cs
    .java .kt .scala .go .rs .rb .pl .pm .php .swift .sh .bash .zsh .fish .ps1 .bat .r .jl .lua .hs
    .ml .ex .exs .erl .clj .el .vim .tex .bib .srt .vtt .po .pot .diff .patch .org .adoc .asciidoc
    .css .scss .less .ts .tsx .jsx .vue .proto .graphql .tf .cmake .mk .dockerfile
"""
MEDIA_TYPES: dict[str, str] = {
    **dict.fromkeys(_TEXTS.split(), "text/plain"),
    ".pdf": PDF,
    ".docx": DOCX,
    **dict.fromkeys((".pptx", ".pptm"), PPTX),
    **dict.fromkeys((".xlsx", ".xlsm"), XLSX),
    ".eml": MAIL,
    **dict.fromkeys((".html", ".htm", ".xhtml"), "text/html"),
    **dict.fromkeys((".md", ".markdown", ".mdx", ".mkd"), "text/markdown"),
    **dict.fromkeys((".rst", ".rest"), "text/x-rst"),
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    **dict.fromkeys((".json", ".ipynb"), "application/json"),
    **dict.fromkeys((".jsonl", ".ndjson"), "application/x-ndjson"),
    **dict.fromkeys((".yaml", ".yml"), "application/yaml"),
    ".toml": "application/toml",
    **dict.fromkeys((".xml", ".xsd", ".xsl", ".svg"), "application/xml"),
    **dict.fromkeys((".js", ".mjs", ".cjs"), "application/javascript"),
    ".sql": "application/sql",
}

_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_UNPACK = "unpack it and ingest its files"
_EXPORT = "export it as text, HTML or PDF"
_BINARIES = (
    (b"\x89PNG\r\n", "image/png", "run OCR first"),
    (b"\xff\xd8\xff", "image/jpeg", "run OCR first"),
    (b"GIF8", "image/gif", "run OCR first"),
    (b"\x1f\x8b", "application/gzip", _UNPACK),
    (b"BZh", "application/x-bzip2", _UNPACK),
    (b"\xfd7zXZ\0", "application/x-xz", _UNPACK),
    (b"(\xb5/\xfd", "application/zstd", _UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed", _UNPACK),
    (b"Rar!\x1a\x07", "application/vnd.rar", _UNPACK),
    (b"\x7fELF", "application/x-executable", "leave it out"),
    (b"SQLite format 3\0", "application/vnd.sqlite3", "ingest it by a query"),
    (b"{\\rtf", "application/rtf", "save it as .docx"),
    (b"%!PS-", "application/postscript", "convert it to PDF"),
    (b"wOFF", "font/woff", "leave it out"),
    (b"wOF2", "font/woff2", "leave it out"),
    (b"ID3", "audio/mpeg", "transcribe it first"),
    (b"OggS", "application/ogg", "transcribe it first"),
    (b"RIFF", "application/x-riff", "leave it out"),
    (b"\0asm", "application/wasm", "leave it out"),
    (b"\xca\xfe\xba\xbe", "application/java-vm", "leave it out"),
)
# The part that tells one Open Packaging format from another.
_MAIN_PARTS = (
    ("word/document.xml", DOCX),
    ("ppt/presentation.xml", PPTX),
    ("xl/workbook.xml", XLSX),
)
_OPEN_DOCUMENT = "application/vnd.oasis.opendocument"
_OTHER_PACKAGES = (
    ("xl/workbook.bin", "application/vnd.ms-excel.sheet.binary", "save it as .xlsx"),
    ("META-INF/manifest.xml", _OPEN_DOCUMENT, "save it as .docx, .xlsx or .pptx"),
    ("META-INF/container.xml", "application/epub+zip", "convert it to HTML"),
)
# Streams by which the old binary formats are known, as their directory spells them.
_STREAMS = (
    ("WordDocument", "application/msword", "save it as .docx"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint", "save it as .pptx"),
    ("Workbook", "application/vnd.ms-excel", "save it as .xlsx"),
    ("Book", "application/vnd.ms-excel", "save it as .xlsx"),
    ("__properties_version1.0", "application/vnd.ms-outlook", "save it as .eml"),
)
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_HEAD_BYTES = 1_024


@dataclass(frozen=True, slots=True)
class Sniffed:
    """What the first bytes say.

    Attributes:
        media_type: The format they give away.
        text: Whether such a file may rightly carry another text suffix.
        problem: Why it cannot be read and what to do; None if a parser may try.
        code: The error code that goes with ``problem``.
    """

    media_type: str
    text: bool = False
    problem: str | None = None
    code: ParseErrorCode = ParseErrorCode.UNSUPPORTED


def sniff(content: bytes) -> Sniffed | None:
    """Return what ``content`` gives itself away as; None for what may be any text."""
    start = content[:_HEAD_BYTES].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"%PDF-"):
        return Sniffed(PDF)
    if start.lower().startswith((b"<!doctype html", b"<html")):
        return Sniffed("text/html", text=True)
    if content.startswith((_ZIP, _OLE)):
        return _package(content)
    for magic, media_type, remedy in _BINARIES:
        if content.startswith(magic):
            return unsupported(media_type, remedy)
    return None


def _package(content: bytes) -> Sniffed:
    """Tell office files from one another and from other archives and containers."""
    if content.startswith(_ZIP):
        names = _names(content)
        for part, media_type in _MAIN_PARTS:
            if part in names:
                return Sniffed(media_type)
        for part, media_type, remedy in _OTHER_PACKAGES:
            if part in names:
                return unsupported(media_type, remedy)
        return unsupported("application/zip", _UNPACK)
    if _ENCRYPTED in content:
        problem = "the document is encrypted; remove its password and ingest it again"
        return Sniffed(ENCRYPTED, problem=problem, code=ParseErrorCode.ENCRYPTED)
    for stream, media_type, remedy in _STREAMS:
        if stream.encode("utf-16-le") in content:
            return unsupported(media_type, remedy)
    return unsupported("application/x-ole-storage", _EXPORT)


def _names(content: bytes) -> frozenset[str]:
    """Return what an archive holds; of a damaged one, the main parts it mentions."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return frozenset(archive.namelist())
    except Exception:  # noqa: BLE001 - hostile directories raise whatever zipfile stumbles over
        return frozenset(part for part, _ in _MAIN_PARTS if part.encode() in content)


def unsupported(media_type: str, remedy: str = _EXPORT) -> Sniffed:
    """Refuse a format by its name, with what to do instead."""
    return Sniffed(media_type, problem=f"{media_type} is not supported; {remedy}")
