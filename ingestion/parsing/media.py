"""What a file is: the suffixes we know, and the first bytes that give a format away.

What never lives here: parsers. This is the table, ``registry`` is the decision.
"""

from dataclasses import dataclass

from ingestion.errors import ParseErrorCode

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

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
_BINARIES = (
    (b"\x89PNG\r\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"(\xb5/\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"\x7fELF", "application/x-executable"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"{\\rtf", "application/rtf"),
    (b"%!PS-", "application/postscript"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"ID3", "audio/mpeg"),
    (b"OggS", "application/ogg"),
    (b"RIFF", "application/x-riff"),
    (b"\0asm", "application/wasm"),
    (b"\xca\xfe\xba\xbe", "application/java-vm"),
)
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
    for magic, media_type in _BINARIES:
        if content.startswith(magic):
            return _unsupported(media_type)
    return None


def _package(content: bytes) -> Sniffed:
    """Tell Word's containers from the others; an encrypted document is an OLE file within."""
    if content.startswith(_ZIP):
        is_word = b"word/document.xml" in content
        return Sniffed(DOCX) if is_word else _unsupported("application/zip")
    if "EncryptedPackage".encode("utf-16-le") in content:
        problem = "the document is encrypted; remove its password and ingest it again"
        return Sniffed(DOCX, problem=problem, code=ParseErrorCode.ENCRYPTED)
    return _unsupported("application/msword")


def _unsupported(media_type: str) -> Sniffed:
    problem = f"{media_type} is not supported; convert it to text, Markdown, HTML, PDF or DOCX"
    return Sniffed(media_type, problem=problem)
