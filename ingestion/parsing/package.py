"""Packed office files (Open Packaging): what is checked before any library may unpack one.

Everything is decided on the zip directory and on the first bytes of each part: a bomb must cost
nothing to refuse. What never lives here: what the parts mean, and unpacking archives within
archives, which nothing in this package does.
"""

import io
import zipfile
from typing import IO
from xml.parsers import expat

from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.limits import ParseLimits

_ENCRYPTED_FLAG = 0x1
_BLOCK_BYTES = 4_096


def check_package(content: bytes, limits: ParseLimits, *, kind: str) -> frozenset[str]:
    """Refuse a package that is damaged, encrypted, too big unpacked, or that defines entities.

    A directory that lies about sizes gains nothing: ``zipfile`` stops reading at the size stated.

    Args:
        content: The whole file.
        limits: What it may cost.
        kind: What to call it in messages, such as ``DOCX``.

    Returns:
        The names of its parts.

    Raises:
        ParseError: ``malformed``, ``encrypted`` or ``too_large``.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as package:
            parts = package.infolist()
            _check_directory(parts, len(content), limits)
            for part in parts:
                with package.open(part) as stream:
                    _refuse_entities(stream)
    except ParseError:
        raise
    except Exception as error:
        # Besides BadZipFile, hostile bytes raise ValueError (an offset before the file's start),
        # NotImplementedError (a version or compression that zipfile does not know), and whatever
        # the decompressors raise.
        raise ParseError(
            f"content: not a readable {kind} (damaged or truncated package); save it again",
            code=ParseErrorCode.MALFORMED,
        ) from error
    return frozenset(part.filename for part in parts)


def _check_directory(parts: list[zipfile.ZipInfo], size: int, limits: ParseLimits) -> None:
    if any(part.flag_bits & _ENCRYPTED_FLAG for part in parts):
        raise ParseError(
            "content: the package is encrypted; remove its password and ingest it again",
            code=ParseErrorCode.ENCRYPTED,
        )
    unpacked = sum(part.file_size for part in parts)
    suspicious = unpacked > limits.ratio_floor_bytes
    if (
        len(parts) > limits.max_parts
        or unpacked > limits.max_unpacked_bytes
        or (suspicious and unpacked > size * limits.max_unpacked_ratio)
    ):
        raise ParseError(
            f"content: unpacks to {unpacked} bytes in {len(parts)} parts, beyond the limit of"
            f" {limits.max_unpacked_bytes} bytes, {limits.max_unpacked_ratio} times its size or"
            f" {limits.max_parts} parts; split the document",
            code=ParseErrorCode.TOO_LARGE,
        )


def _refuse_entities(stream: IO[bytes]) -> None:
    """Refuse a part with a document type declaration, which the standard forbids.

    Entities are defined there and nowhere else, so without one no reader can be made to expand or
    fetch any. What expat cannot read here no reader that uses expat can read later; the others
    (lxml) are told by their libraries not to resolve entities.
    """
    declared: list[bool] = []
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = lambda *_: declared.append(True)
    parser.StartElementHandler = lambda *_: declared.append(False)
    try:
        while not declared and (block := stream.read(_BLOCK_BYTES)):
            parser.Parse(block)
    except expat.ExpatError:
        pass  # a picture, or XML that its own reader will refuse
    if declared and declared[0]:
        raise ParseError(
            "content: a part has a document type declaration, which office files may not have;"
            " save it again from an office program",
            code=ParseErrorCode.MALFORMED,
        )
