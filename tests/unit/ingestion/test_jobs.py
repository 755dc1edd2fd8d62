"""One run over one source: what it counts, what it leaves alone, what it refuses, how it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from acl.models import AclRow, Tenant
from ingestion import jobs
from ingestion.documents import SourceFailure
from ingestion.errors import BusyError, EmbeddingError, IndexUnavailableError, SourceError
from ingestion.freshness import FreshnessState, source_freshness
from ingestion.generations import rebuild
from ingestion.jobs import SourceConfig, ingest
from ingestion.lock import exclusive
from ingestion.models import RunRow, SourceRow, VersionRow
from ingestion.report import Progress, RunStatus
from tests.support.clock import HOUR
from tests.support.content import active, assert_consistent, content, dump, points
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingestion.documents import AclSpec, SourceItem
    from ingestion.report import RunReport
    from tests.support.embedding import CountingEmbedder
    from tests.support.interrupted import InterruptedHost

STAFF = acl("staff", allow("user:ann"))
BOARD = acl("board", allow("user:bob"))
SPECS = (STAFF, BOARD)
SHELF = {
    "a.md": Shelved("The travel allowance abroad is 55 euros.", "staff"),
    "b.md": Shelved("A loan needs two signatures.", "staff"),
    "c.md": Shelved("The merger closes in spring.", "board"),
}


HOLD = """
import sys
from pathlib import Path
from ingestion.lock import exclusive

with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


class TroubledSource(ListedSource):
    """A shelf some of which cannot be fetched, or listed, or seen."""

    broken: frozenset[str] = frozenset()
    unseen: tuple[str, ...] = ()
    why: str = "unreadable"
    closed: bool = False

    def list_items(self) -> Iterator[SourceItem | SourceFailure]:  # type: ignore[override]
        if self.closed:
            raise SourceError("root: it is not there; mount it")
        yield from super().list_items()
        for name in self.unseen:
            yield SourceFailure(name, self.why, "cannot be listed; grant read permission")

    def fetch(self, item: SourceItem) -> bytes:
        if item.external_id in self.broken:
            raise SourceError(f"{item.external_id}: cannot be fetched; run again once it is back")
        return super().fetch(item)


def troubled(shelf: dict[str, Shelved], **trouble: Any) -> TroubledSource:
    source = TroubledSource("wiki", SPECS, shelf)
    for name, value in trouble.items():
        setattr(source, name, value)
    return source


def listed(shelf: dict[str, Shelved] | None = None, specs: Sequence[AclSpec] = SPECS) -> Any:
    return ListedSource("wiki", specs, SHELF if shelf is None else shelf)


def counts(report: RunReport) -> dict[str, int]:
    names = ("listed", "added", "changed", "moved", "deleted", "unchanged", "failed")
    return {name: value for name in names if (value := getattr(report, name))}


def source_row(world: Installation, name: str = "wiki") -> SourceRow:
    with world.runtime.database.read(TENANT) as session:
        row = session.get_one(SourceRow, (TENANT, name))
        session.expunge(row)
    return row


def runs(world: Installation) -> list[str]:
    with world.runtime.database.read(TENANT) as session:
        rows = session.scalars(select(RunRow).order_by(RunRow.started_at))
        return [row.status for row in rows]


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


def test_an_unlabelled_document_is_refused_and_named(world: Installation) -> None:
    shelf = SHELF | {
        "none.md": Shelved("Nobody said who may read this.", None),
        "typo.md": Shelved("Its label does not exist.", "stuff"),
    }
    report = world.ingest(listed(shelf))
    assert [(f.external_id, f.code) for f in report.failures] == [
        ("none.md", "acl_missing"),
        ("typo.md", "acl_missing"),
    ]
    assert "--allow" in report.failures[0].message
    assert report.status is RunStatus.PARTIAL
    assert report.added == 3
    for who in ("user:ann", "user:bob"):
        assert "Nobody said" not in "".join(world.texts(caller(who), "who may read this"))


