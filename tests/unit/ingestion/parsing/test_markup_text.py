"""Plain text, reStructuredText and Markdown: the text is the file, and headings point into it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.parsing.registry import ParseLimits, parse
from verifier.sanitise import Markup


def said(source: str, name: str) -> list[tuple[int, str, str]]:
    """Return level, text and spanned source of each heading."""
    document = parse(source.encode(), name=name)
    return [(h.level, h.text, document.text[h.start : h.end]) for h in document.headings]


def test_markdown_keeps_its_source_as_its_text() -> None:
    source = "# A\n\n*b* [c](d) <!-- e -->\n"
    document = parse(source.encode(), name="a.md")
    assert document.text == source
    assert document.markup is Markup.MARKDOWN


def test_markdown_headings_of_both_styles_are_spanned_with_their_marks() -> None:
    source = "# One *two* `three`\n\nbody\n\nFour\n====\n\n### Five ###\r\nrest\n"
    assert said(source, "a.md") == [
        (1, "One two three", "# One *two* `three`"),
        (1, "Four", "Four\n===="),
        (3, "Five", "### Five ###"),
    ]


def test_what_only_looks_like_a_heading_is_none() -> None:
    assert (
        said("```\n# code\n```\n\n    # indented\n\n> # quoted\n\n#hash\n\n\\# escaped\n", "a.md")
        == []
    )


def test_front_matter_gives_the_title_and_no_heading() -> None:
    source = "---\ntitle: The  Title\ntags: [a]\n---\n\n# Head\n"
    document = parse(source.encode(), name="a.md")
    assert document.title == "The Title"
    assert [(h.text, document.text[h.start : h.end]) for h in document.headings] == [
        ("Head", "# Head")
    ]


@pytest.mark.parametrize(
    "front", ["title: [a", "- a\n- b", "title: 5", "a: &a [*a, *a]", "title: "]
)
def test_front_matter_without_a_usable_title_leaves_it_to_the_first_heading(front: str) -> None:
    assert parse(f"---\n{front}\n---\n# Head\n".encode(), name="a.md").title == "Head"


def test_a_document_that_begins_below_the_first_level_has_no_title() -> None:
    assert parse(b"## Part\n\n# Late\n", name="a.md").title is None


@given(
    st.lists(
        st.sampled_from(
            ["# A", "## B *c*", "text", "", "D\n---", "- x", "> # q", "```", "---", "\t# t", "a: b"]
        ),
        max_size=25,
    )
)
def test_a_markdown_heading_says_what_stands_at_its_span(lines: list[str]) -> None:
    source = "\n".join(["start", *lines])
    document = parse(source.encode(), name="a.md")
    end = 0
    for heading in document.headings:
        spanned = document.text[heading.start : heading.end]
        assert end <= heading.start < heading.end
        assert spanned == spanned.strip()
        assert heading.text.split()[:1] == spanned.lstrip("# ").split()[:1] or not heading.text
        end = heading.end


def test_deeply_nested_markdown_is_read_and_does_not_exhaust_the_stack() -> None:
    assert parse(b"> " * 20_000 + b"deep", name="a.md").text.endswith("deep")
    limits = ParseLimits(max_nesting=20)
    assert parse(b"- " * 500 + b"deep", name="a.md", limits=limits).text.endswith("deep")


def test_restructuredtext_titles_are_found_by_their_underlines() -> None:
    table = "===  ===\n a    b\n===  ===\n"
    source = f"=====\nTitle\n=====\n\nbody\n\nPart\n----\n\nx\n\nNext\n----\n\n{table}"
    assert said(source, "a.rst") == [
        (1, "Title", "Title\n====="),
        (2, "Part", "Part\n----"),
        (2, "Next", "Next\n----"),
    ]


def test_source_code_is_its_own_text() -> None:
    for name, source in (("a.sql", "-- a,b\n1,2\n"), ("a.py", "# not a heading\nx = 1\n")):
        document = parse(source.encode(), name=name)
        assert (document.text, document.headings) == (source, ())
        assert document.markup is Markup.PLAIN
