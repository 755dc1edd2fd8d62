"""Offset maps against the obvious: one original interval per sanitised character."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier.edits import Edit, apply_edits
from verifier.errors import OffsetMapError
from verifier.offsets import OffsetMap, Run

Intervals = list[tuple[int, int]]

runs = st.lists(
    st.one_of(
        st.integers(0, 5).map(lambda n: Run(n, n, copied=True)),
        st.tuples(st.integers(0, 3), st.integers(0, 4)).map(lambda p: Run(*p, copied=False)),
    ),
    max_size=8,
)


def intervals(pieces: list[Run]) -> Intervals:
    """Where each sanitised character came from."""
    found: Intervals = []
    original = 0
    for run in pieces:
        for index in range(run.sanitised):
            found.append(
                (original + index, original + index + 1)
                if run.copied
                else (original, original + run.original)
            )
        original += run.original
    return found


def flipped(pieces: list[Run]) -> list[Run]:
    return [Run(run.original, run.sanitised, run.copied) for run in pieces]


@st.composite
def edited(draw: st.DrawFn, text: str | None = None) -> tuple[str, str, OffsetMap]:
    """A text, what edits made of it, and the map."""
    source = draw(st.text("abcdef", max_size=30)) if text is None else text
    cuts = sorted(draw(st.lists(st.integers(0, len(source)), max_size=8)))
    edits = [
        Edit(start, end, draw(st.text("XYZ", max_size=3)))
        for start, end in zip(cuts[::2], cuts[1::2], strict=False)
    ]
    changed, offsets = apply_edits(source, edits)
    return source, changed, offsets


@given(runs, st.data())
def test_a_span_maps_to_the_hull_of_where_its_characters_came_from(
    pieces: list[Run], data: st.DataObject
) -> None:
    offsets, origins = OffsetMap.from_runs(pieces), intervals(pieces)
    end = data.draw(st.integers(0, len(origins)))
    start = data.draw(st.integers(0, end))
    found = offsets.to_original(start, end)
    if start < end:
        hull = origins[start:end]
        assert found == (min(a for a, _ in hull), max(b for _, b in hull))
    else:
        assert found[0] == found[1]


@given(runs, st.data())
def test_the_way_back_is_the_hull_of_what_is_left(pieces: list[Run], data: st.DataObject) -> None:
    offsets, places = OffsetMap.from_runs(pieces), intervals(flipped(pieces))
    end = data.draw(st.integers(0, len(places)))
    start = data.draw(st.integers(0, end))
    found = offsets.to_sanitised(start, end)
    if start < end:
        hull = places[start:end]
        assert found == (min(a for a, _ in hull), max(b for _, b in hull))


@given(runs, st.data())
def test_going_there_and_back_covers_the_span(pieces: list[Run], data: st.DataObject) -> None:
    offsets = OffsetMap.from_runs(pieces)
    end = data.draw(st.integers(0, offsets.length))
    start = data.draw(st.integers(0, end))
    a, b = offsets.to_sanitised(*offsets.to_original(start, end))
    origins = intervals(pieces)[start:end]
    if any(low < high for low, high in origins):
        kept = [i for i, (low, high) in enumerate(origins, start) if low < high]
        assert a <= kept[0]
        assert b > kept[-1]


@given(runs, st.data())
def test_a_slice_agrees_with_the_whole(pieces: list[Run], data: st.DataObject) -> None:
    offsets = OffsetMap.from_runs(pieces)
    end = data.draw(st.integers(0, offsets.length))
    start = data.draw(st.integers(0, end))
    cut = offsets.slice(start, end)
    assert cut.length == end - start
    b = data.draw(st.integers(0, cut.length))
    a = data.draw(st.integers(0, b))
    if a < b:
        assert cut.to_original(a, b) == offsets.to_original(start + a, start + b)
        again = cut.slice(a, b)
        assert again.to_original(0, b - a) == offsets.to_original(start + a, start + b)


@given(runs)
def test_encoding_loses_nothing(pieces: list[Run]) -> None:
    offsets = OffsetMap.from_runs(pieces)
    assert OffsetMap.decode(offsets.encode()) == offsets


@given(runs, st.data())
def test_the_encoding_of_a_slice_loses_nothing(pieces: list[Run], data: st.DataObject) -> None:
    offsets = OffsetMap.from_runs(pieces)
    end = data.draw(st.integers(0, offsets.length))
    cut = offsets.slice(data.draw(st.integers(0, end)), end)
    assert OffsetMap.decode(cut.encode()) == cut


@pytest.mark.parametrize("length", [0, 1, 1_000_000, 2**40])
def test_an_identity_is_small_whatever_its_length(length: int) -> None:
    assert len(OffsetMap.identity(length).encode()) <= 12


@given(st.binary(max_size=40))
def test_bytes_that_are_no_map_are_refused_by_name(packed: bytes) -> None:
    with suppress(OffsetMapError):
        decoded = OffsetMap.decode(packed)
        assert OffsetMap.decode(decoded.encode()) == decoded


@given(edited())
def test_copied_characters_are_equal_in_both_texts(change: tuple[str, str, OffsetMap]) -> None:
    source, changed, offsets = change
    assert offsets.length == len(changed)
    for index, character in enumerate(changed):
        a, b = offsets.to_original(index, index + 1)
        if character in "abcdef":
            assert source[a:b] == character


@given(st.data())
def test_a_composed_map_covers_what_mapping_twice_covers(data: st.DataObject) -> None:
    _, middle, inner = data.draw(edited())
    _, changed, outer = data.draw(edited(middle))
    both = outer.compose(inner)
    assert both.length == len(changed)
    assert both.original_bounds[-1] == inner.original_bounds[-1]
    end = data.draw(st.integers(0, len(changed)))
    start = data.draw(st.integers(0, end))
    if start == end:
        return
    a, b = both.to_original(start, end)
    low, high = inner.to_original(*outer.to_original(start, end))
    if low < high:
        assert a <= low
        assert high <= b


@given(st.data())
def test_a_composed_map_is_exact_where_the_edits_lie_apart(data: st.DataObject) -> None:
    source, middle, inner = data.draw(edited())
    positions = [index for index, c in enumerate(middle) if c in "abcdef"]
    removed = sorted(data.draw(st.sets(st.sampled_from(positions)))) if positions else []
    changed, outer = apply_edits(middle, [Edit(p, p + 1, "") for p in removed])
    both = outer.compose(inner)
    for index, character in enumerate(changed):
        if character in "abcdef":
            a, b = both.to_original(index, index + 1)
            assert source[a:b] == character
    assert both.length == len(changed)


@pytest.mark.parametrize(("start", "end"), [(-1, 0), (0, 11), (5, 4)])
def test_a_span_outside_the_text_is_an_error(start: int, end: int) -> None:
    offsets = OffsetMap.identity(10)
    with pytest.raises(OffsetMapError):
        offsets.to_original(start, end)
    with pytest.raises(OffsetMapError):
        offsets.slice(start, end)


def test_maps_of_different_texts_do_not_compose() -> None:
    with pytest.raises(OffsetMapError, match="in between"):
        OffsetMap.identity(3).compose(OffsetMap.identity(4))
