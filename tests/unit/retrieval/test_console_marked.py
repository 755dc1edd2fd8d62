"""Texts cut where findings stand, and pairs that disagree."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from retrieval.console.marked import disputes, stretches
from retrieval.evidence import Citation, Evidence, Finding, Freshness, Trust

if TYPE_CHECKING:
    from collections.abc import Sequence

TEXTS = st.text(max_size=30)
SPANS = st.lists(st.tuples(st.integers(-3, 35), st.integers(-3, 35)), max_size=5)


def found(start: int, end: int) -> Finding:
    return Finding(rule="r", kind="k", severity="high", message="m", start=start, end=end)


def piece(ident: str, conflicts: Sequence[str] = ()) -> Evidence:
    cited: dict[str, Any] = dict.fromkeys(
        ("document_id", "source", "title", "uri", "text_sha256", "source_sha256"), "x"
    )
    return Evidence(
        id=ident,
        chunk_id=ident,
        text="x",
        relevance=None,
        citation=Citation(**cited, version=1, page=None, start=0, end=1),
        freshness=Freshness(
            state="fresh",
            checked_at=datetime(2026, 1, 1, tzinfo=UTC),
            modified_at=None,
            age_seconds=0,
            max_age_seconds=None,
        ),
        trust=Trust(verdict="clean", findings=[]),
        also_in=[],
        conflicts_with=list(conflicts),
    )


@given(TEXTS, SPANS)
def test_stretches_are_the_text_and_mark_each_character_of_a_finding_and_no_other(
    text: str, spans: list[tuple[int, int]]
) -> None:
    cut = stretches(text, [found(start, end) for start, end in spans])
    assert "".join(one.text for one in cut) == text
    assert all(one.text for one in cut)
    marks = [one.marked for one in cut for _ in one.text]
    within = [any(start <= at < end for start, end in spans) for at in range(len(text))]
    assert marks == within


def test_each_pair_that_disagrees_is_told_once_in_the_order_of_the_answer() -> None:
    evidence = [piece("e1", ["e3"]), piece("e2"), piece("e3", ["e1", "e10"]), piece("e10", ["e3"])]
    assert [(d.one.id, d.other.id) for d in disputes(evidence)] == [("e1", "e3"), ("e3", "e10")]


def test_a_conflict_with_what_is_not_on_the_page_is_passed_over() -> None:
    assert disputes([piece("e1", ["e9"])]) == []
