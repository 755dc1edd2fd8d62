"""Duplicates are folded into the best, conflicts are shown side by side, nothing is joined."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retrieval.collapse import collapse
from tests.support.stored import chunk
from verifier.conflicts import Relation, compare

BASE = (
    "The travel allowance for trips abroad is 55 euros a day and is paid with the salary of the "
    "month that follows the trip"
)
SAME = BASE + " as usual"
OTHER_NUMBER = BASE.replace("55", "60")
NEGATED = BASE.replace("is paid", "is not paid")
UNRELATED = "A loan above the limit needs the signature of the branch manager"
_texts = st.lists(st.sampled_from([BASE, SAME, OTHER_NUMBER, NEGATED, UNRELATED]), max_size=10)


def test_what_says_the_same_is_folded_into_the_best() -> None:
    first, second = chunk(BASE), chunk(SAME)
    (group,) = collapse([first, second], limit=8)
    assert (group.chunk, group.same, group.disagrees) == (first, [second], [])


def test_equal_texts_under_two_acls_are_one_piece() -> None:
    (group,) = collapse([chunk(BASE, name="one"), chunk(BASE, name="other")], limit=8)
    assert len(group.same) == 1


def test_what_differs_in_a_number_or_a_negation_stands_side_by_side() -> None:
    chunks = [chunk(BASE), chunk(OTHER_NUMBER), chunk(NEGATED)]
    groups = collapse(chunks, limit=8)
    assert [group.chunk for group in groups] == chunks
    for group in groups:
        assert set(group.disagrees) == {c.id for c in chunks} - {group.chunk.id}


def test_what_has_nothing_to_do_with_another_stands_alone() -> None:
    groups = collapse([chunk(BASE), chunk(UNRELATED)], limit=8)
    assert [(group.same, group.disagrees) for group in groups] == [([], []), ([], [])]


def test_beyond_the_limit_a_chunk_joins_a_group_but_opens_none() -> None:
    groups = collapse([chunk(BASE), chunk(UNRELATED), chunk(SAME), chunk(OTHER_NUMBER)], limit=1)
    assert [group.chunk.text for group in groups] == [BASE]
    assert [same.text for same in groups[0].same] == [SAME]
    assert groups[0].disagrees == []


@given(texts=_texts, limit=st.integers(1, 6))
def test_groups_hold_what_they_say_they_hold(texts: list[str], limit: int) -> None:
    chunks = [chunk(text, name=f"{number} {text}") for number, text in enumerate(texts)]
    groups = collapse(chunks, limit=limit)
    assert len(groups) <= limit
    by_id = {group.chunk.id: group for group in groups}
    placed = [c.id for group in groups for c in (group.chunk, *group.same)]
    assert len(placed) == len(set(placed))
    for group in groups:
        for same in group.same:
            assert compare(group.chunk.text, same.text).relation is Relation.DUPLICATE
        for other in group.disagrees:
            assert compare(group.chunk.text, by_id[other].chunk.text).relation is Relation.CONFLICT
            assert group.chunk.id in by_id[other].disagrees
