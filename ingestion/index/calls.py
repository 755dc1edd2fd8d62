"""What a call about one generation does to its engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ingestion.index import rpc

if TYPE_CHECKING:
    from ingestion.index.edge import EdgeEngine

WRITES: Final = frozenset({rpc.Method.UPSERT, rpc.Method.DELETE, rpc.Method.SET_PLACES})
"""The calls that change what a generation holds."""


def ask(engine: EdgeEngine, method: rpc.Method, given: Any) -> Any:  # noqa: PLR0911 - one each
    """Make one call.

    Raises:
        IndexUnavailableError: the engine failed.
        ValueError: the method is not about a generation, or what was given does not suit it.
    """
    match method:
        case rpc.Method.SEARCH:
            return rpc.pack_result(engine.search(rpc.unpack_search(given)))
        case rpc.Method.UPSERT:
            return engine.upsert(rpc.unpack_points(given))
        case rpc.Method.DELETE:
            return engine.delete(given)
        case rpc.Method.SET_PLACES:
            return engine.set_places(rpc.unpack_places(given))
        case rpc.Method.COUNT:
            return engine.count()
        case rpc.Method.PAGE:
            return engine.page(given["after"], int(given["limit"]))
        case rpc.Method.HAS:
            return sorted(engine.has(given))
        case rpc.Method.FLUSH:
            return engine.flush()
    raise ValueError(f"method: {method} is not about a generation")
