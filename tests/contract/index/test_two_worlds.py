"""Non-interference at the index: hidden points change no bit of an answer, floats included."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.index.lexical import encode_query
from ingestion.index.port import SearchRequest
from tests.contract.index.worlds import DIMENSIONS, direction, point, requests, scope

if TYPE_CHECKING:
    from acl.scope import AccessScope
    from ingestion.index.port import Point, VectorIndex
    from tests.contract.index.conftest import Engine

_VISIBLE = range(1_000)
_HIDDEN = range(10_000, 13_000)
_SEEN = scope("a0", "a1", "a2")


@pytest.mark.parametrize("optimised", [False, True], ids=["unoptimised", "optimised"])
def test_thousands_of_hidden_points_change_no_bit(engine: Engine, *, optimised: bool) -> None:
    small, big = (engine.host.open(name, dimensions=DIMENSIONS) for name in ("small", "big"))
    visible = [point(n, acl=f"a{n % 3}", vector=n % 400, text=n % 500) for n in _VISIBLE]
    small.upsert(visible)
    everything = [*visible, *_hidden()[: 500 if engine.slow else None]]
    # Internal positions and posting lists must differ, so the visible ones are strewn in.
    shuffled = np.random.default_rng(3).permutation(len(everything))
    big.upsert([everything[n] for n in shuffled])
    if optimised:
        small.optimise()
        big.optimise()
    for asked in requests(3 if engine.slow else 60):
        _assert_same(small, big, asked, seen=_SEEN)


def test_hidden_points_that_came_and_went_change_no_bit(engine: Engine) -> None:
    small, big = (engine.host.open(name, dimensions=DIMENSIONS) for name in ("small", "big"))
    visible = [point(n, vector=n % 80, text=n % 60) for n in range(150)]
    hidden = list(_hidden())[:600]
    big.upsert(hidden[:300])
    for index in (small, big):
        index.upsert(visible)
    big.upsert(hidden[300:])
    big.delete([one.id for one in hidden[100:500]])
    big.optimise()
    big.upsert(hidden[50:150])
    for asked in requests(3 if engine.slow else 30):
        _assert_same(small, big, asked, seen=scope("a0"))


_hidden_facets = st.tuples(
    st.sampled_from(["hidden", "other", "a0"]), st.integers(0, 9), st.integers(0, 9)
)


# One pair of shards serves all examples, each in a tenant of its own; what earlier examples left
# is hidden from later ones. That is why sharing the fixture is wanted here.
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    visible=st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12),
    hidden=st.lists(_hidden_facets, min_size=1, max_size=20),
    words=st.lists(st.sampled_from(["loan", "credit", "policy", "2024"]), min_size=1, max_size=4),
    vector=st.integers(0, 12),
    limit=st.integers(1, 8),
    before=st.booleans(),
)
def test_random_hidden_points_change_no_bit(
    engine: Engine,
    *,
    visible: list[tuple[int, int]],
    hidden: list[tuple[str, int, int]],
    words: list[str],
    vector: int,
    limit: int,
    before: bool,
) -> None:
    tenant = uuid.uuid4().hex
    base = uuid.uuid4().int % 10**12
    small, big = (engine.host.open(name, dimensions=DIMENSIONS) for name in ("small", "big"))
    shown = [point(base + n, tenant=tenant, vector=v, text=t) for n, (v, t) in enumerate(visible)]
    # A hidden point with a familiar ACL id belongs to another tenant.
    unseen = [
        point(base + 500 + n, acl=acl, tenant=tenant + "x" * (acl == "a0"), vector=v, text=t)
        for n, (acl, v, t) in enumerate(hidden)
    ]
    small.upsert(shown)
    for batch in (unseen, shown) if before else (shown, unseen):
        big.upsert(batch)
    asked = SearchRequest(direction(vector), encode_query(" ".join(words)), limit=limit)
    _assert_same(small, big, asked, seen=scope("a0", tenant=tenant))


def _hidden() -> list[Point]:
    """Near copies, exact ties and strangers, under other ACLs and in another tenant."""
    return [
        point(
            n,
            acl="secret" if n % 4 else "a0",
            tenant="bank" if n % 4 else "rival",
            vector=n % 400 if n % 2 else n,
            text=n % 500 if n % 3 else "merger secret loan " * (1 + n % 9),
        )
        for n in _HIDDEN
    ]


def _assert_same(
    small: VectorIndex, big: VectorIndex, asked: SearchRequest, *, seen: AccessScope
) -> None:
    # Plain equality: ids, order, and every bit of every float.
    assert big.search(seen, asked) == small.search(seen, asked)
