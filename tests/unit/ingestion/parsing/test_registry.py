"""Which parser reads what, and that every bad file ends in one clear refusal."""

import zipfile
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.registry import ParseLimits, parse


def refusal(
    content: bytes,
    name: str = "a.txt",
    *,
    limits: ParseLimits | None = None,
    media: str | None = None,
) -> ParseError:
    with pytest.raises(ParseError) as caught:
        parse(content, name=name, media_type=media, limits=limits or ParseLimits())
    return caught.value


def zipped(**files: bytes) -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in files.items():
            package.writestr(name.replace("__", "/"), content)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.txt", "text/plain"),
        ("a.py", "text/plain"),
        ("a.LOG", "text/plain"),
        ("README", "text/plain"),
        ("a.unheard-of", "text/plain"),
        ("a.md", "text/markdown"),
        ("a.rst", "text/x-rst"),
        ("a.csv", "text/csv"),
        ("a.json", "application/json"),
        ("dir.pdf/a.html", "text/html"),
    ],
)
def test_the_suffix_decides_what_text_is(name: str, media_type: str) -> None:
    assert parse(b"some words", name=name).media_type == media_type


def test_what_the_source_says_goes_before_the_suffix() -> None:
    document = parse(b"# Head", name="a.txt", media_type="text/markdown; charset=utf-8")
    assert document.title == "Head"


def test_an_unspecific_statement_leaves_the_suffix_to_decide() -> None:
    octets = "application/octet-stream"
    assert parse(b"# Head", name="a.md", media_type=octets).media_type == "text/markdown"


@pytest.mark.parametrize("start", [b"<!DOCTYPE html>", b" \n<html>", b"\xef\xbb\xbf<HTML>"])
def test_a_page_without_a_suffix_is_known_by_its_first_bytes(start: bytes) -> None:
    assert parse(start + b"<p>words", name="index").text == "words"


def test_html_in_a_markdown_file_stays_markdown() -> None:
    assert parse(b"<html>x</html>", name="a.md").media_type == "text/markdown"


@pytest.mark.parametrize("content", [b"", b" \n\t\r\n"])
@pytest.mark.parametrize("name", ["a.txt", "a.pdf", "a.docx", "a.html"])
def test_an_empty_file_is_refused_as_empty(content: bytes, name: str) -> None:
    assert refusal(content, name).code == ParseErrorCode.EMPTY


def test_a_page_that_shows_nothing_is_refused_as_empty() -> None:
    assert refusal(b"<html><script>run()</script>", "a.html").code == ParseErrorCode.EMPTY


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"%PDF-1.7\n...", "notes.txt"),
        (b"\x89PNG\r\n\x1a\n...", "notes.md"),
        (b"PK\x03\x04....", "report.docx"),
        (b"PK\x03\x04....", "page.html"),
        (b"\x7fELF....", "tool.py"),
        (b"<html><p>words", "report.pdf"),
        (bytes(range(256)), "notes.txt"),
        (b"\x00\x01\x02" * 50 + b"words" * 10, "notes"),
        ("words".encode("utf-16-le"), "notes.txt"),
    ],
)
def test_binary_content_under_a_text_name_is_refused_as_binary(content: bytes, name: str) -> None:
    error = refusal(content, name)
    expected = ParseErrorCode.MALFORMED if name == "report.pdf" else ParseErrorCode.BINARY
    assert error.code == expected


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\x89PNG\r\n\x1a\n", "a.png"),
        (b"\x1f\x8b\x08", "a.gz"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "a.doc"),
        (zipped(x=b"y"), "a.zip"),
    ],
)
def test_a_format_without_a_parser_is_refused_by_its_name(content: bytes, name: str) -> None:
    error = refusal(content, name)
    assert error.code == ParseErrorCode.UNSUPPORTED
    assert "is not supported" in str(error)


def test_an_unsupported_statement_is_refused_whatever_the_content() -> None:
    assert refusal(b"words", media="image/png").code == ParseErrorCode.UNSUPPORTED


def test_a_file_over_the_size_limit_is_refused_before_anything_reads_it() -> None:
    error = refusal(b"%PDF-" + b"x" * 20, "a.pdf", limits=ParseLimits(max_bytes=10))
    assert error.code == ParseErrorCode.TOO_LARGE
    assert "limit of 10" in str(error)


@pytest.mark.parametrize("name", ["a.txt", "a.md", "a.html"])
def test_text_over_the_character_limit_is_refused(name: str) -> None:
    error = refusal(b"words and words", name, limits=ParseLimits(max_chars=10))
    assert error.code == ParseErrorCode.TOO_LARGE


def test_a_null_character_becomes_a_mark_of_the_same_length() -> None:
    assert parse(b"a" * 99 + b"\0b", name="a.log").text == "a" * 99 + "\ufffdb"


@given(st.binary(max_size=300), st.sampled_from(["a", "a.txt", "a.md", "a.html", "a.rst"]))
def test_any_bytes_give_storable_text_or_a_parse_error(content: bytes, name: str) -> None:
    try:
        document = parse(content, name=name)
    except ParseError:
        return
    assert document.text.strip()
    assert "\0" not in document.text
    document.text.encode()


@given(st.binary(max_size=200))
def test_any_bytes_after_the_right_start_are_refused_and_not_crashed_on(tail: bytes) -> None:
    for start, name in ((b"%PDF-1.7\n", "a.pdf"), (b"PK\x03\x04word/document.xml", "a.docx")):
        assert refusal(start + tail, name).code in {ParseErrorCode.MALFORMED, ParseErrorCode.EMPTY}


def test_a_refusal_does_not_quote_the_document() -> None:
    secret = b"the-password-is-swordfish"
    for name in ("a.pdf", "a.docx", "a.html"):
        content = b"PK\x03\x04word/document.xml" + secret if name == "a.docx" else b"%PDF-" + secret
        assert "swordfish" not in str(refusal(content, name))
