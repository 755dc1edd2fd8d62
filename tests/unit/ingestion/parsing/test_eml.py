"""EML yields a mail's head, the body as it was meant to be read, and what is attached."""

from email.message import EmailMessage

import pytest

from ingestion.documents import ParsedDocument
from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.registry import ParseLimits, parse
from tests.support.files import ORDER, mail, saved, workbook
from verifier.findings import Severity
from verifier.sanitise import Markup

HEAD = "Subject: Subject line\nFrom: Ann <ann@example.com>\nTo: bob@example.com"


def read(message: EmailMessage | bytes, **limits: int) -> ParsedDocument:
    content = message if isinstance(message, bytes) else message.as_bytes()
    return parse(content, name="a.eml", limits=ParseLimits(**limits))


def rules(document: ParsedDocument) -> list[str]:
    return [finding.rule for finding in document.findings]


def test_the_head_and_the_body_are_read() -> None:
    parsed = read(mail("Hello\n\nthere", date="Mon, 01 Jan 2024 10:00:00 +0000"))
    assert (
        parsed.text.rstrip() == f"{HEAD}\nDate: Mon, 01 Jan 2024 10:00:00 +0000\n\nHello\n\nthere"
    )
    assert parsed.title == "Subject line"
    (heading,) = parsed.headings
    assert (heading.level, parsed.text[heading.start : heading.end]) == (1, "Subject line")
    assert parsed.media_type == "message/rfc822"


def test_of_two_versions_the_plain_one_is_read() -> None:
    message = mail("plain words")
    message.add_alternative("<p>words in HTML", subtype="html")
    assert read(message).text.rstrip() == f"{HEAD}\n\nplain words"


def test_an_empty_plain_version_gives_way_to_the_other() -> None:
    message = mail(" \n")
    message.add_alternative("<p>words in HTML", subtype="html")
    assert read(message).text == f"{HEAD}\n\nwords in HTML"


def test_an_html_body_is_read_as_pages_are() -> None:
    message = mail(None)
    message.set_content(f"<h1>Head</h1><p>seen<p style='display:none'>{ORDER}", subtype="html")
    parsed = read(message)
    assert parsed.text == f"{HEAD}\n\nHead\n\nseen"
    assert [(h.level, parsed.text[h.start : h.end]) for h in parsed.headings] == [
        (1, "Subject line"),
        (2, "Head"),
    ]
    (finding,) = parsed.findings
    assert finding.severity is Severity.HIGH
    assert finding.start == finding.original_start == len(parsed.text)
    assert parsed.markup is Markup.HTML_TEXT


def test_every_inline_text_is_part_of_the_body() -> None:
    message = mail("first")
    message.make_mixed()
    for words in ("second", "third"):
        more = EmailMessage()
        more.set_content(words)
        message.attach(more)
    assert read(message).text.split() == [*HEAD.split(), "first", "second", "third"]


def test_attachments_stand_under_their_names() -> None:
    message = mail("see attached")
    message.add_attachment(b"City,Units\nOslo,12\n", "text", "csv", filename="söme units.csv")
    book = saved(workbook(("Prices", [["City", "Price"], ["Rome", 3]])))
    message.add_attachment(book, "application", "octet-stream", filename="prices.xlsx")
    parsed = read(message)
    words = f"{HEAD}\n\nsee attached\n\n\nAttachment: söme units.csv\n\nCity | Units\nCity: Oslo |"
    assert parsed.text.startswith(words)
    assert parsed.text.endswith(
        "Attachment: prices.xlsx\n\nPrices\n\nCity | Price\nCity: Rome | Price: 3"
    )
    assert [(h.level, parsed.text[h.start : h.end]) for h in parsed.headings] == [
        (1, "Subject line"),
        (2, "söme units.csv"),
        (2, "prices.xlsx"),
        (3, "Prices"),
    ]
    assert parsed.pages == ()


def test_markdown_in_a_part_has_the_whole_mail_read_as_markdown() -> None:
    message = mail("words")
    message.add_attachment("# Head\n<!-- x -->", "markdown", filename="a.md")
    message.add_attachment("<p>page", "html", filename="a.html")
    assert read(message).markup is Markup.MARKDOWN


def test_an_attachment_that_cannot_be_read_is_named_and_reported() -> None:
    message = mail("words")
    message.add_attachment(b"\x89PNG\r\n\x1a\n", "image", "png", filename="photo.png")
    message.add_attachment(b"PK\x03\x04 broken", "application", "zip", filename="deck.pptx")
    parsed = read(message)
    assert parsed.text.endswith("Attachment: photo.png\n\nAttachment: deck.pptx")
    assert rules(parsed) == ["eml.part_unread", "eml.part_unread"]


