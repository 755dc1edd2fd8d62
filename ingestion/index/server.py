"""A Qdrant server or cluster behind the same port: a collection per generation.

Differences from the embedded engine, all in layout: a graph per tenant for approximate searches
(``m=0``, ``payload_m``), and exactly one shard per collection, because a server measures IDF shard
by shard. The server must be 1.19 or newer: older ones pass over the IDF corpus without a word, and
scores would then depend on hidden documents. What never lives here: the order of scores, access
decisions, credentials (the client comes with them).
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from qdrant_client import models

from acl.conditions import TENANT, AnyOf
from ingestion.errors import IndexUnavailableError
from ingestion.index import schema
from ingestion.index.facets import portions
from ingestion.index.gate import GatedIndex
from ingestion.index.port import Hit, SearchResult, SparseVector
from ingestion.index.scoring import answer
from ingestion.index.server_calls import Replication, ask, write

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from qdrant_client import QdrantClient

    from acl.conditions import AllOf, Condition
    from ingestion.index.facets import Facets
    from ingestion.index.gate import ClearedSearch
    from ingestion.index.port import Point

OLDEST_SERVER: Final = (1, 19)
_BATCH: Final = 256
_IDS: Final = 4096
_PLACES: Final = 4096
# Removals and new places go through one node, in their order, wherever they come in.
_STRONG: Final = models.WriteOrdering.STRONG
_SEPARATOR: Final = "~"  # Cannot stand in a generation's name or in a prefix.


class ServerHost:
    """An :class:`~ingestion.index.port.IndexHost` over a Qdrant server.

    Args:
        client: a synchronous client, with its address, key and timeouts; closed with the host.
        prefix: keeps this installation's collections apart from others on the same server.
        replication: of collections that are made; None for a server alone.
    """

    def __init__(
        self, client: QdrantClient, *, prefix: str, replication: Replication | None = None
    ) -> None:
        self._client = client
        self._replication = replication or Replication()
        self._prefix = f"{schema.checked_name(prefix)}{_SEPARATOR}"

    def open(self, generation: str, *, dimensions: int) -> GatedIndex:
        """Open a generation, creating it when absent.

        Raises:
            IndexUnavailableError: no answer, a server too old, or other dimensions.
        """
        name = self._collection(generation)
        held = ask("open", generation, partial(self._found_or_made, name, dimensions))
        if held != dimensions:
            raise schema.dimension_mismatch(generation, held=held, asked=dimensions)
        return GatedIndex(_Collection(self._client, name, generation), dimensions=dimensions)

    def drop(self, generation: str) -> None:
        """Delete a generation."""
        name = self._collection(generation)
        ask("drop", generation, lambda: self._client.delete_collection(name))

    def generations(self) -> list[str]:
        """Names of all generations under this prefix, sorted."""
        held = ask("list", "*", self._client.get_collections)
        names = [one.name for one in held.collections]
        return sorted(n.removeprefix(self._prefix) for n in names if n.startswith(self._prefix))

    def info(self) -> dict[str, object]:
        """Points per generation; memory and process are the server's own business."""
        points = {}
        for generation in self.generations():
            count = partial(self._client.count, self._collection(generation), exact=True)
            points[generation] = ask("count", generation, count).count
        return {"points": points, "memory": 0, "pid": None}

    def close(self) -> None:
        """Close the client."""
        self._client.close()

    def _collection(self, generation: str) -> str:
        return self._prefix + schema.checked_name(generation)

    def _found_or_made(self, name: str, dimensions: int) -> int:
        """The dimensions that a collection has, after making it if it is not there."""
        self._check_version()
        if not self._client.collection_exists(name):
            self._lay_out(name, dimensions)
        vectors = self._client.get_collection(name).config.params.vectors
        return vectors[schema.DENSE].size if isinstance(vectors, dict) else 0

    def _check_version(self) -> None:
        version = self._client.info().version
        found = re.match(r"(\d+)\.(\d+)", version)
        if not found or tuple(map(int, found.groups())) < OLDEST_SERVER:
            raise IndexUnavailableError(
                f"index: the Qdrant server is {version}; use 1.19 or newer, "
                "older ones ignore the IDF corpus and would leak through scores"
            )

    def _lay_out(self, name: str, dimensions: int) -> None:
        self._client.create_collection(
            name,
            shard_number=1,
            replication_factor=self._replication.replicas,
            write_consistency_factor=self._replication.acknowledged,
            on_disk_payload=True,
            vectors_config={
                schema.DENSE: models.VectorParams(size=dimensions, distance=models.Distance.DOT)
            },
            sparse_vectors_config={
                schema.SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)
            },
            hnsw_config=models.HnswConfigDiff(
                m=schema.GRAPH_LINKS,
                payload_m=schema.TENANT_GRAPH_LINKS,
                ef_construct=schema.GRAPH_BREADTH,
            ),
            quantization_config=models.ScalarQuantization(
                scalar=models.ScalarQuantizationConfig(
                    type=models.ScalarType.INT8, quantile=schema.QUANTILE, always_ram=True
                )
            ),
        )
        for field in schema.KEYWORDS:
            index = models.KeywordIndexParams(
                type=models.KeywordIndexType.KEYWORD, is_tenant=field == TENANT
            )
            self._client.create_payload_index(name, field, field_schema=index)
        for field in schema.NUMBERS:
            ranges = models.IntegerIndexParams(
                type=models.IntegerIndexType.INTEGER, lookup=False, range=True
            )
            self._client.create_payload_index(name, field, field_schema=ranges)


