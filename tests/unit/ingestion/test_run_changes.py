"""What a run makes of sources that tell revisions, renames, an order, and what changed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import select

from ingestion.documents import SourceFailure
from ingestion.models import DocumentRow
from ingestion.report import RunStatus
from tests.support.clock import HOUR, NOON
from tests.support.content import assert_consistent
from tests.support.installation import TENANT, Installation, caller
from tests.unit.ingestion.shelves import source_row
from tests.unit.ingestion.telling import StreamingSource, TellingSource, Told

if TYPE_CHECKING:
    from ingestion.report import RunReport
    from tests.support.interrupted import InterruptedHost

RULE = "The travel allowance abroad is 55 euros."
OTHER = "A loan needs two signatures."
BINARY = "\0\1\2 binary \0"


def done(report: RunReport) -> dict[str, int]:
    names = [
        "added",
        "changed",
        "moved",
        "renamed",
        "deleted",
        "unchanged",
        "late",
        "skipped",
        "failed",
    ]
    return {name: value for name in names if (value := getattr(report, name))}


def row(world: Installation, name: str) -> DocumentRow:
    with world.runtime.database.read(TENANT) as session:
        found = session.scalars(select(DocumentRow).where(DocumentRow.external_id == name)).one()
        session.expunge(found)
    return found


def texts(world: Installation, who: str = "user:ann") -> list[str]:
    return sorted(world.texts(caller(who)))


def test_an_unchanged_revision_costs_no_fetch(world: Installation) -> None:
    world.ingest(TellingSource([Told("a.md", RULE, revision="1"), Told("b.md", OTHER)]))
    again = TellingSource([Told("a.md", RULE, revision="1"), Told("b.md", OTHER)])
    world.clock.advance(HOUR)
    assert done(world.ingest(again)) == {"unchanged": 2}
    assert again.fetched == ["b.md"]
    assert row(world, "a.md").checked_at == world.clock()


@pytest.mark.parametrize("change", [{"acl": "board"}, {"revision": "2"}])
def test_a_new_acl_or_revision_costs_one(world: Installation, change: dict[str, Any]) -> None:
    world.ingest(TellingSource([Told("a.md", RULE, revision="1")]))
    told = {"acl": "staff", "revision": "1"} | change
    again = TellingSource([Told("a.md", RULE, **told)])
    world.ingest(again)
    assert again.fetched == ["a.md"]
    assert row(world, "a.md").revision == told["revision"]
    third = TellingSource(again.told)
    world.ingest(third)
    assert third.fetched == []


def test_a_full_run_trusts_no_revision(world: Installation) -> None:
    source = TellingSource([Told("a.md", RULE, revision="1")])
    world.ingest(source)
    world.ingest(source, full=True)
    assert source.fetched == ["a.md", "a.md"]


def test_a_renamed_document_stays_the_same_document(
    world: Installation, host: InterruptedHost
) -> None:
    world.ingest(TellingSource([Told("a.md", RULE)]))
    before = row(world, "a.md")
    report = world.ingest(TellingSource([Told("b.md", RULE, formerly="a.md")]))
    assert done(report) == {"renamed": 1}
    after = row(world, "b.md")
    assert (after.id, after.version) == (before.id, before.version)
    assert texts(world) == [RULE]
    assert_consistent(world, host.memory)
    assert done(world.ingest(TellingSource([Told("b.md", RULE, formerly="a.md")]))) == {
        "unchanged": 1
    }


def test_a_name_taken_again_after_a_rename_is_another_document(
    world: Installation, host: InterruptedHost
) -> None:
    world.ingest(TellingSource([Told("a.md", RULE)]))
    world.ingest(TellingSource([Told("b.md", RULE, formerly="a.md")]))
    both = [Told("a.md", OTHER), Told("b.md", RULE, formerly="a.md")]
    assert done(world.ingest(TellingSource(both))) == {"added": 1, "unchanged": 1}
    assert row(world, "a.md").id != row(world, "b.md").id
    assert done(world.ingest(TellingSource(both))) == {"unchanged": 2}
    assert_consistent(world, host.memory)


def test_what_is_listed_under_the_former_name_too_is_a_copy(world: Installation) -> None:
    world.ingest(TellingSource([Told("a.md", RULE)]))
    before = row(world, "a.md")
    copied = [Told("a.md", RULE), Told("b.md", RULE, formerly="a.md")]
    assert done(world.ingest(TellingSource(copied))) == {"added": 1, "unchanged": 1}
    assert row(world, "a.md").id == before.id


def test_a_renamed_document_that_breaks_is_served_as_it_was(world: Installation) -> None:
    world.ingest(TellingSource([Told("a.md", RULE)]))
    report = world.ingest(TellingSource([Told("b.md", BINARY, formerly="a.md")]))
    assert (done(report), report.codes) == ({"failed": 1}, {"binary": 1})
    assert texts(world) == [RULE]
    assert row(world, "a.md").pending_since == world.clock()


def test_a_late_delivery_changes_nothing(world: Installation) -> None:
    world.ingest(TellingSource([Told("a.md", RULE, sequence=5)]))
    late = TellingSource([Told("a.md", OTHER, acl="board", sequence=4)])
    assert done(world.ingest(late)) == {"late": 1}
    assert late.fetched == []
    assert texts(world) == [RULE]
    assert done(world.ingest(TellingSource([Told("a.md", OTHER, sequence=6)]))) == {"changed": 1}


def test_a_late_delivery_does_not_bring_back_what_was_deleted(world: Installation) -> None:
    told = [Told("a.md", RULE, sequence=5)]
    world.ingest(StreamingSource(told))
    told += [Told("a.md", None, sequence=7), Told("a.md", OTHER, sequence=6)]
    assert done(world.ingest(StreamingSource(told))) == {"deleted": 1, "late": 1}
    told += [Told("b.md", None, sequence=9), Told("b.md", OTHER, sequence=8)]
    assert done(world.ingest(StreamingSource(told))) == {"skipped": 1, "late": 1}
    assert texts(world) == []
    told += [Told("a.md", OTHER, sequence=8)]
    assert done(world.ingest(StreamingSource(told))) == {"added": 1}


def test_a_late_delivery_under_a_former_name_does_not_double_the_document(
    world: Installation,
) -> None:
    told = [Told("a.md", RULE, sequence=5)]
    world.ingest(StreamingSource(told))
    told += [Told("b.md", RULE, formerly="a.md", sequence=7), Told("a.md", OTHER, sequence=6)]
    assert done(world.ingest(StreamingSource(told))) == {"renamed": 1, "late": 1}
    assert texts(world) == [RULE]


def test_a_source_that_tells_changes_is_asked_from_where_it_was_left(world: Installation) -> None:
    told = [Told("a.md", RULE), Told("b.md", OTHER)]
    source = StreamingSource(told)
    world.ingest(source)
    assert source_row(world).cursor == "2"
    told += [Told("b.md", None), Told("c.md", "The canteen opens at noon.")]
    world.clock.advance(HOUR)
    assert done(world.ingest(source)) == {"deleted": 1, "added": 1}
    assert done(world.ingest(source)) == {}
    assert source.asked == [None, "2", "4"]
    assert row(world, "a.md").checked_at == world.clock(), "what was not mentioned is unchanged"
    world.ingest(source, full=True)
    assert source.asked[-1] is None


def test_what_happened_is_done_in_its_order(world: Installation, host: InterruptedHost) -> None:
    told: list[Told | SourceFailure] = [Told("a.md", RULE)]
    source = StreamingSource(told)
    world.ingest(source)
    told += [
        Told("a.md", OTHER),
        Told("b.md", OTHER, formerly="a.md"),
        Told("a.md", "The canteen opens at noon."),
        Told("c.md", RULE, formerly="b.md"),
        Told("d.md", RULE),
        Told("d.md", None),
        SourceFailure("a.md", "acl_missing", "nobody said who may read it"),
    ]
    world.ingest(source)
    assert texts(world) == [RULE]
    assert row(world, "c.md").id is not None
    assert_consistent(world, host.memory)


@pytest.mark.parametrize(
    ("entry", "kept"),
    [
        (Told("b.md", BINARY), "2"),
        (Told("b.md", RULE, acl=None), "1"),
        (SourceFailure("b.md", "unreadable", "cannot be read; mount it"), "1"),
    ],
)
def test_the_cursor_stays_where_it_was_while_something_is_to_be_tried_again(
    world: Installation, entry: Told | SourceFailure, kept: str
) -> None:
    source = StreamingSource([Told("a.md", RULE)])
    world.ingest(source)
    source.told = [*source.told, entry]
    assert world.ingest(source).status is RunStatus.PARTIAL
    assert source_row(world).cursor == kept


def test_a_document_that_cannot_be_renewed_is_pending_until_it_is(world: Installation) -> None:
    world.ingest(TellingSource([Told("a.md", RULE)]))
    since = world.clock() + HOUR
    for _ in range(2):
        world.clock.advance(HOUR)
        world.ingest(TellingSource([Told("a.md", BINARY)]))
        assert row(world, "a.md").pending_since == since
    world.ingest(TellingSource([Told("a.md", RULE)]))
    assert row(world, "a.md").pending_since is None
    world.ingest(TellingSource([Told("a.md", BINARY)]))
    world.ingest(TellingSource([Told("a.md", OTHER)]))
    assert row(world, "a.md").pending_since is None


def test_a_document_that_cannot_be_fetched_is_pending_if_its_source_marks_it_as_new(
    world: Installation,
) -> None:
    told = [Told("a.md", RULE, revision="1"), Told("b.md", OTHER)]
    world.ingest(TellingSource(told))
    told[0] = Told("a.md", OTHER, revision="2")
    world.ingest(TellingSource(told, broken=frozenset({"a.md", "b.md"})))
    assert row(world, "a.md").pending_since == world.clock()
    assert row(world, "b.md").pending_since is None, "nobody knows that it changed"


@pytest.mark.parametrize("full", [False, True])
def test_a_newer_version_that_turns_out_to_be_another_acl_alone_is_pending_no_more(
    world: Installation, *, full: bool
) -> None:
    world.ingest(TellingSource([Told("a.md", RULE, revision="1")]))
    world.ingest(
        TellingSource([Told("a.md", RULE, revision="2")], broken=frozenset({"a.md"})), full=full
    )
    assert row(world, "a.md").pending_since == world.clock()
    moved = world.ingest(TellingSource([Told("a.md", RULE, acl="board", revision="2")]), full=full)
    assert done(moved) == {"moved": 1}
    assert row(world, "a.md").pending_since is None


def test_a_name_listed_twice_is_reported_and_the_first_counts(world: Installation) -> None:
    twice = [Told("a.md", RULE), Told("b.md", RULE), Told("a.md", OTHER, acl="board")]
    report = world.ingest(TellingSource(twice))
    assert [(f.external_id, f.code) for f in report.failures] == [("a.md", "duplicate_id")]
    assert done(report) == {"added": 2, "failed": 1}
    assert texts(world) == [RULE]
    assert texts(world, "user:bob") == []
    assert done(world.ingest(TellingSource(twice))) == {"unchanged": 2, "failed": 1}


def test_since_leaves_out_what_is_older_and_deletes_nothing(world: Installation) -> None:
    world.ingest(TellingSource([Told("a.md", RULE), Told("b.md", OTHER)]))
    succeeded = source_row(world).last_success_at
    world.clock.advance(HOUR)
    later = NOON + timedelta(minutes=1)
    told = [Told("a.md", OTHER), Told("c.md", "The canteen opens at noon.", modified_at=later)]
    told += [Told("d.md", "The canteen closes at two.", modified_at=None)]
    report = world.ingest(TellingSource(told), since=NOON)
    assert done(report) == {"skipped": 1, "added": 2}
    assert len(texts(world)) == 4
    row_ = source_row(world)
    assert row_.last_success_at == succeeded, "part of the source was not looked at"
    assert row_.last_error is None


def test_something_unreadable_that_may_be_anything_deletes_nothing(world: Installation) -> None:
    world.ingest(TellingSource([Told("a.md", RULE), Told("b.md", OTHER)]))
    unreadable = SourceFailure("line 2", "malformed", "no JSON; repair the line", conceals=True)
    assert done(world.ingest(TellingSource([Told("a.md", RULE), unreadable]))) == {
        "unchanged": 1,
        "failed": 1,
    }
    assert texts(world) == sorted([RULE, OTHER])
