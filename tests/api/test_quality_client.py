"""The datasets as frames: the same whether they come whole or in pages."""

from __future__ import annotations

import importlib.util
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from retrieval.api.app import create_app
from retrieval.client import RefusedError
from retrieval.client.quality import Quality
from retrieval.quality.datasets import SHAPES, Dataset
from retrieval.quality.synthetic import Plan
from retrieval.quality.synthetic_store import write
from tests.support.clock import NOON
from tests.support.installation import TENANT, Installation
from tests.support.web import serving

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.catalogue import Blank

MIDNIGHT = datetime(NOON.year, NOON.month, NOON.day, tzinfo=UTC)


@pytest.fixture(scope="module")
def address(
    blank_catalogue: Blank, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, str, str]]:
    """Where a service listens, a token of an analyst, and one of somebody else."""
    home = tmp_path_factory.mktemp("client")
    with Installation.open(blank_catalogue, home / "data") as world:
        plan = Plan(tenants=(TENANT,), weeks=1, queries=30, ends=MIDNIGHT)
        write(world.runtime.database, plan, audit_database=world.runtime.audit_database)
        world.know("user:ana")
        tokens = []
        for scope in (ApiScope.ANALYST, ApiScope.RETRIEVE):
            with world.change() as session:
                who, now = Principal.parse("user:ana"), world.clock()
                tokens.append(create_key(session, TENANT, who, api_scopes=(scope,), now=now).token)
        with serving(create_app(world.runtime)) as url:
            yield url, *tokens


@pytest.mark.parametrize("dataset", Dataset)
def test_a_frame_is_the_same_with_and_without_pyarrow(
    address: tuple[str, str, str], dataset: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    url, token, _ = address
    with Quality(url, token) as quality:
        whole = quality.frame(dataset)
        monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
        monkeypatch.setattr("retrieval.client.quality._PAGE", 11)
        paged = quality.frame(dataset)
        rows: list[Any] = [row for page in quality.pages(dataset) for row in page]
    assert_frame_equal(whole, paged)
    assert list(whole.columns) == list(SHAPES[dataset].names)
    assert len(whole) == len(rows)
    assert dataset is Dataset.SOURCES or len(whole) > 0


def test_an_empty_period_is_an_empty_frame_with_the_same_types(
    address: tuple[str, str, str],
) -> None:
    url, token, _ = address
    with Quality(url, token) as quality:
        full = quality.frame("claims")
        none = quality.frame("claims", since=NOON + timedelta(days=900))
        assert none.empty
        assert none.dtypes.equals(full.dtypes)
        assert isinstance(full["at"].dtype, pd.DatetimeTZDtype)
        assert 0 < quality.min_relevance() < 1


def test_whoever_is_no_analyst_is_told_so(address: tuple[str, str, str]) -> None:
    url, _, other = address
    with Quality(url, other) as quality, pytest.raises(RefusedError, match="analyst") as raised:
        quality.frame("retrievals")
    assert raised.value.status == 403
    with pytest.raises(ValueError, match="secrets"):
        Quality(url, other).frame("secrets")