class _Collection:
    """One collection. Implements :class:`~ingestion.index.gate.Engine` and ``LegEngine``."""

    def __init__(self, client: QdrantClient, name: str, generation: str) -> None:
        self._client = client
        self._name = name
        self._generation = generation

    def upsert(self, points: Sequence[Point]) -> None:
        for start in range(0, len(points), _BATCH):
            batch = [_server_point(point) for point in points[start : start + _BATCH]]
            write(
                "upsert",
                self._generation,
                partial(self._client.upsert, self._name, batch, wait=True),
            )

    def delete(self, ids: Sequence[str]) -> None:
        write(
            "delete",
            self._generation,
            partial(self._client.delete, self._name, list(ids), wait=True, ordering=_STRONG),
        )

    def set_places(self, changes: Mapping[str, tuple[Facets, ...]]) -> None:
        held = self.has(list(changes))  # A call that names an unknown id may be refused whole.
        known = {chunk: places for chunk, places in changes.items() if chunk in held}
        for portion in portions(known, most=_PLACES):
            groups: dict[tuple[Facets, ...], list[models.ExtendedPointId]] = {}
            for chunk, places in portion.items():
                groups.setdefault(places, []).append(chunk)
            operations = [
                models.SetPayloadOperation(
                    set_payload=models.SetPayload(payload=schema.placed(places), points=ids)
                )
                for places, ids in groups.items()
            ]
            place = partial(
                self._client.batch_update_points,
                self._name,
                operations,
                wait=True,
                ordering=_STRONG,
            )
            write("set_places", self._generation, place)

    def search(self, search: ClearedSearch) -> SearchResult:
        return answer(self, search)

    def dense(
        self, search: ClearedSearch, vector: NDArray[np.float32], limit: int
    ) -> Sequence[Hit]:
        if search.exact:
            params = models.SearchParams(
                exact=True, quantization=models.QuantizationSearchParams(ignore=True)
            )
        else:
            params = models.SearchParams(
                quantization=models.QuantizationSearchParams(
                    rescore=True, oversampling=schema.OVERSAMPLING
                )
            )
        request = models.QueryRequest(
            query=vector.tolist(),
            using=schema.DENSE,
            filter=_filter(search.condition, search.exclude),
            params=params,
            limit=limit,
        )
        return self._asked([request])[0]

    def sparse(self, search: ClearedSearch, vector: SparseVector, limit: int) -> Sequence[Hit]:
        narrowed = _filter(search.condition, search.exclude)
        return self._asked([_lexical(search, vector, narrowed, limit)])[0]

    def terms(
        self, search: ClearedSearch, vectors: Sequence[SparseVector], candidates: Sequence[str]
    ) -> Sequence[dict[str, float]]:
        narrowed = models.Filter(
            must=[
                _filter(search.condition, search.exclude),
                models.HasIdCondition(has_id=list(candidates)),
            ]
        )
        answers = self._asked(
            [_lexical(search, vector, narrowed, len(candidates)) for vector in vectors]
        )
        return [{hit.id: hit.score for hit in hits} for hits in answers]

    def count(self) -> int:
        count = partial(self._client.count, self._name, exact=True)
        return ask("count", self._generation, count).count

    def page(self, after: str | None, limit: int) -> list[str]:
        scroll = partial(
            self._client.scroll,
            self._name,
            offset=after,
            limit=limit + 1,  # The server's offset is inclusive; the mark itself is dropped.
            with_payload=False,
            with_vectors=False,
        )
        records, _ = ask("scroll", self._generation, scroll)
        return [chunk for chunk in (str(record.id) for record in records) if chunk != after][:limit]

    def has(self, ids: Sequence[str]) -> set[str]:
        found: set[str] = set()
        for start in range(0, len(ids), _IDS):
            retrieve = partial(
                self._client.retrieve,
                self._name,
                ids[start : start + _IDS],
                with_payload=False,
                with_vectors=False,
            )
            records = ask("retrieve", self._generation, retrieve)
            found.update(str(record.id) for record in records)
        return found

    def optimise(self) -> None:
        """Nothing to do: a server optimises by itself."""

    def flush(self) -> None:
        """Nothing to do: a server flushes by itself, and waits are acknowledged from its log."""

    def _asked(self, requests: list[models.QueryRequest]) -> list[list[Hit]]:
        search = partial(self._client.query_batch_points, self._name, requests)
        answers = ask("search", self._generation, search)
        return [[_hit(point) for point in one.points] for one in answers]


