"""Records read in batches, by columns, are the rows that were written, on either engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from retrieval import quality
from retrieval.quality import reading
from retrieval.quality.made_up import made_up
from retrieval.quality.synthetic import Plan
from retrieval.quality.synthetic_store import write

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.catalogue import Blank

PLAN = Plan(tenants=("bank",), weeks=1, queries=30)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def blank(request: pytest.FixtureRequest) -> Blank:
    catalogue: Blank = request.getfixturevalue(f"{request.param}_catalogue")
    return catalogue


def in_order(frame: pd.DataFrame, *keys: str) -> pd.DataFrame:
    return frame.sort_values(list(keys), ignore_index=True)


def test_what_is_read_in_batches_is_what_was_written(
    blank: Blank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_BATCH", 7)
    database = blank.open(tmp_path)
    write(database, PLAN)
    written = made_up(PLAN)
    for read, expected, keys in (
        (quality.retrievals, written.retrievals, ("record_id",)),
        (quality.evidence, written.evidence, ("record_id", "rank")),
        (quality.checks, written.checks, ("record_id",)),
        (quality.claims, written.claims, ("record_id", "place")),
    ):
        found = read(database, "bank")
        assert found["at"].is_monotonic_increasing
        pd.testing.assert_frame_equal(in_order(found, *keys), in_order(expected, *keys))
    assert quality.claims(database, "bank", since=PLAN.ends).dtypes.equals(written.claims.dtypes)
    database.close()
