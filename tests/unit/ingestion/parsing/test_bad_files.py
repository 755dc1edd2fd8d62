"""Files made or broken to do harm end in one refusal that says what to do, whatever the format."""

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import docx
import pytest

from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.guarded import GuardedParser
from ingestion.parsing.registry import ParseLimits, parse
from tests.support.files import deck, mail, part, repacked, saved, workbook

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
MAIN = {
    "a.docx": "word/document.xml",
    "a.pptx": "ppt/slides/slide1.xml",
    "a.xlsx": "xl/worksheets/sheet1.xml",
}


def office(name: str) -> bytes:
    if name.endswith("docx"):
        document = docx.Document()
        document.add_paragraph("words")
        return saved(document)
    return saved(deck(("words", "more")) if name.endswith("pptx") else workbook(("S", [["words"]])))


def pdf(*objects: bytes) -> bytes:
    """Return a PDF of these objects, the first of which is the catalogue."""
    out = bytearray(b"%PDF-1.7\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer\n<</Size %d/Root 1 0 R>>\n" % (len(objects) + 1)
    return bytes(out + b"startxref\n%d\n%%%%EOF" % start)


def stream(content: bytes, head: bytes = b"") -> bytes:
    packed = zlib.compress(content, 9)
    head = b"<<%s/Filter/FlateDecode/Length %d>>" % (head, len(packed))
    return head + b"\nstream\n" + packed + b"\nendstream"


CATALOGUE = b"<</Type/Catalog/Pages 2 0 R>>"
FONT = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"


def refusal(content: bytes, name: str, limits: ParseLimits | None = None) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse(content, name=name, limits=limits or ParseLimits())
    return caught.value


@pytest.mark.parametrize("name", MAIN)
@pytest.mark.parametrize("other", [*MAIN, "a.pdf", "a.csv", "a.txt", "a.html", "a.eml", "a.md"])
def test_a_file_under_another_formats_name_is_refused_with_its_true_one(
    name: str, other: str
) -> None:
    if name == other:
        assert "words" in parse(office(name), name=other).text
        return
    error = refusal(office(name), other)
    assert error.code == ParseErrorCode.BINARY
    kind = parse(office(name), name="unnamed").media_type
    assert f"it is {kind}; give the file its true suffix" in error.message


@pytest.mark.parametrize("name", MAIN)
@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.99])
def test_a_truncated_package_is_refused(name: str, share: float) -> None:
    content = office(name)
    error = refusal(content[: int(len(content) * share)], name)
    assert error.code in {ParseErrorCode.MALFORMED, ParseErrorCode.BINARY}


@pytest.mark.parametrize("name", MAIN)
@pytest.mark.parametrize("version", [64, 99, 255])
def test_a_package_of_an_unknown_format_version_is_refused(name: str, version: int) -> None:
    content = bytearray(office(name))
    entry = content.index(b"PK\x01\x02")
    content[entry + 6] = version
    error = refusal(bytes(content), name)
    assert error.code is ParseErrorCode.MALFORMED
    # What zipfile raises of it, and so the reason why more than BadZipFile is caught.
    assert isinstance(error.__cause__, NotImplementedError)
    assert "save it again" in error.message


@pytest.mark.parametrize("name", MAIN)
def test_a_package_packed_in_an_unknown_way_is_refused(name: str) -> None:
    content = bytearray(office(name))
    struct.pack_into("<H", content, content.index(b"PK\x01\x02") + 10, 77)
    assert refusal(bytes(content), name).code == ParseErrorCode.MALFORMED


@pytest.mark.parametrize("name", MAIN)
def test_a_package_with_a_password_is_refused(name: str) -> None:
    content = bytearray(office(name))
    content[content.index(b"PK\x01\x02") + 8] |= 1
    assert refusal(bytes(content), name).code == ParseErrorCode.ENCRYPTED


@pytest.mark.parametrize("name", MAIN)
@pytest.mark.parametrize(
    "limits",
    [
        ParseLimits(ratio_floor_bytes=100_000),
        ParseLimits(max_unpacked_bytes=2_000_000, max_unpacked_ratio=10_000),
    ],
)
def test_a_package_that_unpacks_to_too_much_is_refused(name: str, limits: ParseLimits) -> None:
    bomb = repacked(office(name), **{"media/zeros.bin": bytes(20_000_000)})
    error = refusal(bomb, name, limits)
    assert error.code == ParseErrorCode.TOO_LARGE
    assert "split the document" in error.message


