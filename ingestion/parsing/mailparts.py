"""The parts of a mail: which are its body, which are attached, what their bytes and names are.

The structure is read by the standard library's older policy, whose headers are plain strings and
cannot fail; the few headers that people read are decoded one by one. What never lives here: what
parts say.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.errors import MessageError
from email.message import Message
from email.parser import BytesParser

from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.media import MAIL

_BODIES = ("text/plain", "text/html")
_MAX_FIELD = 20_000
_MAX_DECODED = 4_000  # the reader of structured headers takes the square of their length
# A header about a part, with the lines it goes on in. The standard library takes the square of the
# length of those as well, and a kilobyte is more than any honest one has.
_ABOUT_PART = re.compile(
    rb"(?:^|\r)content-[a-z-]{1,40}[ \t]*:(?:[^\r\n]|\r?\n[ \t]|\r[ \t])*",
    re.IGNORECASE | re.MULTILINE,
)
_MAX_ABOUT_PART = 4_096
_MAX_NAME = 300


@dataclass(frozen=True, slots=True)
class Part:
    """One part that holds something.

    Attributes:
        message: The part; for an attached mail, that mail.
        kind: Its media type.
        name: Its file name; empty if it has none.
        is_body: Whether it is read as part of the mail's own words.
    """

    message: Message
    kind: str
    name: str
    is_body: bool


def read_mail(content: bytes) -> Message:
    """Return the structure of a mail.

    Raises:
        ParseError: ``malformed`` if its parts nest too deeply to be read, or a header that tells
            one part from another is too long to be one.
    """
    longest = max(map(len, _ABOUT_PART.findall(content)), default=0)
    if longest > _MAX_ABOUT_PART:
        raise ParseError(
            f"content: a Content header of {longest} bytes exceeds the limit of {_MAX_ABOUT_PART};"
            " leave the mail out",
            code=ParseErrorCode.MALFORMED,
        )
    try:
        return BytesParser(policy=policy.compat32).parsebytes(content)
    except RecursionError:
        raise ParseError(
            "content: the parts of the mail nest too deeply; leave it out",
            code=ParseErrorCode.MALFORMED,
        ) from None


def parts(mail: Message, limits: ParseLimits) -> Iterator[Part]:
    """Yield what a mail holds, in order; of alternatives, the plain one is the body.

    An attached mail is one part: what it holds is its own.

    Raises:
        ParseError: ``too_large``: there are too many, or they nest too deeply.
    """
    pending: list[tuple[Message, int, bool]] = [(mail, 0, True)]
    seen = 0
    while pending:
        message, depth, wanted = pending.pop()
        seen += 1
        if depth > limits.max_nesting or seen > limits.max_parts:
            raise ParseError(
                f"content: more than {limits.max_parts} parts, or parts nested deeper than"
                f" {limits.max_nesting}; leave the mail out",
                code=ParseErrorCode.TOO_LARGE,
            )
        kind = message.get_content_type()
        inner = _inner(message)
        if kind == MAIL and inner:
            yield Part(inner[0], kind, _name(message), is_body=False)
        elif kind == "multipart/alternative":
            chosen = _chosen(inner)
            pending.extend((one, depth + 1, wanted and one is chosen) for one in reversed(inner))
        elif inner:
            pending.extend((one, depth + 1, wanted) for one in reversed(inner))
        else:
            name = _name(message)
            speaks = kind in _BODIES and not name and not _is_attached(message)
            if wanted or not speaks:
                yield Part(message, kind, name, is_body=speaks)


def payload(part: Part) -> bytes:
    """Return a part's bytes, decoded; a text as UTF-8 if it says truly how it is written."""
    try:
        content = part.message.get_payload(decode=True)
    except (ValueError, LookupError, MessageError):
        return b""
    if not isinstance(content, bytes):
        return b""
    charset = part.message.get_content_charset()
    if charset and part.kind in _BODIES:
        try:
            return content.decode(charset).encode()
        except (LookupError, UnicodeError):
            return content  # it does not; the text parser finds out how
    return content


def field(mail: Message, name: str) -> str:
    """Return a header as people read it, blanks folded; as it stands if it is written wrongly."""
    raw = next((str(text) for key, text in mail.raw_items() if key.lower() == name.lower()), "")
    return _decoded(name, raw)


def _decoded(name: str, raw: str) -> str:
    raw = _characters(raw[:_MAX_FIELD])
    if len(raw) > _MAX_DECODED:
        return " ".join(raw.split())
    try:
        # The reader of structured headers raises whatever it stumbles over.
        decoded = str(policy.default.header_fetch_parse(name, raw))
    except Exception:  # noqa: BLE001 - see above; a header that stays encoded is no loss
        decoded = raw
    return " ".join(_characters(decoded).split())


def _characters(raw: str) -> str:
    """Return a header whose bytes are no ASCII as UTF-8 or, failing that, Windows-1252."""
    stored = raw.encode("utf-8", "surrogateescape")
    try:
        return stored.decode()
    except UnicodeDecodeError:
        return stored.decode("cp1252", "replace")


def _inner(message: Message) -> list[Message]:
    held = message.get_payload()
    return [one for one in held if isinstance(one, Message)] if isinstance(held, list) else []


def _chosen(versions: list[Message]) -> Message | None:
    """Return the version to read: plain text that says something, else the last, the richest."""
    for version in versions:
        if version.get_content_type() == "text/plain" and not version.is_multipart():
            words = version.get_payload(decode=True)
            if isinstance(words, bytes) and words.strip():
                return version
    return versions[-1] if versions else None


def _is_attached(message: Message) -> bool:
    return (message.get_content_disposition() or "") == "attachment"


def _name(message: Message) -> str:
    try:
        stated = message.get_filename() or ""
    except (ValueError, LookupError, UnicodeError):
        return ""
    return _decoded("Subject", stated)[:_MAX_NAME]
