"""What every engine does alike: writing, listing, filtering, ties."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from acl.conditions import AnyOf, Between
from ingestion.errors import IndexUnavailableError
from ingestion.index.facets import Facets
from ingestion.index.lexical import encode_query
from ingestion.index.port import IndexHost, SearchRequest, VectorIndex
from tests.contract.index.worlds import (
    DIMENSIONS,
    chunk_id,
    direction,
    ids,
    point,
    request,
    scope,
    standing,
)

if TYPE_CHECKING:
    from tests.contract.index.conftest import Engine


def test_the_engine_is_a_host_and_its_generations_are_indexes(
    engine: Engine, index: VectorIndex
) -> None:
    assert isinstance(engine.host, IndexHost)
    assert isinstance(index, VectorIndex)


def test_a_new_generation_is_empty_and_listed(engine: Engine, index: VectorIndex) -> None:
    assert engine.host.generations() == ["g1"]
    assert index.count() == 0
    assert list(index.ids()) == []
    assert index.search(scope("a0"), request()).dense == ()


def test_opening_with_other_dimensions_is_refused(engine: Engine, index: VectorIndex) -> None:
    index.upsert([point(1)])
    with pytest.raises(IndexUnavailableError, match="32 dimensions, not 7") as raised:
        engine.host.open("g1", dimensions=7)
    assert raised.value.code == "index_mismatch"


@pytest.mark.parametrize("name", ["", "..", "../up", ".hidden", "a/b", "a b", "x" * 129])
def test_a_generation_name_that_could_be_a_path_is_refused(engine: Engine, name: str) -> None:
    with pytest.raises(IndexUnavailableError, match="generation"):
        engine.host.open(name, dimensions=DIMENSIONS)
    with pytest.raises(IndexUnavailableError, match="generation"):
        engine.host.drop(name)


def test_opening_again_finds_what_was_written(engine: Engine, index: VectorIndex) -> None:
    index.upsert([point(1), point(2)])
    index.close()
    assert engine.host.open("g1", dimensions=DIMENSIONS).count() == 2


def test_a_dropped_generation_is_gone_and_can_be_made_anew(
    engine: Engine, index: VectorIndex
) -> None:
    index.upsert([point(1)])
    engine.host.drop("g1")
    engine.host.drop("g1")
    assert engine.host.generations() == []
    assert engine.host.open("g1", dimensions=DIMENSIONS).count() == 0


def test_generations_do_not_see_each_other(engine: Engine, index: VectorIndex) -> None:
    other = engine.host.open("g2", dimensions=DIMENSIONS)
    index.upsert([point(1)])
    other.upsert([point(2)])
    assert list(index.ids()) == [chunk_id(1)]
    assert list(other.ids()) == [chunk_id(2)]
    assert engine.host.generations() == ["g1", "g2"]
    assert engine.host.info()["points"] == {"g1": 1, "g2": 1}


def test_ids_come_sorted_and_paged_without_gaps(
    index: VectorIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ingestion.index.gate.PAGE", 7)
    index.upsert([point(number) for number in range(50)])
    assert list(index.ids()) == sorted(chunk_id(number) for number in range(50))


def test_has_names_those_that_are_held(index: VectorIndex) -> None:
    index.upsert([point(1), point(2)])
    assert index.has([chunk_id(2), chunk_id(3)]) == {chunk_id(2)}
    assert index.has([]) == set()


def test_deleting_is_idempotent_and_deleted_points_are_not_found(index: VectorIndex) -> None:
    index.upsert([point(1), point(2)])
    index.delete([chunk_id(1), chunk_id(9)])
    index.delete([chunk_id(1)])
    index.delete([])
    result = index.search(scope("a0"), request())
    assert ids(result.dense) == [chunk_id(2)]
    assert index.count() == 1


def test_upserting_again_replaces_the_point_whole(index: VectorIndex) -> None:
    index.upsert([point(1, acl="a0", text="loan")])
    index.upsert([point(1, acl="a1", text="salary", vector=5)])
    assert index.count() == 1
    assert index.search(scope("a0"), request()).dense == ()
    moved = index.search(scope("a1"), request(vector=5, words="loan salary"))
    assert ids(moved.dense) == ids(moved.sparse) == [chunk_id(1)]
    assert moved.dense[0].score == pytest.approx(1.0, abs=1e-6)


def test_upserting_the_same_point_twice_changes_no_answer(index: VectorIndex) -> None:
    points = [point(number) for number in range(20)]
    index.upsert(points)
    before = index.search(scope("a0"), request())
    index.upsert(points)
    assert index.search(scope("a0"), request()) == before


def test_set_places_changes_the_filter_and_no_score(index: VectorIndex) -> None:
    index.upsert([point(number) for number in range(10)])
    before = index.search(scope("a0"), request())
    index.set_places({chunk_id(1): standing("wiki", "mail"), chunk_id(99): standing("wiki")})
    assert index.search(scope("a0"), request()) == before
    assert index.count() == 10
    for source, expected in (("wiki", 1), ("mail", 1), ("policies", 9)):
        narrowed = SearchRequest(direction(0), None, limit=20, own=(AnyOf("source", (source,)),))
        assert len(index.search(scope("a0"), narrowed).dense) == expected


def test_an_own_filter_narrows_both_legs_and_moves_no_score(index: VectorIndex) -> None:
    index.upsert(
        [
            point(number, media_type="text/html" if number % 3 else "application/pdf")
            for number in range(30)
        ]
    )
    everything = index.search(scope("a0"), request(limit=30))
    narrowed = index.search(
        scope("a0"),
        SearchRequest(
            dense=direction(0),
            sparse=encode_query("loan policy 2024"),
            limit=30,
            own=(AnyOf("media_type", ("application/pdf",)),),
        ),
    )
    wanted = {chunk_id(number) for number in range(0, 30, 3)}
    assert narrowed.dense == tuple(hit for hit in everything.dense if hit.id in wanted)
    assert narrowed.sparse == tuple(hit for hit in everything.sparse if hit.id in wanted)


def test_a_filter_holds_of_one_place_as_a_whole(index: VectorIndex) -> None:
    """Of what stands in an old text and in a new page, there is no old page and no new text."""
    old, new = (
        Facets("wiki", "d0", "text/plain", 5, ("finance", "travel"), "de"),
        Facets("mail", "d1", "text/html", 9, ("finance",)),
    )
    index.upsert([point(1, places=(old, new)), point(2, places=(old,)), point(3, places=(new,))])
    until, since = Between("modified", None, 6), Between("modified", 6, None)
    text, page = AnyOf("media_type", ("text/plain",)), AnyOf("media_type", ("text/html",))
    wiki, first = AnyOf("source", ("wiki",)), AnyOf("document", ("d0",))
    for own, expected in (
        ((text, until), {1, 2}),
        ((page, since), {1, 3}),
        ((page, until), set()),
        ((text, since), set()),
        ((wiki, page), set()),
        ((wiki, first, text, until), {1, 2}),
        ((wiki, first, text, since), set()),
        ((AnyOf("tags", ("finance", "unheard")),), {1, 2, 3}),
        ((AnyOf("tags", ("travel",)), text), {1, 2}),
        ((AnyOf("tags", ("travel",)), page), set()),
        ((AnyOf("language", ("de",)), AnyOf("tags", ("finance",))), {1, 2}),
        ((AnyOf("language", ("de",)), since), set()),
        ((Between("modified", 6, 9),), set()),
        ((Between("modified", 5, 6),), {1, 2}),
    ):
        asked = SearchRequest(direction(0), encode_query("loan"), limit=9, own=own)
        found = ids(index.search(scope("a0"), asked).dense)
        assert set(found) == {chunk_id(number) for number in expected}, own
    mail = scope("a0", sources=frozenset({"mail"}))
    for own, expected in (((page,), {1, 3}), ((text,), set()), ((until,), set())):
        asked = SearchRequest(direction(0), None, limit=9, own=own)
        assert set(ids(index.search(mail, asked).dense)) == {chunk_id(n) for n in expected}, own


def test_an_excluded_chunk_is_as_if_it_were_not_there(index: VectorIndex) -> None:
    index.upsert([point(number) for number in range(30)])
    gone = frozenset({chunk_id(3), chunk_id(4), chunk_id(17)})
    asked = request(limit=30)
    excluded = SearchRequest(asked.dense, asked.sparse, limit=30, exclude=gone)
    with_exclusion = index.search(scope("a0"), excluded)
    index.delete(sorted(gone))
    assert with_exclusion == index.search(scope("a0"), asked)
    assert not gone & set(ids(with_exclusion.dense))


def test_only_the_acls_of_the_scope_are_seen(index: VectorIndex) -> None:
    index.upsert([point(number, acl=f"a{number % 4}", vector=0, text=0) for number in range(40)])
    result = index.search(scope("a1", "a3"), request(words="loan credit policy", limit=100))
    wanted = sorted(chunk_id(number) for number in range(40) if number % 2)
    assert ids(result.dense) == wanted
    assert ids(result.sparse) == wanted


def test_a_familiar_acl_id_of_another_tenant_is_not_seen(index: VectorIndex) -> None:
    index.upsert([point(1, tenant="rival", acl="a0"), point(2, acl="a0")])
    result = index.search(scope("a0"), request())
    assert ids(result.dense) == [chunk_id(2)]


def test_an_empty_scope_is_answered_without_the_engine(engine: Engine, index: VectorIndex) -> None:
    index.upsert([point(1)])
    engine.host.drop("g1")
    assert index.search(scope(), request()).dense == ()
    assert index.search(scope(), request()).sparse == ()


def test_a_leg_that_is_not_asked_for_is_empty(index: VectorIndex) -> None:
    index.upsert([point(1, text="loan")])
    assert index.search(scope("a0"), SearchRequest(direction(1), None, limit=5)).sparse == ()
    lexical = index.search(scope("a0"), SearchRequest(None, encode_query("loan"), limit=5))
    assert lexical.dense == ()
    assert ids(lexical.sparse) == [chunk_id(1)]
    nothing = index.search(scope("a0"), SearchRequest(None, encode_query("the"), limit=5))
    assert nothing.sparse == ()


@pytest.mark.parametrize("limit", [1, 5, 17, 39])
def test_ties_at_the_cut_are_decided_by_id(index: VectorIndex, limit: int) -> None:
    index.upsert([point(number, vector=0, text="loan policy") for number in range(80)])
    result = index.search(scope("a0"), request(limit=limit))
    wanted = sorted(chunk_id(number) for number in range(80))[:limit]
    assert ids(result.dense) == wanted
    assert ids(result.sparse) == wanted


def test_ties_under_several_acls_are_decided_by_id(index: VectorIndex) -> None:
    index.upsert(
        [point(number, vector=0, text=0, acl=f"a{number % 5}") for number in reversed(range(100))]
    )
    result = index.search(scope("a0", "a2"), request(words="loan credit policy", limit=7))
    wanted = sorted(chunk_id(number) for number in range(100) if number % 5 in {0, 2})[:7]
    assert ids(result.dense) == wanted
    assert ids(result.sparse) == wanted


def test_text_without_terms_is_found_by_meaning_only(index: VectorIndex) -> None:
    index.upsert([point(1, text="the and of"), point(2, text="loan")])
    result = index.search(scope("a0"), request(words="loan"))
    assert set(ids(result.dense)) == {chunk_id(1), chunk_id(2)}
    assert ids(result.sparse) == [chunk_id(2)]


def test_the_length_of_an_embedding_does_not_matter(index: VectorIndex) -> None:
    plain = point(1)
    index.upsert([plain])
    before = index.search(scope("a0"), request(vector=4))
    asked = SearchRequest(direction(4) * np.float32(8), None, limit=5)
    assert index.search(scope("a0"), asked).dense == before.dense


def test_an_embedding_of_another_size_is_refused(index: VectorIndex) -> None:
    narrow = SearchRequest(np.ones(3, dtype=np.float32), None, limit=5)
    with pytest.raises(IndexUnavailableError, match=r"dense: shape \(3,\)"):
        index.search(scope("a0"), narrow)


def test_an_exact_search_says_so(index: VectorIndex) -> None:
    index.upsert([point(1)])
    assert index.search(scope("a0"), request()).exact


def test_optimising_and_flushing_change_no_answer(index: VectorIndex) -> None:
    index.upsert([point(number) for number in range(1500)])
    before = index.search(scope("a0"), request(limit=20))
    index.flush()
    index.optimise()
    assert index.search(scope("a0"), request(limit=20)) == before
