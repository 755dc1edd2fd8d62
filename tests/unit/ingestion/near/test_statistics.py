"""How much is held twice, counted by hand, and where the pairs stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ingestion.catalog import served_generation
from ingestion.near.record import settle
from ingestion.near.statistics import listed_pairs, statistics
from tests.support.installation import TENANT, Installation
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ingestion.near.statistics import ListedPair, SourceDuplicates
    from tests.support.catalogue import Blank

BASE = (
    "The travel allowance for trips abroad is 55 euros a day and is paid with the salary of the "
    "month that follows the trip"
)
SPECS = (acl("staff", allow("user:ann")), acl("board", allow("user:bob")))
LOAN = "A loan above the limit needs the signature of the branch manager and of a second reader"
SHELVES = {
    "wiki": {
        "a.txt": Shelved(BASE, "staff"),
        "b.txt": Shelved(BASE, "staff"),
        "c.txt": Shelved(BASE, "board"),
        "d.txt": Shelved(BASE.upper(), "staff"),
        "e.txt": Shelved(LOAN, "staff"),
    },
    "policies": {
        "a.txt": Shelved(BASE.replace("55", "60"), "board"),
        "b.txt": Shelved(LOAN, "board"),
    },
}


@pytest.fixture
def world(blank_catalogue: Blank, tmp_path: Path) -> Iterator[Installation]:
    with Installation.open(blank_catalogue, tmp_path / "data") as world:
        for name, shelf in SHELVES.items():
            world.ingest(ListedSource(name, SPECS, shelf))
        yield world


def counted(world: Installation) -> dict[str, SourceDuplicates]:
    settle(world.runtime.ingest_context(), TENANT)
    with world.runtime.database.read(TENANT) as session:
        found = statistics(session, TENANT, served_generation(session) or "")
    return {row.source: row for row in found}


def listed(
    world: Installation, *, source: str | None = None, conflicts: bool = False, limit: int = 9
) -> list[ListedPair]:
    with world.runtime.database.read(TENANT) as session:
        return listed_pairs(
            session,
            TENANT,
            served_generation(session) or "",
            source=source,
            conflicts=conflicts,
            limit=limit,
        )


def test_copies_near_pairs_and_conflicts_are_counted_by_source(world: Installation) -> None:
    found = counted(world)
    assert found["wiki"].to_dict() == {
        "source": "wiki",
        "occurrences": 5,
        "texts": 3,
        "exact": 2,
        "near_texts": 2,
        "near_pairs": 3,
        "conflicts": 2,
        "crowded": 0,
        "unsettled": 0,
        "exact_share": 0.4,
        "near_share": 0.6667,
    }
    policies = found["policies"].to_dict()
    assert {
        name: policies[name] for name in ("exact", "near_texts", "near_pairs", "conflicts")
    } == {
        "exact": 0,
        "near_texts": 0,
        "near_pairs": 2,
        "conflicts": 2,
    }


def test_a_deleted_copy_changes_its_own_count_and_no_other(world: Installation) -> None:
    before = counted(world)
    shelf = {name: shelved for name, shelved in SHELVES["wiki"].items() if name != "b.txt"}
    world.ingest(ListedSource("wiki", SPECS, shelf))
    after = counted(world)
    assert after["wiki"].exact == before["wiki"].exact - 1
    assert after["wiki"].near_pairs == before["wiki"].near_pairs
    assert after["policies"] == before["policies"]


def test_pairs_are_listed_with_where_they_stand(world: Installation) -> None:
    counted(world)
    best, *others = listed(world)
    assert (best.similarity, best.differences) == (1.0, [])
    assert {place.external_id for place in best.first + best.second} == {
        *("a.txt", "b.txt", "c.txt", "d.txt")
    }
    assert len(others) == 2
    for pair in listed(world, conflicts=True):
        ((said,)) = pair.differences
        assert {said["first"], said["second"]} <= {"55 euros", "60 euros", "55 EUROS"}
        for place in pair.first + pair.second:
            shelved = SHELVES[place.source][place.external_id]
            assert shelved.text[place.start : place.end] == shelved.text
    assert len(listed(world, source="policies")) == 2
    assert listed(world, limit=1) == [best]


def test_what_was_deleted_is_listed_no_more_even_before_it_is_settled(world: Installation) -> None:
    counted(world)
    world.ingest(ListedSource("policies", SPECS, {}))
    assert listed(world, conflicts=True) == []
    assert "policies" not in counted(world)


def test_an_empty_tenant_has_no_statistics(blank_catalogue: Blank, tmp_path: Path) -> None:
    with Installation.open(blank_catalogue, tmp_path / "data") as world:
        world.ensure_tenant()
        assert counted(world) == {}
        assert listed(world) == []
