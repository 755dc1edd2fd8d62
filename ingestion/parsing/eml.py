"""EML: a mail's head, its body as it was meant to be read, and what is attached to it.

The head states subject, people and date; the plain version of the body goes before the HTML one,
which the HTML parser reads. Attachments stand under a heading with their name; those of a known
type are parsed like any file, to a limited depth. What never lives here: the route a mail took,
signatures and their verification, mailboxes of many mails.
"""

from dataclasses import replace
from email.message import Message
from typing import TYPE_CHECKING

from ingestion.documents import Heading, ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.flow import Flow
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.mailparts import Part, field, parts, payload, read_mail
from ingestion.parsing.media import MAIL
from ingestion.parsing.registry import parse
from ingestion.parsing.unseen import remark
from verifier.sanitise import Markup

if TYPE_CHECKING:
    from verifier.findings import Finding

PARSER_VERSION = "eml/1"
_HEAD = ("Subject", "From", "To", "Cc", "Date")
_ANY = (*_HEAD, "Message-ID", "Received", "Content-Type", "MIME-Version")
_MAX_TITLE = 300
_MAX_LEVEL = 9


def parse_eml(content: bytes, media_type: str, limits: ParseLimits) -> ParsedDocument:
    """Read a mail and what is attached to it.

    Raises:
        ParseError: ``malformed`` if it is no mail or nests too deeply, ``too_large`` if its text or
            the number of its parts is.
    """
    mail = read_mail(content.removeprefix(b"\xef\xbb\xbf").lstrip())
    if not any(name in mail for name in _ANY):
        raise ParseError(
            "content: not a mail (it has none of the headers that mails have); give the file its"
            " true suffix",
            code=ParseErrorCode.MALFORMED,
        )
    return _document(mail, media_type, limits)


def _document(mail: Message, media_type: str, limits: ParseLimits) -> ParsedDocument:
    writer = _Writer(limits)
    writer.write(mail)
    return ParsedDocument(
        text=writer.flow.text(),
        title=field(mail, "Subject")[:_MAX_TITLE] or None,
        media_type=media_type,
        pages=(),
        headings=tuple(writer.flow.headings),
        findings=tuple(writer.findings),
        markup=writer.markup,
        parser=PARSER_VERSION,
    )


class _Writer:
    """One mail."""

    def __init__(self, limits: ParseLimits) -> None:
        self.flow = Flow(max_chars=limits.max_chars)
        self.findings: list[Finding] = []
        self.markup = Markup.PLAIN
        self._limits = limits

    def write(self, mail: Message) -> None:
        """Write head, body and attachments."""
        for name in _HEAD:
            self.flow.break_line()
            self._labelled(name, field(mail, name), level=1 if name == "Subject" else None)
        held = list(parts(mail, self._limits))
        for part in held:
            if part.is_body:
                self._insert(part, level=1)
        for number, part in enumerate(held, start=1):
            if not part.is_body:
                self._attachment(part, number)

    def _labelled(self, label: str, value: str, *, level: int | None) -> None:
        if not value:
            return
        self.flow.write_raw(f"{label}: ")
        mark = self.flow.mark()
        self.flow.write_raw(value)
        if level is not None:
            self.flow.add_heading(level, mark)

    def _attachment(self, part: Part, number: int) -> None:
        subject = field(part.message, "Subject")[:_MAX_TITLE] if part.kind == MAIL else ""
        self.flow.break_line(2)
        self._labelled("Attachment", part.name or subject or f"part {number}", level=2)
        self._insert(part, level=2)

    def _insert(self, part: Part, *, level: int) -> None:
        """Parse a part and append its text, its spans moved to where it now stands."""
        try:
            inner = self._parsed(part)
        except ParseError as error:
            if not (part.is_body and error.code == ParseErrorCode.EMPTY):
                self._unread(error.code)
            return
        self.flow.break_line(2)
        start = self.flow.mark()[1]
        self.flow.write_raw(inner.text)
        if self.markup is not Markup.MARKDOWN:
            self.markup = inner.markup  # of two readings, the one that finds more holds for all
        self.flow.headings.extend(
            Heading(
                min(heading.level + level, _MAX_LEVEL),
                heading.text,
                heading.start + start,
                heading.end + start,
            )
            for heading in inner.headings
        )
        self.findings.extend(found.shifted(start, original=start) for found in inner.findings)

    def _parsed(self, part: Part) -> ParsedDocument:
        """Parse a part by what it is; a body is read whatever the depth, an attachment is not."""
        if part.is_body:
            return parse(payload(part), name="", media_type=part.kind, limits=self._limits)
        if self._limits.max_attached < 1:
            raise ParseError(
                "content: attached deeper than the limit; ingest it on its own",
                code=ParseErrorCode.TOO_LARGE,
            )
        limits = replace(self._limits, max_attached=self._limits.max_attached - 1)
        if part.kind == MAIL:
            return _document(part.message, MAIL, limits)
        return parse(payload(part), name=part.name, media_type=part.kind, limits=limits)

    def _unread(self, code: str) -> None:
        message = f"a part of the mail was not read ({code}); ingest it on its own if it matters"
        self.findings.append(remark(self.flow.place, rule="eml.part_unread", message=message))
