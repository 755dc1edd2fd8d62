"""The language of the index process: allow-listed methods, JSON frames, no pickling.

A frame is one JSON object; vectors travel as base64 of their bytes, so every bit arrives. A search
travels as its compiled conditions, never as a scope: :class:`~ingestion.index.gate.ClearedSearch`
is built anew on the far side and checks itself there. What never lives here: sockets, engines.
"""

from __future__ import annotations

import json
from array import array
from base64 import b64decode, b64encode
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from acl.conditions import AllOf, AnyOf, Between
from ingestion.index.facets import Facets
from ingestion.index.gate import ClearedSearch
from ingestion.index.port import Hit, Point, SearchResult, SparseVector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from acl.conditions import Condition

MAX_FRAME_BYTES: Final = 64 * 2**20


class Method(StrEnum):
    """Everything the process can be asked for."""

    CREATE = "create"
    DROP = "drop"
    GENERATIONS = "generations"
    INFO = "info"
    UPSERT = "upsert"
    DELETE = "delete"
    SET_PLACES = "set_places"
    SEARCH = "search"
    COUNT = "count"
    PAGE = "page"
    HAS = "has"
    OPTIMISE = "optimise"
    FLUSH = "flush"
    SHUTDOWN = "shutdown"


def to_frame(message: dict[str, Any]) -> bytes:
    """One message as bytes."""
    return json.dumps(message, separators=(",", ":"), allow_nan=False).encode()


def from_frame(frame: bytes) -> dict[str, Any]:
    """One message from bytes.

    Raises:
        ValueError: it is not a JSON object.
    """
    try:
        message = json.loads(frame)
    except ValueError as error:
        raise ValueError("frame: send one JSON object") from error
    if not isinstance(message, dict):
        raise ValueError("frame: send one JSON object")  # noqa: TRY004 - content, not a type
    return message


def pack_points(points: Sequence[Point]) -> list[list[Any]]:
    """Points, ready for a frame."""
    return [
        [
            point.id,
            point.tenant,
            point.acl,
            _pack_facets(point.places),
            _pack_floats(point.dense),
            _pack_sparse(point.sparse),
        ]
        for point in points
    ]


def unpack_points(packed: list[list[Any]]) -> list[Point]:
    """Points from a frame."""
    return [
        Point(
            id=chunk,
            tenant=tenant,
            acl=acl,
            places=_unpack_facets(places),
            dense=_unpack_floats(dense),
            sparse=_unpack_sparse(sparse),
        )
        for chunk, tenant, acl, places, dense, sparse in packed
    ]


def pack_places(changes: Mapping[str, tuple[Facets, ...]]) -> dict[str, list[list[Any]]]:
    """Places by chunk id, ready for a frame."""
    return {chunk: _pack_facets(places) for chunk, places in changes.items()}


def unpack_places(packed: dict[str, list[list[Any]]]) -> dict[str, tuple[Facets, ...]]:
    """Places by chunk id, from a frame."""
    return {chunk: _unpack_facets(places) for chunk, places in packed.items()}


def pack_search(search: ClearedSearch) -> dict[str, Any]:
    """A cleared search, ready for a frame."""
    return {
        "corpus": _pack_conditions(search.corpus.conditions),
        "own": [_pack_own(one) for one in search.condition.place],
        "exclude": sorted(search.exclude),
        "dense": None if search.dense is None else _pack_floats(search.dense),
        "sparse": None if search.sparse is None else _pack_sparse(search.sparse),
        "limit": search.limit,
        "exact": search.exact,
    }


def unpack_search(packed: dict[str, Any]) -> ClearedSearch:
    """A cleared search from a frame.

    Raises:
        ValueError: it does not name one tenant and at least one ACL.
    """
    corpus = _unpack_conditions(packed["corpus"])
    return ClearedSearch(
        corpus=AllOf(corpus),
        condition=AllOf(corpus, tuple(_unpack_own(*one) for one in packed["own"])),
        exclude=frozenset(packed["exclude"]),
        dense=None if packed["dense"] is None else _unpack_floats(packed["dense"]),
        sparse=None if packed["sparse"] is None else _unpack_sparse(packed["sparse"]),
        limit=int(packed["limit"]),
        exact=bool(packed["exact"]),
    )


def pack_result(result: SearchResult) -> dict[str, Any]:
    """A result, ready for a frame; scores survive to the bit."""
    return {
        "dense": [[hit.id, hit.score] for hit in result.dense],
        "sparse": [[hit.id, hit.score] for hit in result.sparse],
        "exact": result.exact,
    }


def unpack_result(packed: dict[str, Any]) -> SearchResult:
    """A result from a frame."""
    return SearchResult(
        dense=tuple(Hit(chunk, score) for chunk, score in packed["dense"]),
        sparse=tuple(Hit(chunk, score) for chunk, score in packed["sparse"]),
        exact=packed["exact"],
    )


def _pack_conditions(conditions: Sequence[AnyOf]) -> list[list[Any]]:
    return [[condition.field, list(condition.values)] for condition in conditions]


def _unpack_conditions(packed: list[list[Any]]) -> tuple[AnyOf, ...]:
    return tuple(AnyOf(field, tuple(values)) for field, values in packed)


def _pack_own(condition: Condition) -> list[Any]:
    if isinstance(condition, AnyOf):
        return [condition.field, list(condition.values)]
    return [condition.field, condition.low, condition.high]


def _unpack_own(field: str, *rest: Any) -> Condition:
    match rest:
        case (list(values),):
            return AnyOf(field, tuple(values))
        case (int() | None as low, int() | None as high):
            return Between(field, low, high)
    raise ValueError("own: a condition is a field and its values, or a field and two bounds")


def _pack_facets(places: Sequence[Facets]) -> list[list[Any]]:
    return [
        [one.source, one.document, one.media_type, one.modified, one.tags, one.language]
        for one in places
    ]


def _unpack_facets(packed: list[list[Any]]) -> tuple[Facets, ...]:
    return tuple(
        Facets(source, document, media_type, modified, tuple(tags), language)
        for source, document, media_type, modified, tags, language in packed
    )


def _pack_floats(vector: NDArray[np.float32]) -> str:
    return b64encode(vector.astype("<f4").tobytes()).decode("ascii")


def _unpack_floats(packed: str) -> NDArray[np.float32]:
    return np.frombuffer(b64decode(packed, validate=True), dtype="<f4")


def _pack_sparse(vector: SparseVector) -> list[str]:
    return [
        b64encode(array("I", vector.indices).tobytes()).decode("ascii"),
        b64encode(array("d", vector.values).tobytes()).decode("ascii"),
    ]


def _unpack_sparse(packed: list[str]) -> SparseVector:
    indices, values = array("I"), array("d")
    indices.frombytes(b64decode(packed[0], validate=True))
    values.frombytes(b64decode(packed[1], validate=True))
    return SparseVector(tuple(indices), tuple(values))
