"""The embedded engine, in process: one shard directory per generation, write-ahead log on.

Used inside the index process, and directly by tests. Every call into the engine holds the
interpreter lock, so nothing that also serves requests should open a shard itself
(:class:`ingestion.index.client.EdgeHost` is for that). The engine locks its log: a second opener
fails.

A write is acknowledged once it stands in the log, so the death of the process loses nothing;
:meth:`EdgeEngine.flush` is for the death of the machine. What never lives here: the order of
scores, access decisions.
"""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import qdrant_edge as qe

from acl.conditions import TENANT, AnyOf
from ingestion.errors import IndexUnavailableError
from ingestion.index import schema
from ingestion.index.port import Hit, SearchResult, SparseVector
from ingestion.index.scoring import answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from acl.conditions import AllOf, Condition
    from ingestion.index.facets import Facets
    from ingestion.index.gate import ClearedSearch
    from ingestion.index.port import Point

    # The engine's own, whole: its lists are of nothing less.
    _Condition: TypeAlias = (
        qe.FieldCondition
        | qe.IsEmptyCondition
        | qe.IsNullCondition
        | qe.HasIdCondition
        | qe.HasVectorCondition
        | qe.NestedCondition
        | qe.Filter
    )

# Points per engine call. A call cannot be interrupted; 128 keep a waiting query's delay near ten
# milliseconds.
_BATCH: Final = 128


class EdgeEngine:
    """One shard. Implements :class:`~ingestion.index.gate.Engine` and ``LegEngine``."""

    def __init__(self, shard: qe.EdgeShard) -> None:
        self._shard = shard
        self._closed = False
        self._writing = threading.Lock()

    @classmethod
    def create(cls, path: Path, *, dimensions: int) -> EdgeEngine:
        """Lay out a new shard; ``path`` must not hold one."""
        with _engine_errors("create"):
            shard = qe.EdgeShard.create(str(path), _config(dimensions))
            for field in schema.KEYWORDS:
                index = qe.KeywordIndexParams(is_tenant=field == TENANT)
                shard.update(qe.UpdateOperation.create_field_index(field, index))
            for field in schema.NUMBERS:
                ranges = qe.IntegerIndexParams(lookup=False, range=True)
                shard.update(qe.UpdateOperation.create_field_index(field, ranges))
            shard.flush()
        return cls(shard)

    @classmethod
    def load(cls, path: Path) -> EdgeEngine:
        """Open an existing shard, replaying its log."""
        with _engine_errors("open"):
            return cls(qe.EdgeShard.load(str(path)))

    def upsert(self, points: Sequence[Point]) -> None:
        """Insert or replace; durable against the death of the process when it returns."""
        for start in range(0, len(points), _BATCH):
            batch = [_engine_point(point) for point in points[start : start + _BATCH]]
            with _engine_errors("upsert"):
                self._shard.update(qe.UpdateOperation.upsert_points(batch))

    def delete(self, ids: Sequence[str]) -> None:
        """Remove points; unknown ids are passed over."""
        with self._writing, _engine_errors("delete"):
            self._shard.update(qe.UpdateOperation.delete_points(list(ids)))

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        """Replace places, one engine call per distinct value; unknown ids are passed over."""
        groups: dict[tuple[Facets, ...], list[str]] = {}
        # The engine refuses a call that names an unknown id, and a deletion in another thread
        # must not make one unknown meanwhile.
        with self._writing, _engine_errors("set_places"):
            held = self.has(list(changes))
            for chunk, places in changes.items():
                if chunk in held:
                    groups.setdefault(places, []).append(chunk)
            for places, ids in groups.items():
                change = qe.UpdateOperation.set_payload(list(ids), schema.placed(places))
                self._shard.update(change)

    def search(self, search: ClearedSearch) -> SearchResult:
        """Answer a cleared search deterministically."""
        return answer(self, search)

    def dense(
        self, search: ClearedSearch, vector: NDArray[np.float32], limit: int
    ) -> Sequence[Hit]:
        """The raw dense leg."""
        if search.exact:
            params = qe.SearchParams(
                exact=True, quantization=qe.QuantizationSearchParams(ignore=True)
            )
        else:
            params = qe.SearchParams(
                quantization=qe.QuantizationSearchParams(
                    rescore=True, oversampling=schema.OVERSAMPLING
                )
            )
        request = qe.QueryRequest(
            limit=limit,
            query=qe.Query.Nearest(vector.tolist(), using=schema.DENSE),
            filter=_filter(search.condition, search.exclude),
            params=params,
        )
        with _engine_errors("search"):
            return _hits(self._shard.query(request))

    def sparse(self, search: ClearedSearch, vector: SparseVector, limit: int) -> Sequence[Hit]:
        """The raw lexical leg."""
        request = _lexical(search, vector, _filter(search.condition, search.exclude), limit)
        with _engine_errors("search"):
            return _hits(self._shard.query(request))

    def terms(
        self, search: ClearedSearch, vectors: Sequence[SparseVector], candidates: Sequence[str]
    ) -> Sequence[dict[str, float]]:
        """Single-term scores of the candidates, all terms in one engine call."""
        narrowed = qe.Filter(
            must=[
                _filter(search.condition, search.exclude),
                qe.HasIdCondition(set(candidates)),
            ]
        )
        batch = [_lexical(search, vector, narrowed, len(candidates)) for vector in vectors]
        with _engine_errors("search"):
            answers = self._shard.query_batch(qe.QueryBatchRequest(batch))
        return [{str(point.id): point.score for point in points} for points in answers]

    def count(self) -> int:
        """Number of points."""
        with _engine_errors("count"):
            return self._shard.count(qe.CountRequest(exact=True))

    def page(self, after: str | None, limit: int) -> list[str]:
        """Up to ``limit`` ids above ``after``, ascending."""
        request = qe.ScrollRequest(
            offset=after,
            limit=limit + 1,  # The engine's offset is inclusive; the mark itself is dropped.
            with_payload=False,
            with_vector=False,
        )
        with _engine_errors("scroll"):
            records, _ = self._shard.scroll(request)
        ids = [str(record.id) for record in records]
        return [chunk for chunk in ids if chunk != after][:limit]

    def has(self, ids: Sequence[str]) -> set[str]:
        """Those of ``ids`` that are held."""
        with _engine_errors("retrieve"):
            records = self._shard.retrieve(list(ids), with_payload=False, with_vector=False)
        return {str(record.id) for record in records}

    def optimise(self) -> None:
        """Merge and quantise segments; holds the interpreter lock throughout."""
        self.merge()

    def merge(self) -> bool:
        """As :meth:`optimise`; says whether there was anything to do."""
        with _engine_errors("optimise"):
            return self._shard.optimize()

    def flush(self) -> None:
        """Write everything to disk."""
        with _engine_errors("flush"):
            self._shard.flush()

    def close(self) -> None:
        """Flush and release the shard's lock."""
        if not self._closed:
            self._closed = True
            with _engine_errors("close"):
                self._shard.flush()
                self._shard.close()


