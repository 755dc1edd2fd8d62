"""Candidates are the pairs that share a band, up to a limit that never leaves anybody alone."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from tempfile import gettempdir

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.near import candidates, shelf
from ingestion.near.candidates import Candidates, Rows
from ingestion.near.shelf import Shelf

MANY = 10**6
SHELF = Shelf(Path(gettempdir()))

# Few keys, so that bands are often shared; four bands of four slots.
rows = st.lists(st.lists(st.integers(0, 2), min_size=4, max_size=4), min_size=1, max_size=12)


@pytest.fixture(autouse=True, scope="module")
def _all_alike() -> object:
    """Only the bands decide, slices are small, and nothing is too small for the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(candidates, "ALIKE", 0)
        patch.setattr(candidates, "_SLICE", 3)
        patch.setattr(candidates, "_ROWS", 5)
        patch.setattr(shelf, "SMALL", 0)
        yield


def keys(table: list[list[int]]) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    return np.array(table, dtype=np.uint64)


def listed(found: Rows) -> list[tuple[int, int]]:
    return [(one, other) for one, other in found.tolist()]


def among(search: Candidates) -> Rows:
    """All parts as one, of which each tells its rows and the last one tells all."""
    parts = list(search.among())
    ends = [end for end, _ in parts]
    assert ends == sorted(ends)
    for begin, (end, rows) in zip([0, *ends], parts, strict=False):
        assert all(begin <= row < end for row, _ in rows.tolist())
    return np.concatenate([rows for _, rows in parts])


def share(one: list[int], other: list[int]) -> bool:
    return any(a == b for a, b in zip(one, other, strict=True))


@given(rows)
def test_among_finds_each_pair_that_shares_a_band_once(table: list[list[int]]) -> None:
    found = listed(among(Candidates(keys(table), most=MANY, shelf=SHELF)))
    expected = [
        (later, earlier)
        for earlier, later in combinations(range(len(table)), 2)
        if share(table[earlier], table[later])
    ]
    assert sorted(found) == sorted(expected)


@given(rows, rows)
def test_against_finds_each_pair_that_shares_a_band_once(
    table: list[list[int]], others: list[list[int]]
) -> None:
    search = Candidates(keys(table), most=MANY, shelf=SHELF)
    found = listed(search.against(keys(others)))
    assert found == [
        (row, other)
        for row in range(len(table))
        for other in range(len(others))
        if share(table[row], others[other])
    ]
    assert not search.crowded.any()


@given(rows, rows, st.integers(1, 3))
def test_a_limit_holds_for_each_band_and_is_told(
    table: list[list[int]], others: list[list[int]], most: int
) -> None:
    search = Candidates(keys(table), most=most, shelf=SHELF)
    first, second = others[: len(others) // 2], others[len(others) // 2 :]
    found = [
        (row, f"other {other + shift}")
        for shift, block in ((0, first), (len(first), second))
        if block
        for row, other in listed(search.against(keys(block)))
    ]
    found += [(row, f"new {earlier}") for row, earlier in listed(among(search))]
    assert len(found) == len(set(found))
    for row, mine in enumerate(table):
        partners = {name for one, name in found if one == row}
        assert len(partners) <= most * len(mine)
        offered = [
            [f"other {n}" for n, other in enumerate(others) if other[band] == key]
            + [f"new {n}" for n in range(row) if table[n][band] == key]
            for band, key in enumerate(mine)
        ]
        # The first of each band, in order, and whether that was all of them.
        assert partners == {name for names in offered for name in names[:most]}
        assert bool(search.crowded[row]) == any(len(names) > most for names in offered)


def test_a_crowd_takes_linear_work() -> None:
    crowd = np.zeros((5_000, 32), dtype=np.uint64)
    search = Candidates(crowd, most=4, shelf=SHELF)
    assert len(search.against(crowd)) == 4 * 5_000
    assert len(among(search)) == 0
    assert search.crowded.all()


def test_what_shares_a_band_and_little_else_is_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(candidates, "ALIKE", 0.3)
    slots = np.arange(16, dtype=np.uint16)
    quarter, third = slots + np.uint16(100), slots + np.uint16(200)
    quarter[:4] = slots[:4]
    third[:5] = slots[:5]
    one, *others = (row.reshape(1, -1).view(np.uint64) for row in (slots, quarter, third))
    found = [len(Candidates(one, most=9, shelf=SHELF).against(other)) for other in others]
    assert found == [0, 1]