def _hit(point: models.ScoredPoint) -> Hit:
    # A server computes in float32; the decimals of a transport, and the last bits of the client's
    # local mode (which follow the number of stored rows), are noise beyond that.
    return Hit(str(point.id), float(np.float32(point.score)))


def _server_point(point: Point) -> models.PointStruct:
    # An empty sparse vector is stored as well: the IDF population counts the points that have one.
    return models.PointStruct(
        id=point.id,
        vector={schema.DENSE: point.dense.tolist(), schema.SPARSE: _server_sparse(point.sparse)},
        payload=dict(schema.payload(point)),
    )


def _server_sparse(vector: SparseVector) -> models.SparseVector:
    return models.SparseVector(indices=list(vector.indices), values=list(vector.values))


def _lexical(
    search: ClearedSearch, vector: SparseVector, narrowed: models.Filter, limit: int
) -> models.QueryRequest:
    return models.QueryRequest(
        query=_server_sparse(vector),
        using=schema.SPARSE,
        filter=narrowed,
        params=models.SearchParams(
            exact=True,
            idf=models.IdfCorpusParams(corpus=_filter(search.corpus, search.exclude)),
        ),
        limit=limit,
    )


def _filter(condition: AllOf, exclude: frozenset[str]) -> models.Filter:
    place: list[models.Condition] = [_match(one) for one in condition.place]
    must: list[models.Condition] = [*(_match(one) for one in condition.conditions), *place]
    if len(place) > 1:  # Of a single condition, what holds of all places holds of one.
        once = models.FieldCondition(key=schema.STANDS, match=models.MatchAny(any=[schema.ONCE]))
        together = models.NestedCondition(
            nested=models.Nested(key=schema.PLACES, filter=models.Filter(must=place))
        )
        must.append(models.Filter(should=[once, together]))
    return models.Filter(
        must=must,
        must_not=[models.HasIdCondition(has_id=sorted(exclude))] if exclude else None,
    )


def _match(condition: Condition) -> models.FieldCondition:
    if isinstance(condition, AnyOf):
        return models.FieldCondition(
            key=condition.field, match=models.MatchAny(any=list(condition.values))
        )
    bounds = models.Range(gte=condition.low, lt=condition.high)
    return models.FieldCondition(key=condition.field, range=bounds)
