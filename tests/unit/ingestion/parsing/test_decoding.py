"""Bytes become the characters that were meant, or are refused with the reason."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.decoding import decode

SAMPLES = {
    "cp1252": "The price is £5 – “cheap”, isn’t it? Und die Straße führt über die Brücke.",
    "iso8859_1": "Le café était déjà fermé à l'arrivée des élèves.",
    "cp1250": "Příliš žluťoučký kůň úpěl ďábelské ódy, smlouva nabývá účinnosti podpisem.",
    "cp1251": "Привет мир, это короткий текст на русском языке",
    "cp1253": "Καλημέρα κόσμε, αυτό είναι ένα κείμενο",
    "shift_jis": "これは日本語の文章です。短いテキスト。",
    "gb18030": "这是一个中文的句子，用来测试编码。",
}


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=200))
def test_utf_8_comes_back_as_it_was(text: str) -> None:
    assert decode(text.encode()) == text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_byte_order_mark_is_obeyed_and_left_out(encoding: str) -> None:
    assert decode("grün ☕".encode(encoding)) == "grün ☕"


@pytest.mark.parametrize("mark", [b"\xff\xfe", b"\xfe\xff"])
def test_a_byte_order_mark_that_lies_is_refused(mark: bytes) -> None:
    with pytest.raises(ParseError, match="byte-order mark says UTF-16") as caught:
        decode(mark + b"odd")
    assert caught.value.code == ParseErrorCode.MALFORMED


@pytest.mark.parametrize("encoding", SAMPLES)
@pytest.mark.parametrize("times", [1, 20])
def test_a_legacy_encoding_is_recognised_from_a_sentence(encoding: str, times: int) -> None:
    text = SAMPLES[encoding] * times
    assert decode(text.encode(encoding)) == text


def test_a_price_in_pounds_stays_in_pounds() -> None:
    assert decode("Total: £5".encode("cp1252")) == "Total: £5"


def test_the_declared_encoding_goes_before_a_guess() -> None:
    assert decode("Ł5".encode("cp1250"), declared="windows-1250") == "Ł5"


def test_an_unknown_declared_encoding_is_passed_over() -> None:
    assert decode("grün".encode(), declared="no-such-encoding") == "grün"


def test_text_in_two_encodings_is_refused_with_the_remedy() -> None:
    mixed = "Привет, это русский текст. ".encode("cp1251") * 40 + "漢字".encode() * 30 + b"\x98\x81"
    with pytest.raises(ParseError, match="save the file as UTF-8") as caught:
        decode(mixed)
    assert caught.value.code == ParseErrorCode.MALFORMED


def test_every_newline_becomes_one_character() -> None:
    assert decode(b"a\r\nb\rc\n\r\nd") == "a\nb\nc\n\nd"
