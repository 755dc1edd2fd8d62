"""What operators are told of a source besides its state: permissions, backlog, what is pending."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from ingestion.freshness import (
    Condition,
    FreshnessState,
    PermissionFreshness,
    SourceFreshness,
    source_freshness,
)
from ingestion.models import DocumentRow, SourceRow
from ingestion.plan import document_id
from tests.support.clock import HOUR, NOON
from tests.support.installation import TENANT, Installation
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from datetime import datetime

SPECS = (acl("staff", allow("user:ann")),)
SHELF = {name: Shelved(f"Rule {name}.", "staff") for name in ("a.md", "b.md", "c.md")}
SECOND = timedelta(seconds=1)


def of(world: Installation) -> SourceFreshness:
    with world.runtime.database.read(TENANT) as session:
        (found,) = source_freshness(session, TENANT, world.clock())
    return found


def source(state: FreshnessState, closes_in_seconds: int | None) -> SourceFreshness:
    permissions = None
    if closes_in_seconds is not None:
        permissions = PermissionFreshness(NOON, 60, closes_in_seconds)
    return SourceFreshness(
        *("wiki", "folder", state, None, None, None, None, None, "flag"), permissions=permissions
    )


@pytest.mark.parametrize(
    ("state", "closes_in", "conditions"),
    [
        (FreshnessState.FRESH, None, set()),
        (FreshnessState.FRESH, 1, set()),
        (FreshnessState.FRESH, 0, {Condition.ACL_STALE}),
        (FreshnessState.STALE, 1, {Condition.STALE}),
        (FreshnessState.STALE, -1, {Condition.STALE, Condition.ACL_STALE}),
        (FreshnessState.FAILING, None, {Condition.FAILING}),
        (FreshnessState.UNKNOWN, None, {Condition.UNKNOWN}),
    ],
)
def test_a_scheduler_is_told_of_exactly_these_conditions(
    state: FreshnessState, closes_in: int | None, conditions: set[Condition]
) -> None:
    found = source(state, closes_in)
    assert {condition for condition in Condition if found.is_in(condition)} == conditions


def test_permissions_age_apart_from_content(world: Installation) -> None:
    world.ingest(ListedSource("wiki", SPECS, SHELF), acl_max_age_seconds=3600)
    moments = (NOON, NOON + HOUR - SECOND, NOON + HOUR, NOON + 2 * HOUR)
    assert [closing(world, at) for at in moments] == [
        (3600, False),
        (1, False),
        (0, True),
        (-3600, True),
    ]
    assert of(world).state is FreshnessState.FRESH
    world.ingest(ListedSource("wiki", SPECS, SHELF))
    assert closing(world, NOON + 2 * HOUR) == (3600, False)


def closing(world: Installation, at: datetime) -> tuple[int, bool]:
    world.clock.now = at
    permissions = of(world).permissions
    assert permissions is not None
    return permissions.closes_in_seconds, permissions.closed


def test_what_is_closed_admits_nobody_and_what_admits_is_not_said_to_be_closed(
    world: Installation,
) -> None:
    world.ingest(ListedSource("wiki", SPECS, SHELF), acl_max_age_seconds=3600)
    assert closing(world, NOON + HOUR - timedelta(microseconds=1)) == (1, False)
    assert closing(world, NOON + HOUR + timedelta(microseconds=1)) == (0, True)


def test_a_source_whose_permissions_do_not_age_says_nothing_of_them(world: Installation) -> None:
    world.ingest(ListedSource("wiki", SPECS, SHELF))
    assert of(world).permissions is None


def test_backlog_and_pending_documents_are_counted(world: Installation) -> None:
    world.ingest(ListedSource("wiki", SPECS, SHELF))
    assert (of(world).documents, of(world).backlog, of(world).pending) == (3, 0, 0)
    ident = document_id(world.runtime.secret, TENANT, "wiki", "a.md")
    with world.change() as session:
        session.get_one(SourceRow, (TENANT, "wiki")).backlog = 7
        session.get_one(DocumentRow, (TENANT, ident)).pending_since = NOON
    assert (of(world).documents, of(world).backlog, of(world).pending) == (3, 7, 1)