@contextmanager
def _engine_errors(doing: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # The binding raises bare Exception.
        raise IndexUnavailableError(
            f"index: the engine could not {doing}: {error}; run 'clearance doctor', and reindex "
            "if the generation is damaged"
        ) from error


def _config(dimensions: int) -> qe.EdgeConfig:
    return qe.EdgeConfig(
        vectors={
            schema.DENSE: qe.EdgeVectorParams(size=dimensions, distance=qe.Distance.Dot),
        },
        sparse_vectors={schema.SPARSE: qe.EdgeSparseVectorParams(modifier=qe.Modifier.Idf)},
        hnsw_config=qe.HnswIndexConfig(
            m=schema.GRAPH_LINKS,
            ef_construct=schema.GRAPH_BREADTH,
            full_scan_threshold=10_000,
        ),
        quantization_config=qe.ScalarQuantizationConfig(
            type=qe.ScalarType.Int8, quantile=schema.QUANTILE, memory=qe.Memory.Pinned
        ),
        wal_enabled=True,
    )


def _engine_point(point: Point) -> qe.Point:
    sparse = qe.SparseVector(list(point.sparse.indices), list(point.sparse.values))
    # An empty sparse vector is stored as well: the IDF population counts the points that have one.
    return qe.Point(
        id=point.id,
        vector={schema.DENSE: point.dense.tolist(), schema.SPARSE: sparse},
        payload=schema.payload(point),
    )


def _lexical(
    search: ClearedSearch, vector: SparseVector, narrowed: qe.Filter, limit: int
) -> qe.QueryRequest:
    terms = qe.SparseVector(list(vector.indices), list(vector.values))
    return qe.QueryRequest(
        limit=limit,
        query=qe.Query.Nearest(terms, using=schema.SPARSE),
        filter=narrowed,
        params=qe.SearchParams(
            exact=True,
            idf=qe.IdfParams(corpus=_filter(search.corpus, search.exclude)),
        ),
    )


def _filter(condition: AllOf, exclude: frozenset[str]) -> qe.Filter:
    place: list[_Condition] = [_match(one) for one in condition.place]
    must: list[_Condition] = [*(_match(one) for one in condition.conditions), *place]
    if len(place) > 1:  # Of a single condition, what holds of all places holds of one.
        once = qe.FieldCondition(schema.STANDS, match=qe.MatchAny([schema.ONCE]))
        together = qe.NestedCondition(schema.PLACES, qe.Filter(must=place))
        must.append(qe.Filter(should=[once, together]))
    return qe.Filter(
        must=must,
        must_not=[qe.HasIdCondition(set(exclude))] if exclude else None,
    )


def _match(condition: Condition) -> qe.FieldCondition:
    if isinstance(condition, AnyOf):
        return qe.FieldCondition(condition.field, match=qe.MatchAny(list(condition.values)))
    bounds = qe.RangeFloat(gte=condition.low, lt=condition.high)
    return qe.FieldCondition(condition.field, range=bounds)


def _hits(points: Sequence[qe.ScoredPoint]) -> list[Hit]:
    return [Hit(str(point.id), point.score) for point in points]
