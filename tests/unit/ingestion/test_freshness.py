"""How current a source is, at a fixed time, from what its runs left behind."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion.catalog import SourceState
from ingestion.errors import SourceError
from ingestion.freshness import (
    FreshnessState,
    SourceFreshness,
    age_seconds,
    source_freshness,
    source_state,
)
from ingestion.jobs import SourceConfig, ingest
from tests.support.clock import HOUR, NOON
from tests.support.installation import TENANT, Installation
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingestion.documents import SourceItem

SPECS = (acl("staff", allow("user:ann")),)
FRESH, STALE, FAILING, UNKNOWN = FreshnessState


class ClosedSource(ListedSource):
    def list_items(self) -> Iterator[SourceItem]:
        raise SourceError("root: it is not there; mount it")


@pytest.mark.parametrize(
    ("attempt", "success", "max_age", "state"),
    [
        # Hours before now of the last failed attempt and of the last success; the SLA in hours.
        (None, None, None, UNKNOWN),
        (1, None, None, UNKNOWN),
        (1, None, 9, UNKNOWN),
        (None, 2, None, FRESH),
        (None, 2, 2, FRESH),
        (None, 2, 1, STALE),
        (1, 2, None, FAILING),
        (1, 2, 2, FAILING),
        (1, 2, 1, STALE),
    ],
)
def test_the_state_of_a_source_follows_its_runs(
    attempt: int | None, success: int | None, max_age: int | None, state: FreshnessState
) -> None:
    source = SourceState(
        name="wiki",
        max_age_seconds=None if max_age is None else max_age * 3600,
        on_stale="flag",
        last_attempt_at=None if attempt is None else NOON - attempt * HOUR,
        last_success_at=None if success is None else NOON - success * HOUR,
        last_error=None if attempt is None else "source_unreadable: it is not there",
    )
    assert state is source_state(source, NOON)


@given(then=st.datetimes(), now=st.datetimes())
def test_an_age_is_never_negative_and_counts_whole_seconds(then: datetime, now: datetime) -> None:
    age = age_seconds(then, now)
    assert age >= 0
    assert age == (max(now - then, timedelta()) // timedelta(seconds=1))


def test_a_clock_that_went_backwards_makes_nothing_stale() -> None:
    assert age_seconds(NOON + HOUR, NOON) == 0
    ahead = SourceState("wiki", 1, "flag", None, NOON + HOUR, None)
    assert source_state(ahead, NOON) is FRESH


def _run(world: Installation, source: ListedSource, *, max_age_seconds: int | None = None) -> None:
    ingest(
        world.runtime.ingest_context(),
        source,
        tenant=TENANT,
        config=SourceConfig("memory", {}, max_age_seconds),
    )


def _wiki(world: Installation) -> SourceFreshness:
    with world.runtime.database.read(TENANT) as session:
        (found,) = source_freshness(session, TENANT, world.clock())
    return found


def test_a_source_goes_from_unknown_to_fresh_to_stale_to_failing_and_back(
    world: Installation,
) -> None:
    open_, closed = ListedSource("wiki", SPECS, {}), ClosedSource("wiki", SPECS, {})
    with pytest.raises(SourceError):
        _run(world, closed, max_age_seconds=7200)
    found = _wiki(world)
    assert (found.state, found.age_seconds) == (UNKNOWN, None)
    _run(world, open_)
    found = _wiki(world)
    assert (found.state, found.age_seconds, found.max_age_seconds) == (FRESH, 0, 7200)
    world.clock.advance(HOUR)
    with pytest.raises(SourceError):
        _run(world, closed)
    found = _wiki(world)
    assert (found.state, found.age_seconds) == (FAILING, 3600)
    assert str(found.last_error).startswith("source_unreadable")
    world.clock.advance(2 * HOUR)
    assert _wiki(world).state is STALE
    _run(world, open_)
    found = _wiki(world)
    assert (found.state, found.last_error) == (FRESH, None)


def test_a_failing_source_is_not_hidden_by_a_clock_that_was_put_back(world: Installation) -> None:
    _run(world, ListedSource("wiki", SPECS, {}), max_age_seconds=7200)
    world.clock.advance(-HOUR)
    with pytest.raises(SourceError):
        _run(world, ClosedSource("wiki", SPECS, {}))
    assert _wiki(world).state is FAILING
    world.clock.advance(-HOUR)
    _run(world, ListedSource("wiki", SPECS, {}))
    assert _wiki(world).state is FRESH


def test_a_run_that_is_under_way_or_died_leaves_what_the_last_one_said(
    world: Installation,
) -> None:
    """Or every answer would carry a caveat for as long as a run takes."""

    class DyingSource(ListedSource):
        def list_items(self) -> Iterator[SourceItem]:
            raise KeyboardInterrupt

    _run(world, ListedSource("wiki", SPECS, {}))
    world.clock.advance(HOUR)
    with pytest.raises(KeyboardInterrupt):
        _run(world, DyingSource("wiki", SPECS, {}))
    found = _wiki(world)
    assert (found.state, found.last_error) == (FRESH, None)
    assert found.last_attempt_at is not None
    assert found.last_success_at is not None
    assert found.last_attempt_at > found.last_success_at


def test_live_documents_are_counted_and_deleted_ones_are_not(world: Installation) -> None:
    shelf = {name: Shelved(f"Rule {name}.", "staff") for name in ("a.md", "b.md")}
    _run(world, ListedSource("wiki", SPECS, shelf))
    assert _wiki(world).documents == 2
    del shelf["a.md"]
    _run(world, ListedSource("wiki", SPECS, shelf))
    assert _wiki(world).documents == 1
