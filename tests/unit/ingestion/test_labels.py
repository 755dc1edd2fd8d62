"""Tags and languages: one spelling, bounds, and where documents may say them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.errors import RowError
from ingestion.labels import (
    MAX_TAG_CHARS,
    MAX_TAGS,
    language_within,
    read_tags,
    spelled_language,
    spelled_tag,
    spelled_tags,
    tags_text,
    tags_within,
)
from ingestion.parsing.limits import ParseLimits
from ingestion.parsing.registry import parse
from ingestion.sources.row import read_row
from retrieval.api.document_body import read_document
from retrieval.api.problems import HANDLED


@given(st.text())
def test_a_tag_has_one_spelling_however_often_it_is_spelled(text: str) -> None:
    try:
        tag = spelled_tag(text)
    except ValueError:
        return
    assert 0 < len(tag) <= MAX_TAG_CHARS
    assert spelled_tag(tag) == tag


def test_case_and_blanks_and_width_make_no_other_tag() -> None:
    assert {spelled_tag(one) for one in ("Per diem", " PER\tDIEM ", "ｐｅｒ diem")} == {"per diem"}


@given(st.lists(st.text(min_size=1)))
def test_what_a_document_says_of_itself_always_makes_valid_tags(values: list[str]) -> None:
    for said in (values, ",".join(values)):
        tags = tags_within(said)
        assert spelled_tags(tags) == tags
        assert read_tags(tags_text(tags)) == tags


@pytest.mark.parametrize("said", [None, True, 7, {"a": "b"}, [None, True, ["x"]], "", " , "])
def test_what_is_no_tag_is_none(said: object) -> None:
    assert tags_within(said) == ()


@pytest.mark.parametrize(
    "tag", ["", " \t", "x" * (MAX_TAG_CHARS + 1), "x" * 10**6, "a\0b", "\u202e"]
)
def test_what_cannot_be_a_tag_is_refused(tag: str) -> None:
    with pytest.raises(ValueError, match="a tag has"):
        spelled_tag(tag)


@pytest.mark.parametrize(
    ("stated", "language"),
    [("de", "de"), ("de-AT", "de"), ("EN_us", "en"), ("gsw-CH", "gsw"), ("zh-Hant-TW", "zh")],
)
def test_a_language_is_the_first_part_of_its_tag(stated: str, language: str) -> None:
    assert spelled_language(stated) == language_within(f" {stated} ") == language


@pytest.mark.parametrize(
    "stated", ["", "d", "Deutsch", "de AT", "de-", "x" * 10**6, "42", "d\u0435"]
)
def test_what_is_no_language_is_refused_of_a_source_and_passed_over_in_a_document(
    stated: str,
) -> None:
    with pytest.raises(ValueError, match="such as"):
        spelled_language(stated)
    assert language_within(stated) is None


@pytest.mark.parametrize(
    ("name", "content", "tags", "language"),
    [
        (
            "a.md",
            "---\ntags: [Travel, 2026, true]\nlang: de-AT\n---\n# A\n",
            ("2026", "travel"),
            "de",
        ),
        (
            "a.md",
            "---\ntags: Travel, per  diem\nlanguage: en\n---\nA",
            ("per diem", "travel"),
            "en",
        ),
        ("a.md", "---\n- tags\n---\nA", (), None),
        ("a.md", "tags: travel\n", (), None),
        ("a.html", "<html lang='fr-CA'><p>Bonjour", (), "fr"),
        ("a.html", "<p lang='fr'>Bonjour", (), None),
    ],
)
def test_documents_are_read_for_tags_and_language(
    name: str, content: str, tags: tuple[str, ...], language: str | None
) -> None:
    parsed = parse(content.encode(), name=name, media_type=None, limits=ParseLimits())
    assert (parsed.tags, parsed.language) == (tags, language)


@pytest.mark.parametrize(
    "tags", [["Per  Diem", "travel"], "travel, per diem,", '["travel", "per diem"]']
)
def test_a_row_states_tags_as_a_list_or_in_one_line(tags: object) -> None:
    row = read_row({"external_id": "a", "tags": tags, "language": "DE-at"})
    assert (row.tags, row.language) == (("per diem", "travel"), "de")
    assert read_row({"external_id": "a"}).tags is None
    assert read_row({"external_id": "a", "tags": ""}).tags == ()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tags", ["canary", 7]),
        ("tags", {"canary": 1}),
        ("tags", '["canary"'),
        ("tags", "canary" * 40),
        ("tags", [f"canary {n}" for n in range(MAX_TAGS + 1)]),
        ("language", "canary"),
        ("language", ["canary"]),
    ],
)
def test_malformed_labels_of_a_row_or_a_delivery_are_refused_by_name(
    field: str, value: object
) -> None:
    with pytest.raises(RowError) as refused:
        read_row({"external_id": "a", field: value})
    assert refused.value.message.startswith(field)
    assert "canary" not in refused.value.message
    if not isinstance(value, str) or field == "language":
        body = json.dumps({"text": "A", "acl": "open", field: value}).encode()
        with pytest.raises(HANDLED):
            read_document(body, source="wiki", external_id="a")


def test_a_delivery_carries_its_labels() -> None:
    body = {"text": "A", "acl": "open", "tags": ["Travel", "travel "], "language": "de-AT"}
    item = read_document(json.dumps(body).encode(), source="wiki", external_id="a").item
    assert (item.tags, item.language) == (("travel",), "de")