def nested(depth: int) -> EmailMessage:
    message = mail(f"body at {depth}", subject=f"depth {depth}")
    if depth:
        message.add_attachment(nested(depth - 1))
    return message


def test_attached_mails_are_read_to_a_depth_and_named_beyond_it() -> None:
    parsed = read(nested(2))
    assert [word in parsed.text for word in ("body at 2", "body at 1", "body at 0")] == [True] * 3
    assert [h.level for h in parsed.headings] == [1, 2, 3, 4, 5]
    shallow = read(nested(2), max_attached=1)
    assert "body at 1" in shallow.text
    assert shallow.text.endswith("Attachment: depth 0")
    assert rules(shallow) == ["eml.part_unread"]


@pytest.mark.parametrize(
    "raw",
    [
        b"Subject: =?utf-8?b?R3LDvMOfZQ==?=\nFrom: a@b.c\n\nbody",
        b"Subject: =?iso-8859-1?q?Gr=FC=DFe?=\n\nbody",
        "Subject: Grüße\n\nbody".encode(),
        "Subject: Grüße\n\nbody".encode("cp1252"),
        "Subject:\n Grüße\n\nbody".encode(),
        b"\xef\xbb\xbf\n" + "Subject: Grüße\n\nbody".encode(),
    ],
)
def test_a_subject_is_read_however_it_is_written(raw: bytes) -> None:
    assert read(raw).title == "Grüße"


@pytest.mark.parametrize("charset", ["utf-8", "iso-8859-1", "utf-16", "no-such-charset", "ascii"])
def test_a_body_is_read_in_the_encoding_it_states_or_the_one_it_has(charset: str) -> None:
    known = charset if charset not in {"no-such-charset", "ascii"} else "utf-8"
    head = f"Subject: s\nContent-Type: text/plain; charset={charset}\n"
    if known == "utf-16":
        head += "Content-Transfer-Encoding: binary\n"
    assert read(head.encode() + b"\n" + "Grüße".encode(known)).text == "Subject: s\n\nGrüße"


@pytest.mark.parametrize(
    "head",
    [
        b"From: =?x?q?=\n",
        b"To: <<<>>>,,,;;; @@\n",
        b"Date: yesterday evening\n",
        b"From: " + b"(" * 5_000 + b"\n",
        b"Content-Type: text/plain; charset*=x''%\n",
        b'Content-Type: text/plain; name="=?utf-8?b?x"\n',
        b"Content-Disposition: attachment; filename*0*=utf-7''%41; filename*2=x\n",
        b"Content-Transfer-Encoding: base64\n",
        b"Content-Type: multipart/mixed\n",
        b"Content-Type: message/rfc822\n",
    ],
)
def test_headers_written_wrongly_cost_the_mail_nothing_else(head: bytes) -> None:
    assert "Subject: s" in read(b"Subject: s\n" + head + b"\nbody").text


def test_what_has_no_header_of_a_mail_is_refused() -> None:
    with pytest.raises(ParseError, match="not a mail") as caught:
        read(b"Some words: and more.\n\nAnd more.")
    assert caught.value.code == ParseErrorCode.MALFORMED


def test_parts_beyond_the_limit_are_refused() -> None:
    message = mail("words")
    for number in range(5):
        message.add_attachment(b"x", "text", "plain", filename=f"{number}.txt")
    with pytest.raises(ParseError, match="more than 4 parts") as caught:
        read(message, max_parts=4)
    assert caught.value.code == ParseErrorCode.TOO_LARGE


def test_parts_nested_thousands_deep_are_refused() -> None:
    opened = "".join(
        f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(2_000)
    )
    with pytest.raises(ParseError, match="deep") as caught:
        read(f"Subject: s\n{opened}\nwords".encode())
    assert caught.value.code in {ParseErrorCode.MALFORMED, ParseErrorCode.TOO_LARGE}


@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("folded", [False, True])
def test_a_header_made_to_be_read_for_hours_is_refused_at_once(
    newline: bytes, folded: bool
) -> None:
    fill = (b";" * 60 + newline + b" ") * 20_000 if folded else b";" * 1_200_000
    head = newline.join([b"Subject: s", b'content-type : text/plain; x="' + fill])
    with pytest.raises(ParseError, match="a Content header of") as caught:
        read(head + newline + newline + b"body")
    assert caught.value.code == ParseErrorCode.MALFORMED


def test_a_long_list_of_people_is_kept_as_it_is_written() -> None:
    people = ", ".join(f"person{n}@example.com" for n in range(400))
    assert f"To: {people}\n\nbody" in read(f"Subject: s\nTo: {people}\n\nbody".encode()).text
