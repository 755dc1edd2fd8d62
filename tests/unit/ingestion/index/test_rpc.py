"""The language of the index process: whatever goes in comes out, to the bit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from acl.conditions import AllOf, AnyOf, Between
from ingestion.index import rpc
from ingestion.index.facets import Facets
from ingestion.index.gate import ClearedSearch
from ingestion.index.port import Hit, Point, SearchResult, SparseVector

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from acl.conditions import Condition

_text = st.text(st.characters(codec="utf-8"), max_size=20)
_floats = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1).map(
    lambda values: np.array(values, dtype=np.float32)
)
_sparse = st.dictionaries(
    st.integers(0, 2**32 - 1),
    st.floats(min_value=0, exclude_min=True, allow_infinity=False, allow_nan=False),
).map(
    lambda weights: SparseVector(tuple(sorted(weights)), tuple(weights[i] for i in sorted(weights)))
)
_number = st.none() | st.integers(-(2**62), 2**62)
_own = st.lists(
    st.builds(AnyOf, _text, st.lists(_text).map(tuple))
    | st.builds(Between, _text, _number, _number)
).map(tuple)
_tags = st.lists(_text, max_size=3).map(tuple)
_places = st.lists(st.builds(Facets, _text, _text, _text, _number, _tags, st.none() | _text)).map(
    tuple
)
_scope = st.tuples(
    st.builds(AnyOf, st.just("tenant"), st.tuples(_text)),
    st.builds(AnyOf, st.just("acl"), st.lists(_text, min_size=1).map(tuple)),
)


@given(dense=_floats, sparse=_sparse, places=_places, acl=_text)
def test_points_travel_to_the_bit(
    dense: NDArray[np.float32], sparse: SparseVector, places: tuple[Facets, ...], acl: str
) -> None:
    sent = Point("an id", "bank", acl, places, dense, sparse)
    (got,) = rpc.unpack_points(_sent(rpc.pack_points([sent])))
    assert got.dense.tobytes() == dense.tobytes()
    assert (got.id, got.tenant, got.acl, got.places) == ("an id", "bank", acl, places)
    assert got.sparse == sparse


@given(_places)
def test_changes_of_places_travel(places: tuple[Facets, ...]) -> None:
    sent = {"an id": places}
    assert rpc.unpack_places(_sent(rpc.pack_places(sent))) == sent


@pytest.mark.parametrize("own", [["source"], ["source", "wiki"], ["modified", 1], ["a", "b", "c"]])
def test_a_condition_that_is_none_is_refused(own: list[object]) -> None:
    packed = {"corpus": [["tenant", ["bank"]], ["acl", ["a"]]], "own": [own]}
    with pytest.raises(ValueError, match="own: a condition is"):
        rpc.unpack_search(packed)


@given(scope=_scope, own=_own, exclude=st.frozensets(_text), dense=_floats, sparse=_sparse)
def test_searches_travel_to_the_bit(
    scope: tuple[AnyOf, AnyOf],
    own: tuple[Condition, ...],
    exclude: frozenset[str],
    dense: NDArray[np.float32],
    sparse: SparseVector,
) -> None:
    sent = ClearedSearch(
        corpus=AllOf(scope),
        condition=AllOf(scope, own),
        exclude=exclude,
        dense=dense,
        sparse=sparse,
        limit=7,
        exact=False,
    )
    got = rpc.unpack_search(_sent(rpc.pack_search(sent)))
    assert (got.corpus, got.condition, got.exclude) == (sent.corpus, sent.condition, exclude)
    assert got.dense is not None
    assert got.dense.tobytes() == dense.tobytes()
    assert (got.sparse, got.limit, got.exact) == (sparse, 7, False)


@given(st.lists(st.builds(Hit, _text, st.floats(allow_nan=False, allow_infinity=False))).map(tuple))
def test_results_travel_to_the_bit(hits: tuple[Hit, ...]) -> None:
    result = SearchResult(dense=hits, sparse=hits[::-1], exact=True)
    assert rpc.unpack_result(_sent(rpc.pack_result(result))) == result


@pytest.mark.parametrize("frame", [b"", b"[]", b"1", b"{", b"\xff", b"\x80\x04."])
def test_a_frame_that_is_no_json_object_is_refused(frame: bytes) -> None:
    with pytest.raises(ValueError, match="frame: send one JSON object"):
        rpc.from_frame(frame)


def _sent(content: Any) -> Any:
    return rpc.from_frame(rpc.to_frame({"content": content}))["content"]
