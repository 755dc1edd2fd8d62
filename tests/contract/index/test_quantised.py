"""The embedded engine on a shard that is large enough to be quantised."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from ingestion.index.memory import MemoryIndex
from ingestion.index.port import SearchRequest
from ingestion.index.shards import InProcessEdgeHost
from tests.contract.index.worlds import assert_congruent, ids, point, scope, standing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingestion.index.gate import GatedIndex
    from ingestion.index.port import Point

_WIDE = 1024
_COUNT = 6_000  # 24 MB of vectors; the engine quantises segments from 20 MB on.


@pytest.fixture(scope="module")
def points() -> list[Point]:
    vectors = np.random.default_rng(11).normal(size=(_COUNT, _WIDE)).astype(np.float32)
    # Under a3 stand near copies of one vector, closer together than eight bits can tell apart.
    vectors[3::10] = vectors[3] + np.float32(0.003) * vectors[3::10]
    return [
        replace(point(number, acl=f"a{number % 10}", text=number % 50), dense=vector)
        for number, vector in enumerate(vectors)
    ]


@pytest.fixture(scope="module")
def quantised(
    points: list[Point], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GatedIndex]:
    host = InProcessEdgeHost(_shards(tmp_path_factory))
    index = host.open("g1", dimensions=_WIDE)
    index.upsert(points)
    index.optimise()
    yield index
    host.close()


def _shards(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("quantised") / "shards"


def _asked(seed: int, *, exact: bool) -> SearchRequest:
    vector = np.random.default_rng(seed).normal(size=_WIDE).astype(np.float32)
    return SearchRequest(vector, None, limit=10, exact=exact)


@pytest.mark.slow
def test_an_exact_search_is_in_full_precision(points: list[Point], quantised: GatedIndex) -> None:
    oracle = MemoryIndex(_WIDE)
    oracle.upsert(points)
    for seed in range(10):
        asked = _asked(seed, exact=True)
        got, want = (index.search(scope("a3"), asked) for index in (quantised, oracle))
        assert got.exact
        assert ids(got.dense) == ids(want.dense)
        assert_congruent(got, want)


@pytest.mark.slow
def test_an_approximate_search_says_so_and_is_rescored(quantised: GatedIndex) -> None:
    for seed in range(10):
        near = quantised.search(scope("a5"), _asked(seed, exact=False))
        exact = quantised.search(scope("a5"), _asked(seed, exact=True))
        assert not near.exact
        assert len(near.dense) == 10
        scores = {hit.id: hit.score for hit in exact.dense}
        common = [hit for hit in near.dense if hit.id in scores]
        assert len(common) >= 8, "oversampling and rescoring keep recall high"
        assert all(hit.score == scores[hit.id] for hit in common)


@pytest.mark.slow
def test_points_moved_out_of_a_quantised_segment_keep_their_scores(quantised: GatedIndex) -> None:
    asked = _asked(99, exact=True)
    before = quantised.search(scope("a4"), asked)
    quantised.set_places(dict.fromkeys(ids(before.dense), standing("wiki")))
    assert quantised.search(scope("a4"), asked) == before