@pytest.mark.parametrize("code", ["acl_missing", "acl_invalid"])
def test_a_document_that_no_valid_acl_covers_any_more_is_served_to_nobody(
    world: Installation, host: InterruptedHost, code: str
) -> None:
    """Its former ACL is a permission that nobody states any more."""
    world.ingest(listed())
    assert SHELF["a.md"].text in world.texts(caller())
    if code == "acl_missing":
        report = world.ingest(listed(SHELF | {"a.md": Shelved(SHELF["a.md"].text, None)}))
    else:
        shelf = {name: shelved for name, shelved in SHELF.items() if name != "a.md"}
        report = world.ingest(troubled(shelf, unseen=("a.md",), why=code))
    assert [(f.external_id, f.code) for f in report.failures] == [("a.md", code)]
    assert (report.closed, report.deleted) == (1, 0)
    assert SHELF["a.md"].text not in world.texts(caller())
    assert_consistent(world, host.memory)
    assert counts(world.ingest(listed())) == {"listed": 3, "added": 1, "unchanged": 2}
    assert SHELF["a.md"].text in world.texts(caller())


def test_a_place_that_changed_is_picked_up_without_a_new_version(world: Installation) -> None:
    class Moved(ListedSource):
        def list_items(self) -> Iterator[SourceItem]:
            for item in super().list_items():
                yield replace(item, uri=f"https://new.example/{item.external_id}")

    world.ingest(listed())
    assert counts(world.ingest(Moved("wiki", SPECS, SHELF))) == {"listed": 3, "changed": 3}
    cited = world.ask(caller()).evidence[0].citation
    assert (cited.uri.split("/")[2], cited.version) == ("new.example", 1)


def test_a_file_that_breaks_is_one_failure_and_its_previous_version_stays(
    world: Installation,
) -> None:
    world.ingest(listed())
    report = world.ingest(listed(SHELF | {"a.md": Shelved("\0\1\2 binary \0", "staff")}))
    assert [(f.external_id, f.code) for f in report.failures] == [("a.md", "binary")]
    assert counts(report) == {"listed": 3, "unchanged": 2, "failed": 1}
    assert SHELF["a.md"].text in world.texts(caller())


def test_a_document_that_cannot_be_fetched_is_one_failure_and_stays(world: Installation) -> None:
    world.ingest(listed())
    report = world.ingest(troubled(SHELF, broken=frozenset({"a.md"})))
    assert [(f.external_id, f.code) for f in report.failures] == [("a.md", "source_unreadable")]
    assert report.deleted == 0
    assert SHELF["a.md"].text in world.texts(caller())


def test_a_folder_that_could_not_be_seen_keeps_what_is_beneath_it(world: Installation) -> None:
    shelf = {
        f"{place}.md": Shelved(f"The rule of {place}.", "staff")
        for place in ("deep/one", "deep/er/two", "deeper", "other")
    }
    world.ingest(listed(shelf))
    report = world.ingest(troubled({}, unseen=("deep/",)))
    assert report.deleted == 2
    kept = " ".join(world.texts(caller(), "the rule of"))
    assert "deep/one" in kept
    assert "deep/er/two" in kept
    assert "rule of deeper" not in kept
    assert "other" not in kept


def test_a_listing_that_shrank_by_more_than_half_is_held_until_confirmed(
    world: Installation,
) -> None:
    many = {f"{n:02}.md": Shelved(f"Rule number {n}.", "staff") for n in range(44)}
    few = dict(list(many.items())[:20])
    world.ingest(listed(many))
    held = _ingest(world, listed(few))
    assert (held.deleted, held.held_deletions, held.status) == (0, 24, RunStatus.PARTIAL)
    assert _ingest(world, listed(few)).held_deletions == 24
    released = _ingest(world, listed(few), confirm_deletions=True)
    assert (released.deleted, released.held_deletions, released.status) == (24, 0, RunStatus.OK)
    assert counts(_ingest(world, listed(few))) == {"listed": 20, "unchanged": 20}


def test_a_small_or_moderate_clean_up_needs_no_confirmation(world: Installation) -> None:
    world.ingest(listed())
    assert _ingest(world, listed({})).deleted == 3


