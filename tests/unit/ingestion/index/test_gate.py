"""The gate: no search without a scope, none that is wider than its scope."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest

from acl.caller import Caller
from acl.conditions import AllOf, AnyOf, InvalidConditionError
from acl.principal import Principal, PrincipalKind
from acl.scope import MINT, AccessScope
from ingestion.errors import IndexUnavailableError
from ingestion.index import gate
from ingestion.index.facets import Facets
from ingestion.index.gate import ClearedSearch, GatedIndex, clear, unit
from ingestion.index.memory import MemoryIndex
from ingestion.index.port import (
    Point,
    SearchRequest,
    SearchResult,
    SparseVector,
    VectorIndex,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.index.gate import Engine

_TENANT = AnyOf("tenant", ("bank",))
_ACL = AnyOf("acl", ("a0", "a1"))
_ID = "00000000-0000-0000-0000-00000000000a"
_REQUEST = SearchRequest(np.ones(4, np.float32), None, limit=5, own=(AnyOf("source", ("wiki",)),))


def _scope(*acls: str) -> AccessScope:
    return AccessScope(
        caller=Caller(tenant="bank", subject=Principal(PrincipalKind.USER, "ann")),
        acl_ids=frozenset(acls),
        sources=None,
        closed=frozenset(),
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=None,
        acl_version=1,
        mint=MINT,
    )


def _cleared(corpus: tuple[AnyOf, ...], condition: tuple[AnyOf, ...]) -> ClearedSearch:
    return ClearedSearch(
        corpus=AllOf(corpus),
        condition=AllOf(condition),
        exclude=frozenset(),
        dense=None,
        sparse=None,
        limit=1,
        exact=True,
    )


@pytest.mark.parametrize("index", [VectorIndex, GatedIndex])
def test_every_search_takes_a_scope_first_and_without_default(
    index: type[VectorIndex],
) -> None:
    searching = [name for name in dir(index) if "search" in name or "query" in name]
    assert searching == ["search"]
    parameters = list(inspect.signature(index.search).parameters.values())
    assert parameters[1].name == "scope"
    assert parameters[1].default is inspect.Parameter.empty


def test_a_cleared_search_carries_the_scope_and_the_own_filter() -> None:
    search = clear(_scope("a1", "a0"), _REQUEST, dimensions=4)
    assert search.corpus == AllOf((_TENANT, _ACL))
    assert search.condition == AllOf((_TENANT, _ACL), (AnyOf("source", ("wiki",)),))


def test_an_empty_scope_cannot_be_cleared() -> None:
    with pytest.raises(InvalidConditionError, match="scope: it is empty"):
        clear(_scope(), _REQUEST, dimensions=4)


@pytest.mark.parametrize(
    "corpus",
    [
        (),
        (_TENANT,),
        (_ACL,),
        (_ACL, _TENANT),
        (_TENANT, AnyOf("acl", ())),
        (AnyOf("tenant", ()), _ACL),
        (AnyOf("tenant", ("bank", "rival")), _ACL),
        (_TENANT, _ACL, AnyOf("source", ())),
        (_TENANT, _ACL, AnyOf("language", ("en",))),
        (_TENANT, _ACL, AnyOf("source", ("wiki",)), AnyOf("language", ("en",))),
    ],
)
def test_a_corpus_other_than_one_tenant_and_some_acls_is_refused(corpus: tuple[AnyOf, ...]) -> None:
    with pytest.raises(ValueError, match="corpus: it must name one tenant"):
        _cleared(corpus, corpus)


@pytest.mark.parametrize(
    "condition",
    [(), (_TENANT,), (AnyOf("source", ("wiki",)), _TENANT, _ACL), (_TENANT, AnyOf("acl", ("z",)))],
)
def test_a_condition_that_is_not_under_its_corpus_is_refused(condition: tuple[AnyOf, ...]) -> None:
    with pytest.raises(ValueError, match="condition: it must be the corpus"):
        _cleared((_TENANT, _ACL), condition)


@pytest.mark.parametrize("field", ["tenant", "acl", "title", "Source", ""])
def test_a_filter_on_a_field_that_is_not_filterable_is_refused(field: str) -> None:
    known = "document, language, media_type, modified, source, tags"
    with pytest.raises(InvalidConditionError, match=f"filters.{field}: .*{known}"):
        SearchRequest(None, None, limit=1, own=(AnyOf(field, ("x",)),))


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="limit: ask for at least one"):
        SearchRequest(None, None, limit=limit)


def test_a_vector_is_scaled_to_length_one_in_float32() -> None:
    scaled = unit(np.array([3, 4], np.float32), dimensions=2)
    assert scaled.dtype == np.float32
    assert scaled.tolist() == [np.float32(0.6), np.float32(0.8)]


def test_a_very_long_vector_does_not_overflow() -> None:
    assert unit(np.full(2, 3e38, np.float32), dimensions=2).tolist() == pytest.approx(
        [0.5**0.5] * 2
    )


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_a_vector_without_a_direction_is_refused(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="dense: it must be finite and not zero"):
        unit(np.array(bad, np.float32), dimensions=2)


def test_a_vector_of_another_size_is_refused_with_the_remedy() -> None:
    with pytest.raises(IndexUnavailableError, match="the generation's own embedder") as raised:
        unit(np.ones(3, np.float32), dimensions=2)
    assert raised.value.code == "index_mismatch"


@pytest.mark.parametrize(("tenant", "acl"), [("", "a0"), ("bank", "")])
def test_a_point_without_tenant_or_acl_is_never_stored(tenant: str, acl: str) -> None:
    index = MemoryIndex(2)
    empty = SparseVector((), ())
    with pytest.raises(ValueError, match="it needs a tenant and an acl"):
        index.upsert([Point(_ID, tenant, acl, (), np.ones(2, np.float32), empty)])
    assert index.count() == 0


@pytest.mark.parametrize("chunk", ["", "1", _ID.upper(), _ID.replace("-", ""), f"{{{_ID}}}"])
def test_an_id_that_is_not_a_canonical_uuid_is_refused(chunk: str) -> None:
    with pytest.raises(ValueError, match=r"UUID|hexadecimal"):
        MemoryIndex(2).delete([chunk])


@pytest.mark.parametrize(
    ("indices", "values", "named"),
    [
        ((1,), (), "as many values"),
        ((2, 1), (1.0, 1.0), "sort them"),
        ((1, 1), (1.0, 1.0), "duplicates"),
        ((-1,), (1.0,), "32 bits"),
        ((2**32,), (1.0,), "32 bits"),
        ((1,), (0.0,), "above zero"),
        ((1,), (-1.0,), "above zero"),
        ((1,), (float("nan"),), "finite"),
        ((1,), (float("inf"),), "finite"),
    ],
)
def test_a_malformed_sparse_vector_is_refused(
    indices: tuple[int, ...], values: tuple[float, ...], named: str
) -> None:
    with pytest.raises(ValueError, match=named):
        SparseVector(indices, values)


class _Asked(MemoryIndex):
    """An engine that notes what it is asked to change."""

    def __init__(self, dimensions: int) -> None:
        super().__init__(dimensions)
        self.changes: list[object] = []

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        self.changes.append(changes)
        super().set_places(changes)


def test_places_are_passed_on_under_well_formed_ids_and_nothing_is_not() -> None:
    engine = _Asked(4)
    index = GatedIndex(engine, dimensions=4)
    wiki, mail = (Facets(source, "a document", "text/plain") for source in ("wiki", "mail"))
    index.set_places({})
    index.set_places({_ID: (wiki, mail, wiki)})
    with pytest.raises(ValueError, match="lower case"):
        index.set_places({_ID.upper(): (wiki,)})
    assert engine.changes == [{_ID: (mail, wiki)}]


def test_what_is_answered_without_the_engine_is_exact() -> None:
    index = GatedIndex(MemoryIndex(4), dimensions=4)
    assert index.search(_scope(), _REQUEST).exact
    assert index.search(_scope("a0"), SearchRequest(None, None, limit=1)).exact


def test_a_search_by_words_alone_stays_one() -> None:
    words = SparseVector((1,), (1.0,))
    cleared = clear(_scope("a0"), SearchRequest(None, words, limit=1), dimensions=4)
    assert cleared.dense is None
    assert cleared.sparse is words
    assert clear(_scope("a0"), _REQUEST, dimensions=4).dense is not None


def _numbered(count: int) -> list[Point]:
    return [
        Point(
            id=f"00000000-0000-0000-0000-{number:012x}",
            tenant="bank",
            acl="a0",
            places=(Facets("wiki", "a document", "text/plain"),),
            dense=np.ones(4, np.float32),
            sparse=SparseVector((1,), (1.0,)),
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("page", [1, 2, 3, 4, 100])
def test_every_id_is_told_once_and_in_order_however_long_a_page_is(
    page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "PAGE", page)
    index = MemoryIndex(4)
    index.upsert(_numbered(7))
    assert list(index.ids()) == [point.id for point in _numbered(7)]
    assert list(MemoryIndex(4).ids()) == []


def test_what_is_held_is_told_and_nothing_else() -> None:
    index = MemoryIndex(4)
    index.upsert(_numbered(2))
    assert index.has([point.id for point in _numbered(3)]) == {p.id for p in _numbered(2)}
    assert index.has([]) == set()


class _Counting:
    """Notes what it is asked for, and finds nothing."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def search(self, _cleared: ClearedSearch) -> SearchResult:
        self.asked.append("search")
        return SearchResult(dense=(), sparse=(), exact=True)

    def optimise(self) -> None:
        self.asked.append("optimise")

    def flush(self) -> None:
        self.asked.append("flush")


def test_the_engine_is_asked_where_there_is_a_scope_and_one_leg_and_only_there() -> None:
    engine = _Counting()
    index = GatedIndex(cast("Engine", engine), dimensions=4)
    dense, words = np.ones(4, np.float32), SparseVector((1,), (1.0,))
    index.search(_scope("a0"), SearchRequest(dense, None, limit=1))
    index.search(_scope("a0"), SearchRequest(None, words, limit=1))
    assert engine.asked == ["search", "search"]
    index.search(_scope("a0"), SearchRequest(None, None, limit=1))
    index.search(_scope(), SearchRequest(dense, words, limit=1))
    assert engine.asked == ["search", "search"]


def test_what_is_to_be_tidied_is_passed_on() -> None:
    engine = _Counting()
    index = GatedIndex(cast("Engine", engine), dimensions=4)
    index.optimise()
    index.flush()
    assert engine.asked == ["optimise", "flush"]