@pytest.mark.parametrize("name", MAIN)
def test_a_package_of_too_many_parts_is_refused(name: str) -> None:
    content = repacked(office(name), **{f"media/{number}": b"x" for number in range(100)})
    assert refusal(content, name, ParseLimits(max_parts=100)).code == ParseErrorCode.TOO_LARGE
    assert "words" in parse(content, name=name, limits=ParseLimits(max_parts=200)).text


@pytest.mark.parametrize("name", MAIN)
def test_an_archive_within_a_package_is_not_unpacked(name: str) -> None:
    inner = BytesIO()
    with ZipFile(inner, "w", ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(50_000_000))
    content = repacked(office(name), **{"embeddings/inner.zip": inner.getvalue()})
    assert "words" in parse(content, name=name).text


def test_an_office_file_within_another_does_not_change_what_that_is() -> None:
    packed = BytesIO(office("a.pptx"))
    with ZipFile(packed, "a", ZIP_STORED) as package:
        package.writestr("ppt/embeddings/sheet.xlsx", office("a.xlsx"))
        package.writestr("ppt/embeddings/letter.docx", office("a.docx"))
    assert parse(packed.getvalue(), name="a.pptx").text == "words\n\nmore"


LAUGHS = '<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {name} "{f"&{before};" * 10}">'
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize("name", MAIN)
@pytest.mark.parametrize(
    ("declaration", "encoding"),
    [
        (f"<!DOCTYPE x [{LAUGHS}]>", "utf-8"),
        ('<!DOCTYPE x [<!ENTITY i SYSTEM "file:///etc/passwd">]>', "utf-8"),
        ('<!DOCTYPE x SYSTEM "http://example.invalid/x.dtd">', "utf-8"),
        (f"<!--{'-- '.strip('-') * 9_000}--><!DOCTYPE x [{LAUGHS}]>", "utf-8"),
        (f"<!DOCTYPE x [{LAUGHS}]>", "utf-16"),
    ],
)
def test_a_package_that_declares_entities_is_refused(
    name: str, declaration: str, encoding: str
) -> None:
    body = part(office(name), MAIN[name]).decode()
    rest = body.partition("?>")[2] if body.startswith("<?xml") else body
    hostile = f"{declaration}{rest.replace('words', '&i;')}".encode(encoding)
    error = refusal(repacked(office(name), **{MAIN[name]: hostile}), name)
    assert error.code == ParseErrorCode.MALFORMED
    assert "document type declaration" in error.message


@pytest.mark.parametrize("name", [*MAIN, "unnamed"])
def test_a_document_with_a_password_is_refused_as_such(name: str) -> None:
    error = refusal(OLE + "EncryptedPackage".encode("utf-16-le"), name)
    assert error.code == ParseErrorCode.ENCRYPTED
    assert "remove its password" in error.message


@pytest.mark.parametrize(
    ("stream_name", "name", "remedy"),
    [
        ("WordDocument", "a.doc", "application/msword is not supported; save it as .docx"),
        ("Workbook", "a.xls", "application/vnd.ms-excel is not supported; save it as .xlsx"),
        ("Book", "a.xls", "application/vnd.ms-excel is not supported; save it as .xlsx"),
        (
            "PowerPoint Document",
            "a.ppt",
            "application/vnd.ms-powerpoint is not supported; save it as .pptx",
        ),
        (
            "__properties_version1.0",
            "a.msg",
            "application/vnd.ms-outlook is not supported; save it as .eml",
        ),
        ("Other", "a.ole", "application/x-ole-storage is not supported; export it"),
    ],
)
def test_the_old_binary_formats_are_refused_by_name_with_the_remedy(
    stream_name: str, name: str, remedy: str
) -> None:
    content = OLE + stream_name.encode("utf-16-le")
    error = refusal(content, name)
    assert error.code == ParseErrorCode.UNSUPPORTED
    assert remedy in error.message
    renamed = refusal(content, "a.docx")
    assert renamed.code == ParseErrorCode.BINARY
    assert remedy in renamed.message


@pytest.mark.parametrize(
    ("member", "said"),
    [
        ("META-INF/manifest.xml", "save it as .docx, .xlsx or .pptx"),
        ("META-INF/container.xml", "epub"),
        ("xl/workbook.bin", "save it as .xlsx"),
        ("report.docx", "application/zip is not supported; unpack it"),
    ],
)
def test_other_archives_are_refused_with_the_remedy(member: str, said: str) -> None:
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr(member, b"x")
    error = refusal(packed.getvalue(), "a.bin")
    assert error.code == ParseErrorCode.UNSUPPORTED
    assert said in error.message