def _ingest(world: Installation, source: Any, **options: Any) -> RunReport:
    """The job without the confirmation that the installation of the tests gives."""
    return ingest(
        world.runtime.ingest_context(),
        source,
        tenant=TENANT,
        config=SourceConfig("memory", {}),
        **options,
    )


def test_a_second_run_of_the_same_source_is_refused_while_the_first_goes_on(
    world: Installation,
) -> None:
    refused = []

    def meanwhile(_progress: Progress) -> None:
        with pytest.raises(BusyError) as caught:
            world.ingest(listed())
        refused.append(caught.value.code)
        other = ListedSource("other", SPECS, {"z.md": SHELF["a.md"]})
        assert world.ingest(other).status is RunStatus.OK

    world.ingest(listed({"a.md": SHELF["a.md"]}), on_progress=meanwhile)
    assert refused == ["busy"]


def test_the_lock_is_between_processes_and_ends_with_its_holder(world: Installation) -> None:
    world.ingest(listed())
    path = next(world.runtime.settings.data_dir.glob("run-*.lock"))
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and program
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(BusyError, match=path.name):
            world.ingest(listed())
        holder.kill()
        holder.wait()
        with exclusive(path, timeout=5):
            pass
    assert world.ingest(listed()).status is RunStatus.OK


def test_a_source_that_cannot_be_listed_deletes_nothing_and_is_said_to_fail(
    world: Installation, host: InterruptedHost
) -> None:
    world.ingest(listed())
    before = content(world, host.memory)
    world.clock.advance(HOUR)
    with pytest.raises(SourceError, match="mount it"):
        world.ingest(troubled({}, closed=True))
    assert content(world, host.memory) == before
    row = source_row(world)
    assert row.last_error == "source_unreadable: root: it is not there; mount it"
    assert row.last_attempt_at == world.clock()
    assert row.last_success_at == world.clock() - HOUR
    assert _state(world) is FreshnessState.FAILING
    assert runs(world) == [RunStatus.OK, RunStatus.FAILED]
    world.clock.advance(HOUR)
    world.ingest(listed())
    assert _state(world) is FreshnessState.FRESH
    assert source_row(world).last_error is None


def _state(world: Installation) -> FreshnessState:
    with world.runtime.database.read(TENANT) as session:
        return source_freshness(session, TENANT, world.clock())[0].state


def test_what_is_recorded_of_a_foreign_error_is_its_type_and_not_its_text(
    world: Installation, embedder: CountingEmbedder
) -> None:
    def leak(texts: Sequence[str]) -> None:
        raise ValueError(f"cannot embed {texts}")

    embedder.on_embed = leak
    with pytest.raises(ValueError, match="cannot embed"):
        world.ingest(listed())
    assert source_row(world).last_error == "unexpected ValueError"
    assert not any("allowance" in row for row in dump(world))


@pytest.mark.parametrize("batch", [1, 2, 64])
def test_an_embedder_or_index_that_fails_ends_the_run_and_is_not_blamed_on_one_document(
    world: Installation,
    host: InterruptedHost,
    embedder: CountingEmbedder,
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
) -> None:
    monkeypatch.setattr(jobs, "BATCH_DOCUMENTS", batch)

    def refuse(_texts: Sequence[str]) -> None:
        raise EmbeddingError("the model is gone; put it back")

    embedder.on_embed = refuse
    with pytest.raises(EmbeddingError):
        world.ingest(listed())
    assert source_row(world).last_error == "embedding_failed: the model is gone; put it back"
    embedder.on_embed = lambda _texts: None

    def fall_over(_moment: str) -> None:
        raise IndexUnavailableError("index: no answer")

    host.on_write = fall_over
    with pytest.raises(IndexUnavailableError):
        world.ingest(listed())
    assert source_row(world).last_success_at is None
    host.on_write = lambda _moment: None
    assert counts(world.ingest(listed())) == {"listed": 3, "added": 3}
    assert_consistent(world, host.memory)


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
