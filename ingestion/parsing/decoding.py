r"""From bytes to characters: byte-order marks, declared and guessed encodings, and a clear refusal.

Newlines become ``\n`` here, once, so that line numbers and offsets agree in every parser. What
never lives here: repair. Text that decodes in no encoding is refused, not patched with marks.
"""

import codecs
import re

from charset_normalizer import from_bytes

from ingestion.errors import ParseError, ParseErrorCode

# UTF-32 first: its little-endian mark begins with UTF-16's.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\b\x1b"))
_MAX_CONTROL_SHARE = 0.02
_SAMPLE_BYTES = 65_536
_ASCII = re.compile(r"[\x00-\x7f]+")
_WESTERN = frozenset(
    "äöüßéèêëàâçîïôûùñáíóúåøæœÄÖÜÉÈÊÀÂÇÎÔÑÁÍÓÚÅØÆŒ€£§°–—‘’‚“”„…«»¡¿•©®™±·×¼½¾²³µ\xa0"  # noqa: RUF001 - just these
)
_MISPLACED = re.compile(r"\w[£§°¡¿©®±¼½¾²³]\w")  # what Polish in Windows-1250 looks like
_MAX_WESTERN_SHARE = 0.2
_CANDIDATES = [
    "cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257",
    "iso8859_2", "iso8859_15", "shift_jis", "euc_jp", "iso2022_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip
_NEWLINES = re.compile(r"\r\n?")


def decode(content: bytes, *, declared: str | None = None) -> str:
    r"""Return the text of ``content`` with ``\n`` as the only newline.

    In order: a byte-order mark, what the file declares, UTF-8, and what charset-normalizer makes of
    the first 64 KiB, accepted only if the whole file then decodes.

    Args:
        content: The file.
        declared: An encoding the file itself names, such as that of an HTML ``meta`` element.

    Raises:
        ParseError: ``binary`` if this is no text; ``malformed`` if it is text in no one encoding.
    """
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _newlines(_decode_marked(content, encoding))
    _refuse_binary(content)
    for stated in (declared, "utf-8"):
        text = _try(content, stated) if stated else None
        if text is not None:
            return _newlines(text)
    text = _western(content)
    if text is None:
        guess = from_bytes(
            content[:_SAMPLE_BYTES], cp_isolation=_CANDIDATES, enable_fallback=False
        ).best()
        text = _try(content, guess.encoding) if guess else None
    if text is None:
        raise ParseError(
            "content: the bytes are text in no one encoding (not UTF-8, and no other fits the whole"
            " file); save the file as UTF-8",
            code=ParseErrorCode.MALFORMED,
        )
    return _newlines(text)


def _decode_marked(content: bytes, encoding: str) -> str:
    """Decode what carries a byte-order mark: the mark is a promise, so there is no second guess."""
    text = _try(content, encoding)
    if text is None:
        raise ParseError(
            f"content: the byte-order mark says {encoding.upper().removesuffix('-SIG')} but the"
            " bytes are not; save the file as UTF-8",
            code=ParseErrorCode.MALFORMED,
        )
    return text


def _refuse_binary(content: bytes) -> None:
    """Refuse what holds more control characters than any text does."""
    controls = len(content) - len(content.translate(None, _CONTROLS))
    if controls > len(content) * _MAX_CONTROL_SHARE:
        raise ParseError(
            f"content: {controls} of {len(content)} bytes are control characters, so this is not"
            " text (or UTF-16 without a byte-order mark); give the file its true suffix, or save it"
            " as UTF-8",
            code=ParseErrorCode.BINARY,
        )


def _western(content: bytes) -> str | None:
    """Return the text if it reads as Western European, the case a statistical guess gets wrong.

    A price list in Windows-1252 has too few accents for statistics: measured, ``£5`` became ``Ł5``.
    """
    text = _try(content, "cp1252")
    if text is None:
        return None
    foreign = _ASCII.sub("", text)
    few = len(foreign) <= len(text) * _MAX_WESTERN_SHARE
    return text if few and _WESTERN.issuperset(foreign) and not _MISPLACED.search(text) else None


def _try(content: bytes, encoding: str) -> str | None:
    try:
        return content.decode(encoding)
    except (UnicodeError, LookupError):  # an unknown declared name is no better than a wrong one
        return None


def _newlines(text: str) -> str:
    return _NEWLINES.sub("\n", text) if "\r" in text else text
