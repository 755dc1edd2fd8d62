"""What can be filtered on of places: order, instants, and what fits into one call."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.index.facets import Facets, ordered, portions, ticks
from ingestion.index.schema import OFTEN, ONCE, placed

if TYPE_CHECKING:
    import random

_place = st.builds(
    Facets,
    st.sampled_from(["wiki", "mail"]),
    st.sampled_from(["d0", "d1"]),
    st.sampled_from(["text/plain", "text/html"]),
    st.none() | st.integers(-2, 2),
    st.sampled_from([(), ("travel",), ("finance", "travel")]),
    st.sampled_from([None, "de", "en"]),
)


@given(st.lists(_place), st.randoms(use_true_random=False))
def test_the_order_of_places_depends_on_nothing_but_them(
    places: list[Facets], dice: random.Random
) -> None:
    shuffled = [*places, *places]
    dice.shuffle(shuffled)
    assert ordered(shuffled) == ordered(places)
    assert set(ordered(places)) == set(places)


@given(st.datetimes(), st.datetimes())
def test_instants_keep_their_order_and_their_zone_does_not_count(
    first: datetime, second: datetime
) -> None:
    one, other = first.replace(tzinfo=UTC), second.replace(tzinfo=UTC)
    assert (ticks(one) < ticks(other)) == (one < other)
    if one.year < 9999:
        assert ticks(one.astimezone(timezone(timedelta(hours=5)))) == ticks(one)


def test_an_engine_tells_neighbouring_instants_apart_until_2200() -> None:
    last = datetime(2200, 1, 1, tzinfo=UTC)
    assert float(ticks(last)) != float(ticks(last - timedelta(microseconds=1)))


@given(
    st.dictionaries(st.uuids().map(str), st.lists(_place).map(ordered), max_size=12),
    st.integers(1, 9),
)
def test_every_change_is_in_one_portion_whole(
    changes: dict[str, tuple[Facets, ...]], most: int
) -> None:
    made = list(portions(changes, most=most))
    assert [one for portion in made for one in portion.items()] == list(changes.items())
    for portion in made:
        assert len(portion) == 1 or sum(map(len, portion.values())) <= most


@pytest.mark.parametrize(("count", "stands"), [(0, ONCE), (1, ONCE), (2, OFTEN)])
def test_only_a_chunk_of_several_places_has_them_stored_apart(count: int, stands: str) -> None:
    tags = ("finance", "travel")
    places = [Facets("wiki", f"d{n}", "text/plain", tags=tags) for n in range(count)]
    stored = placed(places)
    assert stored["stands"] == stands
    apart = [{**one.fields(), "tags": list(tags)} for one in places] if count > 1 else []
    assert stored["places"] == apart
    assert (stored["modified"], stored["language"]) == ([], [])
    assert stored["tags"] == (list(tags) if count else [])
    assert placed([*places, *places]) == stored
