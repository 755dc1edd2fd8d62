"""A switch of generations leaves the near-duplicates of what is served, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from ingestion.errors import BusyError
from ingestion.generations import promote, rebuild, rollback, switch
from ingestion.lock import exclusive
from ingestion.models import ChunkRow
from ingestion.records import NearPairRow, SignatureRow
from tests.support.content import active
from tests.support.generations import BY, other, ready, taught
from tests.support.installation import TENANT, Installation

if TYPE_CHECKING:
    from ingestion.context import IngestContext


@pytest.fixture
def told(world: Installation) -> Installation:
    return taught(world)


def served(world: Installation) -> set[str]:
    """The texts of the generation that is served."""
    with world.runtime.database.read(TENANT) as session:
        where = ChunkRow.generation == active(world)
        return set(session.scalars(select(ChunkRow.embedded_sha).where(where)))


def settled(world: Installation) -> set[str]:
    """The texts that are compared with one another."""
    with world.runtime.database.read(TENANT) as session:
        pairs = session.execute(select(NearPairRow.first, NearPairRow.second))
        signed = set(session.scalars(select(SignatureRow.sha)))
        assert all(set(pair) <= signed for pair in pairs)
    return signed


def test_every_switch_settles_what_is_served_from_then_on(told: Installation) -> None:
    assert settled(told) == served(told)
    before = served(told)
    promote(other(told), ready(told), by=BY, force=True)
    assert served(told) != before
    assert settled(told) == served(told)
    rollback(other(told), by=BY)
    assert settled(told) == served(told) == before
    rebuild(other(told))
    assert settled(told) == served(told)


@pytest.mark.parametrize("error", [BusyError("somebody writes"), ValueError("a bug")])
def test_a_settling_that_fails_does_not_fail_the_switch(
    told: Installation, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_context: IngestContext, _tenant: str) -> None:
        raise error

    made = ready(told)
    monkeypatch.setattr(switch, "settle", fail)
    promote(other(told), made, by=BY, force=True)
    assert active(told) == made
    assert rollback(other(told), by=BY) == "g1"


def test_nobody_is_kept_from_writing_while_it_settles(
    told: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    free: list[bool] = []

    def look(context: IngestContext, _tenant: str) -> None:
        with exclusive(context.lock_path, timeout=0):
            free.append(True)

    made = ready(told)
    monkeypatch.setattr(switch, "settle", look)
    promote(other(told), made, by=BY, force=True)
    rollback(other(told), by=BY)
    rebuild(other(told))
    assert free == [True, True, True]
