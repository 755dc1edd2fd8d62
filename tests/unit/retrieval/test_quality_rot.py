"""What became of citations: each status by what was done to the document."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from acl.caller import ApiScope, Caller
from acl.errors import MissingScopeError
from acl.principal import Principal
from ingestion.jobs import SourceConfig, ingest
from retrieval.quality.rot import Reverified, by_age, reverify
from retrieval.receipt_status import ReceiptStatus
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.catalogue import Blank

ANN = caller("user:ann")
OLGA = Caller(TENANT, Principal.parse("user:olga"), api_scopes=frozenset({ApiScope.AUDIT}))
SPECS = (acl("open", allow("user:ann")),)
RATE = Shelved("The travel allowance abroad is 55 euros a day.", "open")
RAISED = Shelved("The travel allowance abroad is 60 euros a day.", "open")
LEAVE = Shelved("Travel allowance: staff have 28 days of leave abroad.", "open")
KEPT = Shelved("Keep every receipt of travel abroad for the allowance.", "open")


def statuses(world: Installation) -> dict[str, int]:
    found = [one.status.value for one in reverify(world.runtime, OLGA)]
    return {status: found.count(status) for status in sorted(set(found))}


def test_citations_are_told_by_what_became_of_their_documents(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    with Installation.open(blank_catalogue, tmp_path / "bank") as world:
        world.know("user:ann")
        shelf = {"rate.md": RATE, "leave.md": LEAVE, "kept.md": KEPT}
        config = SourceConfig("memory", {}, max_age_seconds=86_400)
        source = ListedSource("wiki", SPECS, shelf)
        ingest(world.runtime.ingest_context(), source, tenant=TENANT, config=config)
        assert len(world.ask(ANN).evidence) == 3
        assert statuses(world) == {"valid": 3}
        world.ingest(ListedSource("wiki", SPECS, {"rate.md": RAISED, "kept.md": KEPT}))
        assert statuses(world) == {"superseded": 1, "valid": 1, "withdrawn": 1}
        world.clock.advance(timedelta(days=9))
        assert statuses(world) == {"stale": 1, "superseded": 1, "withdrawn": 1}
        assert {one.age_seconds // 86_400 for one in reverify(world.runtime, OLGA)} == {9}
        late = world.clock() - timedelta(days=1)
        assert reverify(world.runtime, OLGA, since=late) == []
        assert len(reverify(world.runtime, OLGA, sample=2)) == 2
        with pytest.raises(MissingScopeError, match="audit"):
            reverify(world.runtime, ANN)
        other = Caller("rival", OLGA.subject, api_scopes=OLGA.api_scopes)
        world.ensure_tenant("rival")
        assert reverify(world.runtime, other) == []


def test_rot_is_told_by_age_and_small_weeks_lose_their_figures() -> None:
    day = 86_400.0
    fresh = [Reverified(day, "wiki", ReceiptStatus.VALID)] * 6
    old = [Reverified(15 * day, "wiki", ReceiptStatus.SUPERSEDED)] * 3
    old += [Reverified(16 * day, None, ReceiptStatus.WITHDRAWN)]
    old += [Reverified(17 * day, "wiki", ReceiptStatus.STALE)]
    few = [Reverified(22 * day, "wiki", ReceiptStatus.WITHDRAWN)] * 4
    first, second, third = by_age([*few, *old, *fresh])
    assert (first.weeks, first.citations, first.rotten) == (0, 6, 0.0)
    assert (second.weeks, second.rotten) == (2, 4 / 5)
    assert second.statuses == {"valid": 0, "stale": 1, "superseded": 3, "withdrawn": 1}
    assert (third.citations, third.rotten, third.statuses) == (4, None, {})
