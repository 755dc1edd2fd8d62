"""CSV and TSV come out as rows that name their columns; what is no table stays as it is."""

import pytest

from ingestion.errors import ParseError, ParseErrorCode
from ingestion.parsing.registry import ParseLimits, parse


def text(content: str | bytes, name: str = "a.csv", **limits: int) -> str:
    raw = content.encode() if isinstance(content, str) else content
    return parse(raw, name=name, limits=ParseLimits(**limits)).text


@pytest.mark.parametrize("delimiter", [",", ";", "|", "\t"])
def test_every_cell_is_named_by_its_column(delimiter: str) -> None:
    source = "Region,Units\nNorth,12\nSouth,13\n".replace(",", delimiter)
    assert text(source) == "Region | Units\nRegion: North | Units: 12\nRegion: South | Units: 13"


def test_tabs_alone_part_the_cells_of_a_tsv() -> None:
    assert text("a, b\tc\n1, 2\t3\n", "a.tsv") == "a, b | c\na, b: 1, 2 | c: 3"


def test_the_delimiter_that_the_file_states_is_taken() -> None:
    assert text("sep=;\nName;Price\nA,b;1,5\n") == "Name | Price\nName: A,b | Price: 1,5"


def test_a_decimal_comma_does_not_part_cells() -> None:
    assert text("1,5;2,5\n3,5;4,5\n") == "1,5 | 2,5\n3,5 | 4,5"


def test_quoted_cells_may_hold_delimiters_quotes_and_line_breaks() -> None:
    assert text('Name,Note\n"A, B","said ""x""\nand y"\n') == (
        'Name | Note\nName: A, B | Note: said "x" and y'
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1,2\n3,4\n", "1 | 2\n3 | 4"),
        ("x,x\na,b\n", "x | x\na | b"),
        (
            "Region,2023,2024\nNorth,1,2\n",
            "Region | 2023 | 2024\nRegion: North | 2023: 1 | 2024: 2",
        ),
        (",2023,2024\nNorth,1,2\n", "2023 | 2024\nNorth | 2023: 1 | 2024: 2"),
        ("2023,2024\n2025,2026\n", "2023 | 2024\n2025 | 2026"),
        ("2024-01-02,b\n2024-01-03,c\n", "2024-01-02 | b\n2024-01-03 | c"),
    ],
)
def test_a_first_row_is_a_header_only_if_it_reads_like_one(source: str, expected: str) -> None:
    assert text(source) == expected


def test_ragged_and_blank_rows_keep_every_cell() -> None:
    source = "a,b\n\n1,2,3\n,,\n4\n5,6\n7,8\n,9\n"
    expected = "a | b\na: 1 | b: 2 | 3\na: 4\na: 5 | b: 6\na: 7 | b: 8\nb: 9"
    assert text(source) == expected


def test_a_long_label_is_cut_where_it_is_repeated_and_nowhere_else() -> None:
    label = "w" * 60
    assert text(f"{label},b\n1,2\n").endswith(f"{label}: 1 | b: 2")
    assert text(f"{label}x,b\n1,2\n3,4\n") == f"{label}x | b\n1 | 2\n3 | 4"


def test_what_nothing_cuts_into_columns_is_plain_text() -> None:
    source = "Some words here.\n\nAnd, now and then, more of them.\n"
    assert text(source) == source


def test_a_file_in_another_encoding_is_read() -> None:
    assert text("Name;Straße\nJörg;Weg 1\n".encode("cp1252")) == (
        "Name | Straße\nName: Jörg | Straße: Weg 1"
    )
    assert "Straße: Weg 1" in text("Name;Straße\nJörg;Weg 1\n".encode("utf-16"))


@pytest.mark.parametrize(
    ("source", "limits", "said"),
    [
        ("a,b\n1," + "x" * 50 + "\n", {"max_cell_chars": 40}, "row 2: a cell exceeds"),
        ("a,b\n1,2,3,4\n5,6\n", {"max_columns": 3}, "row 2: 4 cells"),
        ("a,b\n" + "1,2\n" * 50, {"max_chars": 100}, "more than 100 characters"),
        ('a,b\n1,"' + "x\n" * 70_000, {}, "row 2: a cell exceeds .* open quotation mark"),
    ],
)
def test_what_is_beyond_a_limit_is_refused_by_its_row(
    source: str, limits: dict[str, int], said: str
) -> None:
    with pytest.raises(ParseError, match=said) as caught:
        text(source, **limits)
    assert caught.value.code == ParseErrorCode.TOO_LARGE
