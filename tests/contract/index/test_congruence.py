"""Every engine answers as the exact oracle does, on random worlds and random filters."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acl.conditions import AnyOf
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
    from ingestion.index.port import VectorIndex
    from tests.contract.index.conftest import Engine

_ACLS = ("a0", "a1", "a2", "a3")
_SOURCES = ("policies", "wiki", "mail")
_TYPES = ("text/plain", "text/html")

_facets = st.fixed_dictionaries(
    {
        "acl": st.sampled_from(_ACLS),
        "vector": st.integers(0, 12),
        "text": st.integers(0, 12),
        "sources": st.sets(st.sampled_from(_SOURCES), min_size=1).map(
            lambda chosen: tuple(sorted(chosen))
        ),
        "media_type": st.sampled_from(_TYPES),
    }
)
_own = st.lists(
    st.sampled_from(
        [
            AnyOf("source", ("mail",)),
            AnyOf("source", ("policies", "wiki")),
            AnyOf("media_type", ("text/html",)),
            AnyOf("media_type", ("application/pdf",)),
        ]
    ),
    max_size=2,
    unique=True,
).map(tuple)
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
    acls=st.sets(st.sampled_from(_ACLS), min_size=1),
    own=_own,
    words=_words,
    vector=st.integers(0, 15),
    limit=st.integers(1, 12),
    doomed=st.sets(st.integers(0, 24)),
    excluded=st.sets(st.integers(0, 24)),
    resourced=st.dictionaries(st.integers(0, 24), st.sampled_from(_SOURCES), max_size=5),
)
def test_random_worlds_are_answered_as_by_the_oracle(
    index: VectorIndex,
    *,
    facets: list[dict[str, object]],
    acls: set[str],
    own: tuple[AnyOf, ...],
    words: str,
    vector: int,
    limit: int,
    doomed: set[int],
    excluded: set[int],
    resourced: dict[int, str],
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
        held.set_sources({names[n]: (s,) for n, s in resourced.items() if n < len(names)})
    asked = SearchRequest(
        dense=direction(vector),
        sparse=encode_query(words),
        limit=limit,
        own=own,
        exclude=frozenset(names[n] for n in excluded if n < len(names)),
    )
    seen = scope(*acls, tenant=tenant)
    assert_congruent(index.search(seen, asked), oracle.search(seen, asked))


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
        sources=one.sources,
        media_type=one.media_type,
        dense=one.dense,
        sparse=one.sparse,
    )
