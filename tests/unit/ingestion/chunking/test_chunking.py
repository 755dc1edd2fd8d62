"""Chunks are exact, complete, bounded and never cross a heading, whatever the text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.chunking import CHARS_PER_TOKEN, WINDOW_CHARS, Chunker, ChunkSpan, embedded_text
from ingestion.documents import Heading

MAX_TOKENS = 16
BOUND = MAX_TOKENS + MAX_TOKENS // 16


def words(text: str) -> int:
    """Count words and marks, the way a word-piece tokenizer roughly does."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def dense(text: str) -> str:
    return "".join(text.split())


WORDS = ["word ", "long sentence here. ", "x, ", "(y)", "-", ".", "漢字", "😀", "é", "a"]
BLANKS = ["\u00a0", "\t", "  ", "\n", "\n\n", "\n\n\n"]
texts = st.lists(st.sampled_from([*WORDS, *BLANKS]), max_size=120).map("".join)


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, list[Heading]]:
    """Text made of headings and bodies, either of which may be empty."""
    text, headings = draw(texts), []
    for level, title, body in draw(
        st.lists(
            st.tuples(st.integers(1, 4), st.sampled_from(["One", "Two", "3 x"]), texts), max_size=8
        )
    ):
        text += "\n"
        headings.append(Heading(level, title, len(text), len(text) + len(title)))
        text += f"{title}\n{body}"
    return text, headings


@given(documents())
def test_every_non_blank_character_stands_in_exactly_one_chunk(
    document: tuple[str, list[Heading]],
) -> None:
    text, headings = document
    chunks = Chunker(words, max_tokens=MAX_TOKENS).chunk(text, headings)
    assert "".join(dense(text[chunk.start : chunk.end]) for chunk in chunks) == dense(text)
    ends = [0, *(chunk.end for chunk in chunks)]
    assert all(end <= chunk.start < chunk.end for end, chunk in zip(ends, chunks, strict=False))


@given(documents())
def test_a_chunk_begins_and_ends_with_something_and_fits_the_limit(
    document: tuple[str, list[Heading]],
) -> None:
    text, headings = document
    for chunk in Chunker(words, max_tokens=MAX_TOKENS).chunk(text, headings):
        piece = text[chunk.start : chunk.end]
        assert piece == piece.strip() != ""
        assert words(piece) <= BOUND
        assert len(piece) <= BOUND * CHARS_PER_TOKEN


@given(documents())
def test_no_chunk_holds_the_body_of_two_sections(document: tuple[str, list[Heading]]) -> None:
    text, headings = document
    for chunk in Chunker(words, max_tokens=MAX_TOKENS).chunk(text, headings):
        for heading in headings:
            if chunk.start < heading.start < chunk.end:
                # Only further headings may stand before one inside a chunk: bare parents of it.
                before = text[chunk.start : heading.start]
                for other in headings:
                    if chunk.start <= other.start < heading.start:
                        before = before.replace(text[other.start : other.end], "", 1)
                assert not before.strip()


@given(documents(), st.integers(1, MAX_TOKENS - 1))
def test_overlapping_chunks_lose_nothing_and_keep_their_order(
    document: tuple[str, list[Heading]], overlap: int
) -> None:
    text, headings = document
    chunks = Chunker(words, max_tokens=MAX_TOKENS, overlap_tokens=overlap).chunk(text, headings)
    covered = {at for chunk in chunks for at in range(chunk.start, chunk.end)}
    assert all(at in covered for at, char in enumerate(text) if not char.isspace())
    assert [chunk.start for chunk in chunks] == sorted(chunk.start for chunk in chunks)


@given(documents())
def test_the_same_text_is_cut_the_same_way_again(document: tuple[str, list[Heading]]) -> None:
    chunker = Chunker(words, max_tokens=MAX_TOKENS)
    assert chunker.chunk(*document) == chunker.chunk(*document)


def test_the_heading_path_names_every_heading_above() -> None:
    text = "intro\nA\nin a\nB\nin b\nC\nin c"
    headings = [Heading(1, "A", 6, 7), Heading(2, "B", 13, 14), Heading(1, "C", 20, 21)]
    assert Chunker(words).chunk(text, headings) == [
        ChunkSpan(0, 5, ()),
        ChunkSpan(6, 12, ("A",)),
        ChunkSpan(13, 19, ("A", "B")),
        ChunkSpan(20, 26, ("C",)),
    ]


def test_a_heading_with_nothing_of_its_own_opens_its_first_subsection() -> None:
    text = "A\nB\nbody"
    assert Chunker(words).chunk(text, [Heading(1, "A", 0, 1), Heading(2, "B", 2, 3)]) == [
        ChunkSpan(0, 8, ("A", "B"))
    ]


def test_an_empty_section_before_one_of_its_own_level_stays_apart() -> None:
    text = "A\nB\nbody"
    chunks = Chunker(words).chunk(text, [Heading(1, "A", 0, 1), Heading(1, "B", 2, 3)])
    assert [(chunk.start, chunk.end) for chunk in chunks] == [(0, 1), (2, 8)]


def test_a_long_heading_path_loses_its_outer_headings_first_and_then_its_end() -> None:
    inner, outer = "inner " * 3, "outer " * 9
    headings = [Heading(1, outer.strip(), 0, 1), Heading(2, inner.strip(), 1, 2)]
    chunker = Chunker(words, path_tokens=5)
    assert chunker.chunk("abc", headings)[-1].heading_path == ("inner inner inner",)
    (chunk,) = chunker.chunk("abc", headings[:1])
    assert words(chunk.heading_path[0]) <= 5
    assert outer.startswith(chunk.heading_path[0])


def test_what_is_embedded_is_the_path_on_a_line_and_then_the_text() -> None:
    assert embedded_text(("A", "B"), "body") == "A › B\nbody"
    assert embedded_text((), "body") == "body"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("a" * 300_000, id="one word"),
        pytest.param("漢" * 100_000, id="no blanks"),
        pytest.param("".join("x" + "\n" * run for run in range(700)), id="ever longer newlines"),
        pytest.param("".join("x" + " " * run for run in range(700)), id="ever longer blanks"),
        pytest.param("." * 100_000, id="only marks"),
    ],
)
def test_hostile_text_costs_no_more_tokenising_than_plain_text(text: str) -> None:
    spent = 0

    def metered(piece: str) -> int:
        nonlocal spent
        spent += len(piece)
        return words(piece)

    chunks = Chunker(metered, max_tokens=MAX_TOKENS).chunk(text)
    assert "".join(dense(text[chunk.start : chunk.end]) for chunk in chunks) == dense(text)
    assert spent < 60 * len(text) + 10 * WINDOW_CHARS


def test_a_character_of_many_tokens_is_still_one_chunk() -> None:
    assert len(Chunker(lambda text: 9 * len(text), max_tokens=2).chunk("ab c")) == 3


@pytest.mark.parametrize(
    ("sizes", "field"),
    [
        ({"max_tokens": 0}, "max_tokens"),
        ({"overlap_tokens": -1}, "overlap_tokens"),
        ({"max_tokens": 5, "overlap_tokens": 5}, "overlap_tokens"),
        ({"path_tokens": 0}, "path_tokens"),
    ],
)
def test_sizes_out_of_range_are_refused_by_name(sizes: dict[str, int], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        Chunker(words, **sizes)


def test_the_version_changes_with_every_size() -> None:
    versions = {
        Chunker(words).version,
        Chunker(words, max_tokens=100).version,
        Chunker(words, overlap_tokens=10).version,
        Chunker(words, path_tokens=10).version,
    }
    assert len(versions) == 4
