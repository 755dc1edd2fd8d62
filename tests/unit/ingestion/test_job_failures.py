"""One run over one source: what it refuses, closes, holds back, and how it fails."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from ingestion import jobs
from ingestion.errors import BusyError, EmbeddingError, IndexUnavailableError, SourceError
from ingestion.freshness import FreshnessState, source_freshness
from ingestion.jobs import SourceConfig, ingest
from ingestion.lock import exclusive
from ingestion.report import Progress, RunStatus
from tests.support.clock import HOUR
from tests.support.content import assert_consistent, content, dump
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingestion.documents import SourceItem
    from ingestion.report import RunReport
    from tests.support.embedding import CountingEmbedder
    from tests.support.interrupted import InterruptedHost

from tests.unit.ingestion.shelves import (
    HOLD,
    SHELF,
    SPECS,
    counts,
    listed,
    runs,
    source_row,
    troubled,
)


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
