"""Changes of rank are counted, and nothing of a replay is served or kept."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select

from acl.audit.models import AuditRow
from ingestion import generations
from ingestion.chunking import Chunker
from ingestion.errors import GenerationError
from retrieval.evaluation.shadow import compare, shadow
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.catalogue import Blank

ANN = caller("user:ann")
SPECS = (acl("open", allow("user:ann")), acl("board", allow("user:bob")))


def test_two_rankings_are_compared_by_what_both_found_and_where() -> None:
    change = compare(["a", "b", "c"], ["b", "a", "d"], question=1, caller=1)
    assert change.overlap == 2 / 4
    assert change.first_changed
    assert change.moved == 1.0
    assert (change.lost, change.gained) == (1, 1)
    nothing = compare(["a"], [], question=1, caller=1)
    assert (nothing.overlap, nothing.moved, nothing.lost) == (0.0, None, 1)


def test_a_candidate_that_is_built_alike_answers_alike_and_leaves_no_trace(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    with Installation.open(blank_catalogue, tmp_path / "bank") as world:
        world.know("user:ann", "user:bob", "user:nobody")
        shelf = {
            f"{n}.md": Shelved(f"The travel allowance {n} is {n} euros.", "open") for n in "12"
        }
        world.ingest(ListedSource("wiki", SPECS, shelf))
        runtime = world.runtime
        work = runtime.ingest_context()
        active = runtime.generation()
        assert active is not None
        with pytest.raises(GenerationError):
            shadow(runtime, active.id, ["travel"], [ANN])
        made = generations.build(work, chunker=Chunker(work.embedder.count_tokens, max_tokens=16))
        with runtime.audit_database.read(TENANT) as session:
            before = session.scalar(select(func.count()).select_from(AuditRow))
        callers = [ANN, caller("user:bob"), caller("user:nobody")]
        report = shadow(runtime, made, ["travel allowance", "euros"], callers)
        assert len(report.changes) == 2, "whoever sees nothing is not asked"
        assert report.overlap == 1.0
        told = report.to_dict()
        assert (told["candidate"], told["active"], told["answers"]) == (made, active.id, 2)
        assert "1.md" not in str(told)
        with runtime.audit_database.read(TENANT) as session:
            assert session.scalar(select(func.count()).select_from(AuditRow)) == before
