"""A batch between its steps: what readers see meanwhile, what a death leaves, what repairs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import event, select

from ingestion import jobs
from ingestion.models import ChunkRow, ChunkState
from ingestion.recovery import recover
from ingestion.run import pipeline
from tests.support.clock import HOUR
from tests.support.content import active, assert_consistent, content, points
from tests.support.installation import TENANT, Installation, caller
from tests.support.interrupted import MOMENTS, Died
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.report import Progress
    from tests.support.embedding import CountingEmbedder
    from tests.support.interrupted import InterruptedHost

SPECS = (acl("staff", allow("user:ann")), acl("board", allow("user:bob")))
ANN, BOB = caller("user:ann"), caller("user:bob")
RULE = "The travel allowance abroad is 55 euros."
NEW_RULE = "The travel allowance abroad is 60 euros."
SHARED = "A loan needs two signatures."

BEFORE = {
    "changed.md": Shelved(RULE, "staff"),
    "gone.md": Shelved("The canteen opens at noon.", "staff"),
    "moved.md": Shelved("The merger closes in spring.", "staff"),
    "kept.md": Shelved(SHARED, "staff"),
}
AFTER = {
    "changed.md": Shelved(NEW_RULE, "staff"),
    "moved.md": Shelved("The merger closes in spring.", "board"),
    "kept.md": Shelved(SHARED, "staff"),
    "new.md": Shelved("Laptops stay in the office.", "staff"),
}


def listed(shelf: dict[str, Shelved], name: str = "wiki") -> ListedSource:
    return ListedSource(name, SPECS, shelf)


def seen(world: Installation) -> tuple[list[str], list[str]]:
    """Everything Ann and Bob get, whatever the question."""
    return tuple(sorted(world.texts(who, "the", limit=50)) for who in (ANN, BOB))  # type: ignore[return-value]


def states(world: Installation) -> set[str]:
    with world.runtime.database.read(TENANT) as session:
        return set(session.scalars(select(ChunkRow.state)))


def test_at_every_step_of_a_move_the_document_is_visible_under_exactly_one_acl(
    world: Installation, host: InterruptedHost
) -> None:
    world.ingest(listed({"a.md": Shelved(RULE, "staff"), "b.md": Shelved(SHARED, "board")}))
    views: list[tuple[str, bool, bool]] = []

    def look(moment: str) -> None:
        ann, bob = (RULE in world.texts(who) for who in (ANN, BOB))
        views.append((moment, ann, bob))

    host.on_write = look
    world.ingest(listed({"a.md": Shelved(RULE, "board"), "b.md": Shelved(SHARED, "staff")}))
    look("done")
    assert views == [
        ("before upsert", True, False),
        ("after upsert", True, False),
        ("before delete", False, True),
        ("after delete", False, True),
        ("done", False, True),
    ]


def test_a_batch_becomes_visible_as_a_whole(world: Installation, host: InterruptedHost) -> None:
    world.ingest(listed(BEFORE))
    views = [seen(world)]
    host.on_write = lambda _moment: views.append(seen(world))
    world.ingest(listed(AFTER))
    host.on_write = lambda _moment: None
    final = seen(world)
    # Deletions are a batch of their own, after the upserts.
    texts = [document.text for document in AFTER.values() if document.acl == "staff"]
    upserted = sorted([*texts, BEFORE["gone.md"].text])
    assert [view for i, view in enumerate(views) if i == 0 or view != views[i - 1]] == [
        (sorted(document.text for document in BEFORE.values()), []),
        (upserted, [AFTER["moved.md"].text]),
        (sorted(texts), [AFTER["moved.md"].text]),
    ]
    assert final == views[-1]


@pytest.mark.parametrize("skip", [0, 1])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_death_at_any_write_shows_the_old_state_or_the_new_and_the_next_run_ends_it(
    world: Installation, host: InterruptedHost, moment: str, skip: int
) -> None:
    world.ingest(listed(BEFORE))
    world.ingest(ListedSource("mirror", SPECS, {"kept.md": BEFORE["kept.md"]}))
    old = seen(world)
    host.die_at(moment, skip=skip)
    died = False
    try:
        world.ingest(listed(AFTER))
        world.ingest(ListedSource("mirror", SPECS, {"new.md": AFTER["new.md"]}))
    except Died:
        died = True
    host.on_write = lambda _moment: None
    if died and moment.endswith("upsert") and not skip:
        assert seen(world) == old
        assert ChunkState.PENDING in states(world)
    for source, shelf in (("wiki", AFTER), ("mirror", {"new.md": AFTER["new.md"]})):
        report = world.ingest(ListedSource(source, SPECS, shelf))
        assert report.failures == []
    assert_consistent(world, host.memory, wider_places=died)
    staff = sorted(document.text for document in AFTER.values() if document.acl == "staff")
    assert seen(world) == (staff, [AFTER["moved.md"].text])


def test_a_death_while_embedding_leaves_nothing_but_what_was_there(
    world: Installation, host: InterruptedHost, embedder: CountingEmbedder
) -> None:
    world.ingest(listed(BEFORE))
    before = content(world, host.memory)

    def die(_texts: Sequence[str]) -> None:
        raise Died

    embedder.on_embed = die
    with pytest.raises(Died):
        world.ingest(listed(AFTER))
    assert content(world, host.memory) == before


def test_text_with_a_tombstone_is_never_served_whatever_the_index_still_holds(
    world: Installation, host: InterruptedHost
) -> None:
    world.ingest(listed(BEFORE))
    held = points(host.memory, active(world))
    host.die_at("before delete")
    with pytest.raises(Died):
        world.ingest(listed({}))
    host.on_write = lambda _moment: None
    assert points(host.memory, active(world)) == held, "the index still holds all of it"
    assert seen(world) == ([], [])
    # Even if points come back after the catalogue has let go of them.
    recover(world.runtime.ingest_context())
    assert points(host.memory, active(world)) == {}
    host.memory.open(active(world), dimensions=32).upsert(list(held.values()))
    assert seen(world) == ([], [])


def test_a_run_that_finds_nothing_to_write_still_finishes_what_its_predecessor_began(
    world: Installation, host: InterruptedHost
) -> None:
    world.ingest(listed(BEFORE))
    host.die_at("before delete")
    with pytest.raises(Died):
        world.ingest(listed({**BEFORE, "changed.md": AFTER["changed.md"]}))
    host.on_write = lambda _moment: None
    assert ChunkState.DELETING in states(world)
    report = world.ingest(listed({**BEFORE, "changed.md": AFTER["changed.md"]}))
    assert report.unchanged == len(BEFORE)
    assert_consistent(world, host.memory)


def test_looking_for_what_is_in_flight_does_not_read_every_chunk(world: Installation) -> None:
    statements: list[str] = []
    engine = world.runtime.database.reader
    world.ingest(listed(BEFORE))
    event.listen(engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    recover(world.runtime.ingest_context())
    (statement,) = (text for text in statements if "chunk" in text)
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}").all()
    assert "ix_chunk_in_flight" in str(plan)


def test_recovery_after_recovery_does_nothing(world: Installation, host: InterruptedHost) -> None:
    world.ingest(listed(BEFORE))
    host.die_at("after upsert")
    with pytest.raises(Died):
        world.ingest(listed(AFTER))
    host.on_write = lambda _moment: None
    context = world.runtime.ingest_context()
    assert recover(context) == 3
    assert recover(context) == 0
    assert seen(world)[0] == sorted(document.text for document in BEFORE.values())


def test_a_recovery_that_dies_is_finished_by_the_next(
    world: Installation, host: InterruptedHost
) -> None:
    world.ingest(listed(BEFORE))
    before = content(world, host.memory)
    for moment in ("after upsert", "before delete", "after delete"):
        host.die_at(moment)
        with pytest.raises(Died):
            world.ingest(listed(AFTER))
        host.on_write = lambda _moment: None
        assert seen(world)[0] == sorted(document.text for document in BEFORE.values())
    recover(world.runtime.ingest_context())
    assert content(world, host.memory) == before


def test_identical_text_under_one_acl_is_one_chunk_with_every_place_it_stands_in(
    world: Installation, host: InterruptedHost
) -> None:
    shelf = {name: Shelved(RULE, "staff") for name in ("a.md", "b.md", "c.md")}
    report = world.ingest(listed(shelf))
    assert (report.chunks_added, report.chunks_deduplicated) == (1, 2)
    assert len(points(host.memory, active(world))) == 1
    (piece,) = world.ask(ANN).evidence
    assert len(piece.also_in) == 2
    assert_consistent(world, host.memory)


def test_identical_text_is_never_one_chunk_across_acls(
    world: Installation, host: InterruptedHost
) -> None:
    world.ingest(listed({"a.md": Shelved(RULE, "staff"), "b.md": Shelved(RULE, "board")}))
    assert len(points(host.memory, active(world))) == 2
    ann, bob = (world.ask(who).evidence for who in (ANN, BOB))
    assert [len(found) for found in (ann, bob)] == [1, 1]
    assert ann[0].chunk_id != bob[0].chunk_id
    assert (list(ann[0].also_in), list(bob[0].also_in)) == ([], [])


def test_removing_one_copy_leaves_the_others(world: Installation, host: InterruptedHost) -> None:
    copy, secret = Shelved(RULE, "staff"), Shelved(RULE, "board")
    world.ingest(listed({"a.md": copy, "b.md": copy, "c.md": secret}))
    world.ingest(listed({"d.md": copy}, "other"))
    (wiki,) = points(host.memory, active(world)).keys() & {
        piece.chunk_id for piece in world.ask(ANN).evidence
    }
    standing = points(host.memory, active(world))[wiki].places
    assert [place.source for place in standing] == ["other", "wiki", "wiki"]
    world.clock.advance(HOUR)
    world.ingest(listed({"b.md": copy, "c.md": secret}))
    assert world.texts(ANN) == [RULE]
    assert world.texts(ANN, sources=["wiki"]) == [RULE]
    world.ingest(listed({"c.md": secret}))
    assert world.texts(ANN) == [RULE]
    assert world.texts(ANN, sources=["wiki"]) == []
    (left,) = points(host.memory, active(world))[wiki].places
    assert left.source == "other"
    world.ingest(listed({}, "other"))
    assert (world.texts(ANN), world.texts(BOB)) == ([], [RULE])
    assert_consistent(world, host.memory)


def test_a_document_that_comes_back_is_served_again(
    world: Installation, host: InterruptedHost
) -> None:
    for shelf in (BEFORE, {}, BEFORE):
        world.ingest(listed(shelf))
    assert seen(world)[0] == sorted(document.text for document in BEFORE.values())
    assert_consistent(world, host.memory)


def test_a_text_that_repeats_within_a_document_is_cited_at_each_place(
    world: Installation, host: InterruptedHost
) -> None:
    section = f"# Travel\n\n{RULE}"
    report = world.ingest(listed({"a.md": Shelved(f"{section}\n\n{section}", "staff")}))
    assert report.chunks_added < 2 + report.chunks_deduplicated
    assert_consistent(world, host.memory)


def test_a_batch_cleans_up_after_another_run_that_died_between_two_of_ours(
    world: Installation, host: InterruptedHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "BATCH_DOCUMENTS", 1)
    monkeypatch.setattr(pipeline, "DEPTH", 0)  # nothing is under way between the two
    shelf = {"a.md": Shelved(RULE, "staff"), "b.md": Shelved(SHARED, "staff")}

    def meanwhile(progress: Progress) -> None:
        if progress.done == 1:
            host.die_at("after upsert")
            with pytest.raises(Died):
                world.ingest(listed({"x.md": shelf["b.md"], "y.md": AFTER["new.md"]}, "mirror"))
            host.on_write = lambda _moment: None

    world.ingest(listed(shelf), on_progress=meanwhile)
    assert_consistent(world, host.memory)
    assert seen(world) == (sorted([RULE, SHARED]), [])
