"""Search is measured by asking it: through the real job, index and pipeline, under real scopes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from retrieval.evaluation.collection import REST, Collection
from retrieval.evaluation.exact import Nearest
from retrieval.evaluation.judged import read_judged
from retrieval.evaluation.resample import Resampling
from retrieval.evaluation.retrieval import evaluate_retrieval
from tests.support.installation import Installation
from tests.unit.evaluation.collections import write_collection

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.catalogue import Blank


def test_every_ranking_is_measured_and_what_is_easy_is_found(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    judged = read_judged(write_collection(tmp_path))
    asked: list[tuple[int, int]] = []
    with Installation.open(blank_catalogue, tmp_path / "data") as installation:
        report = evaluate_retrieval(
            installation.runtime,
            judged,
            shares=(0.5, 0.25),
            resampling=Resampling(20, 1),
            on_question=lambda done, total: asked.append((done, total)),
        ).to_dict()
    assert (report["documents"], report["refused"], report["questions"]) == (4, 0, 2)
    assert set(report["rankings"]) == {"words", "meaning", "fused", "served"}
    for ranking in ("words", "served"):
        assert report["rankings"][ranking]["recall@10"]["value"] == 1.0
    assert report["rankings"]["words"]["mrr@10"]["value"] == 1.0
    assert [view["documents"] for view in report["views"]] == [2, 1]
    assert [view["leaked"] for view in report["views"]] == [0, 0]
    assert [view["recall_of_exact"] for view in report["views"]] == [1.0, 1.0]
    assert asked[-1] == (6, 6)


@pytest.mark.parametrize("shares", [(), (0.5,), (0.3, 0.3), (0.25, 0.75)])
def test_each_share_holds_its_part_and_the_rest_holds_what_is_left(
    tmp_path: Path, shares: tuple[float, ...]
) -> None:
    documents = read_judged(write_collection(tmp_path)).documents
    many = {f"{name}-{n}": one for name, one in documents.items() for n in range(100)}
    acls = list(Collection.shared_out(many, shares).acls_of.values())
    for number, share in enumerate(shares, start=1):
        assert acls.count(f"share-{number}") == round(share * len(many))
    assert acls.count(REST) == len(many) - sum(round(share * len(many)) for share in shares)
    assert Collection.shared_out(dict(reversed(many.items())), shares).acls_of == dict(
        Collection.shared_out(many, shares).acls_of
    )


class Turned:
    """Gives every question the same vector."""

    def embed_query(self, _: str) -> object:
        return np.array([1.0, 0.0], np.float32)


def test_the_nearest_are_documents_by_their_nearest_chunk() -> None:
    vectors = np.array([[0.1, 1], [0.9, 0], [0.5, 0], [0.4, 0]], np.float32)
    nearest = Nearest(Turned(), vectors, ["a", "a", "b", "c"])  # type: ignore[arg-type] # one use
    assert nearest.recall("?", ["a", "b"], depth=2) == 1.0
    assert nearest.recall("?", ["a", "c"], depth=2) == 0.5
    assert nearest.recall("?", [], depth=2) == 0.0
    assert nearest.recall("?", ["c", "b", "a", "d"], depth=9) == 1.0