@pytest.mark.parametrize(
    ("magic", "said"),
    [
        (b"\x1f\x8b\x08", "application/gzip is not supported; unpack it"),
        (b"BZh9", "unpack it"),
        (b"7z\xbc\xaf\x27\x1c", "unpack it"),
        (b"{\\rtf1", "save it as .docx"),
        (b"\xff\xd8\xff\xe0", "OCR"),
        (b"SQLite format 3\0", "query"),
    ],
)
def test_compressed_and_foreign_files_are_refused_with_the_remedy(magic: bytes, said: str) -> None:
    error = refusal(magic + b"....", "a.bin")
    assert error.code == ParseErrorCode.UNSUPPORTED
    assert said in error.message


@pytest.mark.parametrize("name", [*MAIN, "a.pdf", "a.csv", "a.txt", "a.html", "a.eml", "a.md"])
def test_a_document_of_a_hundred_megabytes_is_refused_unread(name: str) -> None:
    error = refusal(b"x" * 100_000_000, name)
    assert error.code == ParseErrorCode.TOO_LARGE
    assert error.message == (
        "content: 100000000 bytes exceed the limit of 50000000; split the file"
    )


@pytest.mark.parametrize("second", ["utf-16-le", "cp1252"])
@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.md", "a.html"])
def test_a_text_that_changes_its_encoding_midway_is_refused_and_not_patched(
    name: str, second: str
) -> None:
    error = refusal("Grüße\n".encode() * 50 + "Größe\n".encode(second), name)
    assert error.code == ParseErrorCode.MALFORMED
    assert "save the file as UTF-8" in error.message


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedParser]:
    with GuardedParser(timeout_seconds=3, workers=1, memory_bytes=600_000_000) as parser:
        yield parser


def laughing_pdf() -> bytes:
    """Return a page that draws ten drawings, each of which draws ten, twelve levels deep."""
    page = (
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 5 0 R/Resources<</XObject"
        b"<</X 6 0 R>>>>>>"
    )
    draws = stream(b"/X Do " * 10)
    forms = [
        stream(
            b"/X Do " * 10,
            b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]/Resources<</XObject<</X %d 0 R>>>>"
            % (number + 1),
        )
        for number in range(6, 18)
    ]
    words = stream(b"BT (x) Tj ET", b"/Type/XObject/Subtype/Form/BBox[0 0 9 9]")
    return pdf(CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, FONT, draws, *forms, words)


def unpacking_pdf() -> bytes:
    """Return a page whose few hundred kilobytes unpack to many megabytes."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 4 0 R>>"
    packer = zlib.compressobj(9)
    block = b"BT (x) Tj ET\n" * 80_000
    packed = b"".join(packer.compress(block) for _ in range(200)) + packer.flush()
    head = b"<</Filter/FlateDecode/Length %d>>" % len(packed)
    body = head + b"\nstream\n" + packed + b"\nendstream"
    return pdf(CATALOGUE, b"<</Type/Pages/Kids[3 0 R]/Count 1>>", page, body)


def lying_pdf() -> bytes:
    """Return a page tree that counts a billion pages and has itself for a child."""
    return pdf(CATALOGUE, b"<</Type/Pages/Kids[2 0 R 2 0 R]/Count 1000000000>>")


@pytest.mark.slow
@pytest.mark.parametrize("bomb", [laughing_pdf, unpacking_pdf, lying_pdf])
def test_a_pdf_bomb_costs_itself_and_nothing_else(
    guarded: GuardedParser, bomb: Callable[[], bytes]
) -> None:
    with pytest.raises(ParseError) as caught:
        guarded.parse(bomb(), name="a.pdf")
    assert caught.value.code in {
        *(ParseErrorCode.TIMEOUT, ParseErrorCode.MALFORMED, ParseErrorCode.TOO_LARGE),
        *(ParseErrorCode.EMPTY, ParseErrorCode.TOO_MANY_PAGES),
    }
    assert guarded.parse(b"words", name="a.txt").text == "words"


def test_bombs_within_a_mail_cost_it_that_part_alone() -> None:
    message = mail("words")
    bomb = repacked(office("a.xlsx"), **{"media/zeros.bin": bytes(20_000_000)})
    message.add_attachment(bomb, "application", "octet-stream", filename="a.xlsx")
    parsed = parse(message.as_bytes(), name="a.eml")
    assert parsed.text.endswith("Attachment: a.xlsx")
    assert [finding.message for finding in parsed.findings] == [
        "a part of the mail was not read (too_large); ingest it on its own if it matters"
    ]
