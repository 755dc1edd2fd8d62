"""One run over one source: what it counts, what it leaves alone, what it changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import select

from acl.models import AclRow, Tenant
from ingestion import jobs
from ingestion.generations import rebuild
from ingestion.jobs import SourceConfig, ingest
from ingestion.models import RunRow, VersionRow
from ingestion.report import Progress, RunStatus
from tests.support.clock import HOUR
from tests.support.content import active, assert_consistent, content, dump, points
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    import pytest

    from tests.support.embedding import CountingEmbedder
    from tests.support.interrupted import InterruptedHost

from tests.unit.ingestion.shelves import (
    BOARD,
    SHELF,
    SPECS,
    STAFF,
    counts,
    listed,
    runs,
    source_row,
    troubled,
)


def test_a_run_counts_what_was_added_changed_moved_deleted_and_unchanged(
    world: Installation,
) -> None:
    first = world.ingest(listed())
    assert counts(first) == {"listed": 3, "added": 3}
    assert first.status is RunStatus.OK
    shelf = {
        "a.md": Shelved("The travel allowance abroad is 60 euros.", "staff"),
        "b.md": Shelved(SHELF["b.md"].text, "board"),
        "d.md": Shelved("The canteen opens at noon.", "staff"),
        "e.md": Shelved("The canteen closes at two.", "staff"),
    }
    second = world.ingest(listed(shelf))
    assert counts(second) == {"listed": 4, "added": 2, "changed": 1, "moved": 1, "deleted": 1}
    third = world.ingest(listed(shelf))
    assert counts(third) == {"listed": 4, "unchanged": 4}


def test_a_second_run_asks_neither_embedder_nor_index_for_anything(
    world: Installation, host: InterruptedHost, embedder: CountingEmbedder
) -> None:
    world.ingest(listed())
    before = content(world, host.memory)
    host.writes.clear()
    embedder.embedded.clear()
    world.clock.advance(HOUR)
    world.ingest(listed())
    assert (host.writes, embedder.embedded) == ([], [])
    assert content(world, host.memory) == before


def test_a_second_run_confirms_what_it_found_unchanged(world: Installation) -> None:
    world.ingest(listed())
    world.clock.advance(HOUR)
    world.ingest(listed())
    evidence = world.ask(caller()).evidence
    assert {piece.freshness.age_seconds for piece in evidence} == {0}


def test_a_dry_run_counts_the_same_and_writes_nothing_at_all(
    world: Installation, host: InterruptedHost, embedder: CountingEmbedder
) -> None:
    world.ingest(listed())
    before, writes, asked = dump(world), list(host.writes), list(embedder.embedded)
    shelf = {"a.md": Shelved("Something else entirely.", "staff"), "b.md": SHELF["b.md"]}
    dry = world.ingest(listed(shelf), dry_run=True)
    assert (dump(world), host.writes, embedder.embedded) == (before, writes, asked)
    assert counts(dry) == counts(world.ingest(listed(shelf)))


def test_a_dry_run_does_not_even_make_the_tenant(world: Installation) -> None:
    before = dump(world)
    dry = world.ingest(listed(), tenant="newcomer", dry_run=True)
    assert counts(dry) == {"listed": 3, "added": 3}
    assert dump(world) == before


def test_a_full_run_processes_what_is_unchanged_and_changes_nothing(
    world: Installation, host: InterruptedHost, embedder: CountingEmbedder
) -> None:
    world.ingest(listed())
    before = content(world, host.memory)
    embedder.embedded.clear()
    report = world.ingest(listed(), full=True)
    assert counts(report) == {"listed": 3, "changed": 3}
    assert content(world, host.memory) == before
    assert embedder.embedded == [], "vectors are kept by content"


def test_documents_are_made_anew_when_the_way_of_making_them_changed(
    world: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ingest(listed())
    for module in ("ingestion.held", "ingestion.mark"):
        monkeypatch.setattr(f"{module}.PREPARED_BY", "sanitise/next")
    assert counts(world.ingest(listed())) == {"listed": 3, "changed": 3}
    assert counts(world.ingest(listed())) == {"listed": 3, "unchanged": 3}
    with world.runtime.database.read(TENANT) as session:
        # The same extraction is the same version: citations into it stay what they are.
        assert set(session.scalars(select(VersionRow.number))) == {1}


def test_a_document_that_moves_to_another_acl_is_not_embedded_again_and_leaves_no_old_point(
    world: Installation, host: InterruptedHost, embedder: CountingEmbedder
) -> None:
    world.ingest(listed())
    old = set(points(host.memory, active(world)))
    embedder.embedded.clear()
    moved = {name: Shelved(document.text, "board") for name, document in SHELF.items()}
    assert counts(world.ingest(listed(moved))) == {"listed": 3, "moved": 2, "unchanged": 1}
    assert embedder.embedded == []
    new = set(points(host.memory, active(world)))
    assert len(new) == 3
    assert len(new & old) == 1
    assert world.texts(caller("user:ann")) == []
    assert len(world.texts(caller("user:bob"))) == 3


def test_equal_text_is_embedded_once_for_a_tenant_and_never_shared_with_another(
    world: Installation, embedder: CountingEmbedder
) -> None:
    same = Shelved("The travel allowance abroad is 55 euros.", "staff")
    world.ingest(listed({"a.md": same, "b.md": replace(same, acl="board"), "c.md": same}))
    assert len(embedder.embedded) == 1
    world.ingest(listed({"a.md": same}), tenant="rival")
    assert len(embedder.embedded) == 2


def test_an_acl_no_longer_stated_is_dropped_once_nothing_stands_under_it(
    world: Installation,
) -> None:
    child = acl("child", parent="board")
    world.ingest(listed(SHELF | {"d.md": Shelved("Deep down.", "child")}, (*SPECS, child)))
    shelf = {name: Shelved(document.text, "staff") for name, document in SHELF.items()}
    kept = shelf | {"d.md": Shelved("Deep down.", "staff")}
    # What is still stored under it keeps it, and so does a child.
    unreadable = troubled({k: v for k, v in kept.items() if k != "d.md"}, unseen=("d.md",))
    unreadable.specs = (STAFF,)
    world.ingest(unreadable)
    assert _acl_names(world) == {"staff", "board", "child"}
    world.ingest(listed(kept, (STAFF,)))
    assert "child" not in _acl_names(world)
    world.ingest(listed(kept, (STAFF,)))
    assert _acl_names(world) == {"staff"}


def test_acls_of_other_sources_and_of_the_operator_are_never_dropped(world: Installation) -> None:
    world.ingest(ListedSource("other", (BOARD,), {}))
    world.ingest(listed(SHELF | {"c.md": SHELF["a.md"]}, (STAFF,)))
    assert _acl_names(world) == {"staff", "board"}


def _acl_names(world: Installation) -> set[str]:
    with world.runtime.database.read(TENANT) as session:
        return set(session.scalars(select(AclRow.name)))


def test_the_acl_version_stands_still_when_nothing_about_acls_changed(world: Installation) -> None:
    world.ingest(listed())
    before = _acl_version(world)
    world.ingest(listed(SHELF | {"d.md": Shelved("More.", "staff")}))
    assert _acl_version(world) == before
    world.ingest(listed(SHELF, (acl("staff", allow("user:zoe")), BOARD)))
    assert _acl_version(world) > before


def _acl_version(world: Installation) -> int:
    with world.runtime.database.unguarded("a test reads a counter") as session:
        return session.get_one(Tenant, TENANT).acl_version


def test_an_empty_source_of_a_new_tenant_is_a_complete_run(world: Installation) -> None:
    report = world.ingest(listed({}))
    assert report.status is RunStatus.OK
    assert runs(world) == [RunStatus.OK]
    assert world.texts(caller()) == []


def test_the_report_is_kept_as_it_was_returned(world: Installation) -> None:
    report = world.ingest(listed(SHELF | {"x.md": Shelved("Unlabelled.", None)}))
    with world.runtime.database.read(TENANT) as session:
        stored = session.get_one(RunRow, (TENANT, report.run_id)).report
    assert json.loads(stored) == json.loads(json.dumps(report.to_dict()))
    assert report.to_dict()["status"] == "partial"


def test_progress_names_every_document_once_and_ends_at_the_total(world: Installation) -> None:
    told: list[Progress] = []
    world.ingest(listed(), on_progress=told.append)
    assert [(progress.done, progress.total) for progress in told] == [(1, 3), (2, 3), (3, 3)]


def test_settings_of_a_source_stay_until_they_are_given_anew(world: Installation) -> None:
    context = world.runtime.ingest_context()
    for config in (
        SourceConfig("memory", {"root": "a"}, max_age_seconds=60, on_stale="exclude"),
        SourceConfig("memory", {"root": "b"}),
    ):
        ingest(context, listed(), tenant=TENANT, config=config)
    row = source_row(world)
    assert (row.max_age_seconds, row.on_stale, json.loads(row.config)) == (
        60,
        "exclude",
        {"root": "b"},
    )


def test_a_rebuild_in_the_middle_of_a_run_does_not_lose_the_rest_of_it(
    world: Installation, host: InterruptedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH_DOCUMENTS", 1)
    rebuilt: list[str] = []

    def meanwhile(progress: Progress) -> None:
        if progress.done == 2:
            rebuilt.append(rebuild(world.runtime.ingest_context()))

    world.ingest(listed())
    changed = {name: replace(doc, text=f"{doc.text} Or not.") for name, doc in SHELF.items()}
    world.ingest(listed(changed), on_progress=meanwhile)
    assert rebuilt == [active(world)]
    assert_consistent(world, host.memory)
    assert sorted(world.texts(caller())) == sorted(changed[n].text for n in ("a.md", "b.md"))
    assert host.generations() == rebuilt
