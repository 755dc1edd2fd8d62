"""Every engine answers as the exact oracle does, on random worlds and random filters."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from acl.conditions import AnyOf, Between
from ingestion.index.facets import Facets, ordered, ticks
from ingestion.index.lexical import encode_query
from ingestion.index.memory import MemoryIndex
from ingestion.index.port import Point, SearchRequest
from tests.contract.index.worlds import (
    DIMENSIONS,
    assert_congruent,
    direction,
    point,
    requests,
    scope,
)

if TYPE_CHECKING:
    from acl.conditions import Condition
    from ingestion.index.port import VectorIndex
    from tests.contract.index.conftest import Engine

FAR = datetime(2199, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
_ACLS = ("a0", "a1", "a2", "a3")
_SOURCES = ("policies", "wiki", "mail")
_TYPES = ("text/plain", "text/html")
_DOCUMENTS = ("d0", "d1", "d2")
_TAGS = ("travel", "finance")
_TIMES = (None, -1, 0, ticks(datetime(2026, 1, 1, tzinfo=UTC)), ticks(FAR), ticks(FAR) + 1)

_place = st.builds(
    Facets,
    st.sampled_from(_SOURCES),
    st.sampled_from(_DOCUMENTS),
    st.sampled_from(_TYPES),
    st.sampled_from(_TIMES),
    st.sampled_from([(), ("finance",), ("travel",), ("finance", "travel")]),
    st.sampled_from([None, "de", "en"]),
)
# Mostly of one place, as in life; but equal text of several documents is what is hard.
_places = st.lists(_place, min_size=1, max_size=3).map(ordered)
_shared = st.lists(_place, min_size=2, max_size=4).map(ordered)
_facets = st.fixed_dictionaries(
    {
        "acl": st.sampled_from(_ACLS),
        "vector": st.integers(0, 12),
        "text": st.integers(0, 12),
        "places": _places,
    }
)


def _any_of(field: str, *values: str) -> st.SearchStrategy[AnyOf]:
    drawn = st.sets(st.sampled_from((*values, "unheard")), min_size=1)
    return drawn.map(lambda chosen: AnyOf(field, tuple(sorted(chosen))))


_bound = st.sampled_from(_TIMES)
_condition = st.one_of(
    _any_of("source", *_SOURCES),
    _any_of("document", *_DOCUMENTS),
    _any_of("media_type", *_TYPES),
    _any_of("tags", *_TAGS),
    _any_of("language", "de", "en"),
    st.builds(Between, st.just("modified"), _bound, _bound),
)
_own = st.lists(_condition, max_size=4, unique_by=lambda one: one.field).map(tuple)
_joint = st.lists(_condition, min_size=2, max_size=3, unique_by=lambda one: one.field).map(tuple)
_views = st.tuples(
    st.sets(st.sampled_from(_ACLS), min_size=1),
    st.none() | st.frozensets(st.sampled_from(_SOURCES), min_size=1),
)
_words = st.lists(
    st.sampled_from(["loan", "credit", "policy", "2024", "fraud", "alert", "unheard"]),
    min_size=1,
    max_size=5,
).map(" ".join)


# One shard serves all examples, each in a tenant of its own: the points of the others are then
# hidden points, which must not matter. That is why sharing the fixture is wanted here.
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    facets=st.lists(_facets, max_size=25),
    view=_views,
    own=_own,
    words=_words,
    vector=st.integers(0, 15),
    limit=st.integers(1, 12),
    doomed=st.sets(st.integers(0, 24)),
    excluded=st.sets(st.integers(0, 24)),
    moved=st.dictionaries(st.integers(0, 24), _places, max_size=5),
)
def test_random_worlds_are_answered_as_by_the_oracle(
    index: VectorIndex,
    *,
    facets: list[dict[str, object]],
    view: tuple[set[str], frozenset[str] | None],
    own: tuple[Condition, ...],
    words: str,
    vector: int,
    limit: int,
    doomed: set[int],
    excluded: set[int],
    moved: dict[int, tuple[Facets, ...]],
) -> None:
    tenant = uuid.uuid4().hex
    points = [
        _numbered(point(number, tenant=tenant, **facet))  # type: ignore[arg-type]  # drawn
        for number, facet in enumerate(facets)
    ]
    names = [one.id for one in points]
    oracle = MemoryIndex(DIMENSIONS)
    for held in (oracle, index):
        held.upsert(points)
        held.delete([names[n] for n in sorted(doomed) if n < len(names)])
        held.set_places({names[n]: places for n, places in moved.items() if n < len(names)})
    asked = SearchRequest(
        dense=direction(vector),
        sparse=encode_query(words),
        limit=limit,
        own=own,
        exclude=frozenset(names[n] for n in excluded if n < len(names)),
    )
    acls, sources = view
    seen = scope(*acls, tenant=tenant, sources=sources)
    assert_congruent(index.search(seen, asked), oracle.search(seen, asked))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    places=st.lists(_places | _shared, min_size=8, max_size=16),
    own=_own | _joint,
    view=_views,
)
def test_a_filter_finds_what_has_one_visible_place_that_satisfies_all_of_it_and_nothing_else(
    index: VectorIndex,
    *,
    places: list[tuple[Facets, ...]],
    own: tuple[Condition, ...],
    view: tuple[set[str], frozenset[str] | None],
) -> None:
    tenant, (acls, sources) = uuid.uuid4().hex, view
    points = [
        _numbered(point(n, tenant=tenant, acl=_ACLS[n % len(_ACLS)], places=standing))
        for n, standing in enumerate(places)
    ]
    index.upsert(points)
    asked = SearchRequest(dense=direction(0), sparse=None, limit=20, own=own)
    got = index.search(scope(*acls, tenant=tenant, sources=sources), asked)
    expected = {
        one.id
        for one in points
        if one.acl in acls
        for place in one.places
        if (sources is None or place.source in sources) and _satisfies(place, own)
    }
    somewhere = {
        one.id
        for one in points
        if one.acl in acls
        and all(any(_satisfies(p, (condition,)) for p in one.places) for condition in own)
    }
    event(f"found: {bool(expected)}, and more field by field: {somewhere > expected}")
    assert {hit.id for hit in got.dense} == expected


def _satisfies(place: Facets, own: tuple[Condition, ...]) -> bool:
    """The meaning of a filter, told once more and otherwise."""
    for one in own:
        held = getattr(place, one.field)
        if isinstance(one, AnyOf):
            if not any(value in (held if one.field == "tags" else [held]) for value in one.values):
                return False
            continue
        low = float("-inf") if one.low is None else one.low
        high = float("inf") if one.high is None else one.high
        if held is None or not low <= held < high:
            return False
    return True


def test_a_larger_world_is_answered_as_by_the_oracle(engine: Engine, index: VectorIndex) -> None:
    points = [point(number, acl=f"a{number % 7}") for number in range(1200)]
    oracle = MemoryIndex(DIMENSIONS)
    for held in (oracle, index):
        held.upsert(points)
    seen = scope("a1", "a4")
    for asked in requests(4 if engine.slow else 25):
        assert_congruent(index.search(seen, asked), oracle.search(seen, asked))


def _numbered(one: Point) -> Point:
    """The same point under an id of its own, for a world of its own."""
    return Point(
        id=str(uuid.uuid4()),
        tenant=one.tenant,
        acl=one.acl,
        places=one.places,
        dense=one.dense,
        sparse=one.sparse,
    )
