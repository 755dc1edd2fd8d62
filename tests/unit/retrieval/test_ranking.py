"""Fusing two legs: only ranks count, and ties are decided by id."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.index.port import Hit, SearchResult
from retrieval.ranking import K, fuse

_ids = st.lists(st.text("abcdef", min_size=1, max_size=2), unique=True, max_size=12)


def legs(dense: list[str], sparse: list[str]) -> SearchResult:
    """A result whose legs have these ids, best first."""
    return SearchResult(
        tuple(Hit(ident, 1.0 - rank / 100) for rank, ident in enumerate(dense)),
        tuple(Hit(ident, 9.0 - rank) for rank, ident in enumerate(sparse)),
        exact=True,
    )


def test_a_candidate_of_both_legs_beats_one_of_either() -> None:
    ranked = fuse(legs(["a", "b"], ["c", "b"]))
    assert [candidate.id for candidate in ranked] == ["b", "a", "c"]
    assert ranked[0].fused == pytest.approx(2 / (K + 2))
    assert (ranked[0].dense, ranked[0].lexical) == (0.99, 8.0)
    assert (ranked[1].dense, ranked[1].lexical) == (1.0, None)
    assert (ranked[2].dense, ranked[2].lexical) == (None, 9.0)


def test_many_ties_are_decided_by_id() -> None:
    names = [f"id-{number:02}" for number in range(40)]
    ranked = fuse(legs(names[::2], names[1::2]))
    pairs = [sorted(names[first : first + 2]) for first in range(0, 40, 2)]
    assert [candidate.id for candidate in ranked] == [ident for pair in pairs for ident in pair]


@given(dense=_ids, sparse=_ids)
def test_every_candidate_appears_once_in_a_total_order(dense: list[str], sparse: list[str]) -> None:
    ranked = fuse(legs(dense, sparse))
    assert {candidate.id for candidate in ranked} == {*dense, *sparse}
    keys = [(-candidate.fused, candidate.id) for candidate in ranked]
    assert keys == sorted(set(keys))


@given(dense=_ids, sparse=_ids)
def test_the_legs_count_alike(dense: list[str], sparse: list[str]) -> None:
    one = [(c.id, c.fused) for c in fuse(legs(dense, sparse))]
    other = [(c.id, c.fused) for c in fuse(legs(sparse, dense))]
    assert [ident for ident, _ in one] == [ident for ident, _ in other]
    assert [score for _, score in one] == pytest.approx([score for _, score in other])


def test_nothing_fuses_to_nothing() -> None:
    assert fuse(legs([], [])) == []
