"""Worlds of points and scopes for the contract suite: seeded, small vocabularies, many ties."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from acl.caller import Caller
from acl.principal import Principal, PrincipalKind
from acl.scope import MINT, AccessScope
from ingestion.index.facets import Facets
from ingestion.index.lexical import encode_document, encode_query
from ingestion.index.port import Point, SearchRequest

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ingestion.index.port import SearchResult

DIMENSIONS = 32
TENANT = "bank"
_WORDS = [
    *("loan", "credit", "policy", "holiday", "salary", "invoice", "audit", "branch", "mortgage"),
    *("rate", "limit", "2024", "4711", "secret", "merger", "bonus", "travel", "card", "fraud"),
]


def chunk_id(number: int) -> str:
    """A stable UUID whose order has nothing to do with the order of insertion."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"chunk {number}"))


def direction(seed: int) -> NDArray[np.float32]:
    """A direction of its own for each seed; equal seeds are exact ties."""
    return np.random.default_rng(seed).normal(size=DIMENSIONS).astype(np.float32)


def text_of(seed: int) -> str:
    """A text of three to forty words; equal seeds are exact ties."""
    rng = np.random.default_rng(seed)
    weights = 1.0 / np.arange(1, len(_WORDS) + 1)
    words = rng.choice(_WORDS, size=int(rng.integers(3, 40)), p=weights / weights.sum())
    return " ".join(words.tolist())


def point(
    number: int,
    *,
    acl: str = "a0",
    tenant: str = TENANT,
    vector: int | None = None,
    text: str | int | None = None,
    sources: tuple[str, ...] = ("policies",),
    media_type: str = "text/plain",
    places: tuple[Facets, ...] | None = None,
) -> Point:
    """Point ``number``; ``vector`` and ``text`` are seeds, by default the number itself.

    It stands where ``places`` say, or else in one document of each of ``sources``.
    """
    words = text if isinstance(text, str) else text_of(number if text is None else text)
    return Point(
        id=chunk_id(number),
        tenant=tenant,
        acl=acl,
        places=standing(*sources, media_type=media_type) if places is None else places,
        dense=direction(number if vector is None else vector),
        sparse=encode_document(words),
    )


def standing(*sources: str, media_type: str = "text/plain") -> tuple[Facets, ...]:
    """A place in one document of each of the sources."""
    return tuple(Facets(source, f"a document of {source}", media_type) for source in sources)


def scope(*acls: str, tenant: str = TENANT, sources: frozenset[str] | None = None) -> AccessScope:
    """A scope over the given ACLs, and the sources the token is narrowed to."""
    return AccessScope(
        caller=Caller(tenant=tenant, subject=Principal(PrincipalKind.USER, "ann")),
        acl_ids=frozenset(acls),
        sources=sources,
        closed=frozenset(),
        as_of=datetime(2026, 1, 1, tzinfo=UTC),
        valid_until=None,
        acl_version=1,
        mint=MINT,
    )


def request(vector: int = 0, words: str = "loan policy 2024", limit: int = 5) -> SearchRequest:
    """A request for both legs."""
    return SearchRequest(dense=direction(vector), sparse=encode_query(words), limit=limit)


def requests(count: int, *, limit: int = 10) -> list[SearchRequest]:
    """``count`` different requests of one to eight words."""
    rng = np.random.default_rng(7)
    return [
        request(
            vector=90_000 + number,
            words=" ".join(rng.choice(_WORDS, size=int(rng.integers(1, 9))).tolist()),
            limit=limit,
        )
        for number in range(count)
    ]


@dataclass(frozen=True)
class Tolerance:
    """How far an engine in float32 may stand from the oracle in float64."""

    absolute: float = 2e-6
    relative: float = 4e-6

    def of(self, score: float) -> float:
        return self.absolute + self.relative * abs(score)


def assert_congruent(got: SearchResult, want: SearchResult) -> None:
    """The same ids in the same order with the same scores, but for rounding of near-ties."""
    for leg, expected in ((got.dense, want.dense), (got.sparse, want.sparse)):
        assert len(leg) == len(expected)
        assert list(leg) == sorted(leg, key=lambda hit: (-hit.score, hit.id))
        scores = {hit.id: hit.score for hit in expected}
        for mine, theirs in zip(leg, expected, strict=True):
            slack = Tolerance().of(theirs.score)
            assert abs(mine.score - theirs.score) <= slack
            assert abs(scores.get(mine.id, expected[-1].score) - mine.score) <= slack


def ids(hits: Iterable[object]) -> list[str]:
    """The ids of hits, in order."""
    return [hit.id for hit in hits]  # type: ignore[attr-defined]
