"""Pushed documents: what counts, what is late, what is visible, and what a death leaves."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from acl.admin.acls import put_acl
from acl.entries import AclEntry, Effect
from acl.errors import InvalidAclError, InvalidPrincipalError, NotFoundError
from acl.models import AclRow, PrincipalRow
from acl.principal import Principal
from ingestion.deliveries import Last
from ingestion.documents import AclEntrySpec
from ingestion.errors import (
    AclNotUsableError,
    EmbeddingError,
    IngestionError,
    ParseError,
    SourceError,
)
from ingestion.models import DocumentRow, SourceRow
from ingestion.push import Pushed, PushStatus, delete, deliver, put
from ingestion.push_acls import anonymous
from ingestion.push_source import keep_push_source, push_source
from tests.support.clock import NOON
from tests.support.content import assert_consistent
from tests.support.installation import TENANT, Installation, caller
from tests.support.interrupted import MOMENTS, Died
from tests.support.pushing import FEED, feed, gone, putting
from tests.support.source import ListedSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ingestion.deliveries import Delivery
    from ingestion.push_source import PushSource
    from tests.support.embedding import CountingEmbedder
    from tests.support.interrupted import InterruptedHost

ANN, BOB = "user:ann", "user:bob"
RULE = "The travel allowance abroad is 55 euros."
NEW_RULE = "The travel allowance abroad is 60 euros."


@pytest.fixture
def source(world: Installation) -> PushSource:
    """The feed that everything is pushed to."""
    world.know(ANN, BOB)
    return feed(world)


def unwilling(texts: Sequence[str]) -> None:
    raise EmbeddingError(f"{len(texts)} texts are too many today; try tomorrow")


def pushed(world: Installation, source: PushSource, *deliveries: Delivery) -> list[str]:
    """What each delivery came to: its status, or the code of its error."""
    results = deliver(world.runtime.ingest_context(), source, deliveries)
    return [r.code if isinstance(r, IngestionError) else r.status.value for r in results]


def seen(world: Installation, who: str = ANN) -> list[str]:
    return sorted(world.texts(caller(who), "the", limit=50))


def test_a_document_is_found_by_the_next_query_when_its_push_returns(
    world: Installation, source: PushSource
) -> None:
    result = put(world.runtime.ingest_context(), source, putting("a", RULE, ANN))
    assert (result.status, result.stood_under) == (PushStatus.ADDED, None)
    assert seen(world) == [RULE]
    assert seen(world, BOB) == []


def test_each_delivery_says_what_it_came_to(world: Installation, source: PushSource) -> None:
    deliveries = [
        putting("a", RULE, ANN),
        putting("a", RULE, ANN),
        putting("a", NEW_RULE, ANN),
        putting("a", NEW_RULE, BOB),
        gone("a"),
        gone("a"),
        gone("never"),
        putting("a", RULE, ANN),
    ]
    one_by_one = [pushed(world, source, delivery)[0] for delivery in deliveries]
    statuses = ["added", "unchanged", "changed", "moved", "deleted", "absent", "absent", "added"]
    assert one_by_one == statuses
    assert pushed(world, feed(world, "other"), *deliveries) == statuses


def test_a_deleted_document_is_gone_for_the_next_query(
    world: Installation, source: PushSource, host: InterruptedHost
) -> None:
    pushed(world, source, putting("a", RULE, ANN), putting("b", NEW_RULE, ANN))
    assert delete(world.runtime.ingest_context(), source, gone("a")).status is PushStatus.DELETED
    assert seen(world) == [NEW_RULE]
    assert_consistent(world, host.memory)


def test_a_move_to_another_acl_embeds_nothing_and_shows_it_to_exactly_one(
    world: Installation, source: PushSource, host: InterruptedHost, embedder: CountingEmbedder
) -> None:
    pushed(world, source, putting("a", RULE, ANN))
    views = []
    host.on_write = lambda _moment: views.append((len(seen(world)), len(seen(world, BOB))))
    before = list(embedder.embedded)
    assert pushed(world, source, putting("a", RULE, BOB)) == ["moved"]
    assert embedder.embedded == before
    assert set(views) == {(1, 0), (0, 1)}


def test_a_late_delivery_changes_nothing_and_says_so(
    world: Installation, source: PushSource
) -> None:
    pushed(world, source, putting("a", NEW_RULE, ANN, sequence=5))
    late = [putting("a", RULE, "user:mallory", sequence=4), gone("a", 4)]
    assert pushed(world, source, *late) == ["late", "late"]
    assert seen(world) == [NEW_RULE]
    with world.runtime.database.read(TENANT) as session:
        known = set(session.scalars(select(PrincipalRow.principal)))
        acls = set(session.scalars(select(AclRow.name)))
    assert "user:mallory" not in known
    assert len(acls) == 1


def test_a_late_put_never_brings_back_what_was_deleted(
    world: Installation, source: PushSource
) -> None:
    pushed(world, source, putting("a", RULE, ANN, sequence=5), gone("a", 6))
    late = [putting("a", RULE, ANN, sequence=at) for at in (5, 6)]
    assert pushed(world, source, *late) == ["late", "late"]
    assert seen(world) == []
    assert pushed(world, source, putting("a", RULE, ANN, sequence=7)) == ["added"]


def test_a_deletion_that_comes_before_its_document_is_remembered(
    world: Installation, source: PushSource
) -> None:
    assert pushed(world, source, gone("a", 9), putting("a", RULE, ANN, sequence=8)) == [
        "absent",
        "late",
    ]


def test_when_a_document_was_modified_is_its_sequence_if_none_is_given(
    world: Installation, source: PushSource
) -> None:
    newer, older = NOON, NOON - timedelta(seconds=1)
    assert pushed(
        world,
        source,
        putting("a", NEW_RULE, ANN, modified_at=newer),
        putting("a", RULE, ANN, modified_at=older),
    ) == ["added", "late"]


def test_a_push_repeated_after_it_failed_is_not_late(
    world: Installation, source: PushSource, host: InterruptedHost
) -> None:
    pushed(world, source, putting("a", RULE, ANN, sequence=1))
    host.die_at(MOMENTS[0])
    again = putting("a", NEW_RULE, ANN, sequence=2)
    with pytest.raises(Died):
        pushed(world, source, again)
    host.on_write = lambda _moment: None
    assert seen(world) == [RULE]
    assert pushed(world, source, putting("a", "Overtaking.", ANN, sequence=1)) == ["late"]
    assert pushed(world, source, again) == ["changed"]
    assert seen(world) == [NEW_RULE]
    assert_consistent(world, host.memory)


def test_what_is_known_to_be_outdated_is_pending_until_it_is_written(
    world: Installation, source: PushSource, host: InterruptedHost
) -> None:
    pushed(world, source, putting("a", RULE, ANN), putting("b", "The canteen is open.", ANN))
    host.die_at(MOMENTS[0])
    with pytest.raises(Died):
        pushed(world, source, putting("a", NEW_RULE, ANN))
    host.on_write = lambda _moment: None
    assert pending(world) == {"a"}
    pushed(world, source, putting("a", NEW_RULE, ANN))
    assert pending(world) == set()


def pending(world: Installation) -> set[str]:
    with world.runtime.database.read(TENANT) as session:
        waiting = DocumentRow.pending_since.is_not(None)
        return set(session.scalars(select(DocumentRow.external_id).where(waiting)))


def test_one_bad_delivery_keeps_no_other_back(world: Installation, source: PushSource) -> None:
    deliveries = [
        putting("a", RULE, ANN),
        putting("empty", "", ANN),
        putting("b", NEW_RULE, acl="unheard-of"),
        putting("c", NEW_RULE, ANN),
    ]
    assert pushed(world, source, *deliveries) == ["added", "empty", "acl_not_usable", "added"]
    assert seen(world) == [RULE, NEW_RULE]
    with pytest.raises(ParseError):
        put(world.runtime.ingest_context(), source, deliveries[1])


def test_a_name_is_good_only_for_an_acl_that_is_kept_by_the_source_or_listed_for_it(
    world: Installation, source: PushSource
) -> None:
    ours = anonymous(FEED, (AclEntrySpec("allow", ANN),)).name
    with world.change() as session:
        for name in ("listed", "board"):
            entries = [AclEntry(Effect.ALLOW, Principal.parse(ANN))]
            put_acl(session, TENANT, name, secret=world.runtime.secret, entries=entries, now=NOON)
    source = feed(world, acls=["listed", "later"])
    pushed(world, source, putting("a", RULE, ANN))
    deliveries = [
        putting(f"doc-{number}", RULE, acl=name)
        for number, name in enumerate(["listed", ours, "board", "unheard", "later"])
    ]
    results = deliver(world.runtime.ingest_context(), source, deliveries)
    refused = [r for r in results if isinstance(r, AclNotUsableError)]
    assert [isinstance(r, Pushed) for r in results] == [True, True, False, False, False]
    assert len({str(error) for error in refused}) == 1, "absent and forbidden are one refusal"
    assert isinstance(pushed_alone(world, feed(world, "other"), ours), AclNotUsableError)


def pushed_alone(world: Installation, source: PushSource, acl: str) -> object:
    (result,) = deliver(world.runtime.ingest_context(), source, [putting("x", RULE, acl=acl)])
    return result


def test_equal_entries_are_one_acl_in_any_order_and_other_entries_another() -> None:
    ann, bob = AclEntrySpec("allow", ANN), AclEntrySpec("allow", BOB)
    assert anonymous(FEED, (ann, bob)).name == anonymous(FEED, (bob, ann)).name
    others = [
        (),
        (ann,),
        (bob,),
        (AclEntrySpec("deny", ANN), bob),
        (AclEntrySpec("allow", ANN, NOON),),
    ]
    names = {anonymous(FEED, entries).name for entries in [(ann, bob), *others]}
    assert len(names) == 1 + len(others)
    assert anonymous("other", (ann,)).name not in names


def test_entries_that_name_nobody_or_somebody_twice_are_refused() -> None:
    with pytest.raises(InvalidPrincipalError):
        anonymous(FEED, (AclEntrySpec("allow", "ann"),))
    with pytest.raises(InvalidAclError, match="twice"):
        anonymous(FEED, (AclEntrySpec("allow", ANN), AclEntrySpec("allow", ANN, NOON)))


def test_without_an_entry_nobody_sees_it(world: Installation, source: PushSource) -> None:
    assert pushed(world, source, putting("a", RULE)) == ["added"]
    assert seen(world) == seen(world, BOB) == []


def test_only_a_push_source_can_be_pushed_to(world: Installation, source: PushSource) -> None:
    world.ingest(ListedSource("wiki"))
    context = world.runtime.ingest_context()
    with world.runtime.database.read(TENANT) as session:
        assert push_source(session, TENANT, FEED) == source
        for name in ("wiki", "unheard"):
            with pytest.raises(NotFoundError):
                push_source(session, TENANT, name)
    with pytest.raises(SourceError, match="kind 'memory'"):
        keep_push_source(context, TENANT, "wiki")
    assert not keep_push_source(context, TENANT, FEED)


def test_how_the_last_push_went_is_noted(
    world: Installation, source: PushSource, embedder: CountingEmbedder
) -> None:
    pushed(world, source, putting("a", RULE, ANN))
    assert row(world).last_success_at == NOON
    embedder.on_embed = unwilling
    world.clock.advance(timedelta(hours=1))
    with pytest.raises(IngestionError):
        pushed(world, source, putting("a", NEW_RULE, ANN))
    after = row(world)
    assert after.last_success_at == NOON
    assert after.last_attempt_at == NOON + timedelta(hours=1)
    assert after.last_error is not None
    assert after.last_error.startswith("embedding_failed")


def row(world: Installation) -> SourceRow:
    with world.runtime.database.read(TENANT) as session:
        found = session.get_one(SourceRow, (TENANT, FEED))
        session.expunge(found)
    return found


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_death_at_any_write_shows_the_old_or_the_new_and_pushing_again_ends_it(
    world: Installation, source: PushSource, host: InterruptedHost, moment: str
) -> None:
    pushed(world, source, putting("a", RULE, ANN), putting("b", "Gone soon, the text.", ANN))
    before = seen(world)
    deliveries = (putting("a", NEW_RULE, ANN), gone("b"))
    host.die_at(moment)
    try:
        pushed(world, source, *deliveries)
    except Died:
        assert seen(world) in (before, [NEW_RULE])
    else:
        assert moment.endswith("set_places"), "no other step is left out"
    host.on_write = lambda _moment: None
    pushed(world, source, *deliveries)
    assert seen(world) == [NEW_RULE]
    pushed(world, source, putting("c", "Whoever writes next tidies up.", BOB))
    assert_consistent(world, host.memory)


WORDS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b"]),
        st.integers(1, 6),
        st.one_of(st.none(), st.sampled_from([RULE, NEW_RULE])),
    ),
    min_size=1,
    max_size=10,
)


@given(words=WORDS, cuts=st.sets(st.integers(1, 9)))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_left_is_the_last_word_in_the_source_s_own_order(
    world: Installation, words: list[tuple[str, int, str | None]], cuts: set[int]
) -> None:
    """However deliveries are ordered and grouped; of equal sequences the later, or a deletion."""
    world.know(ANN)
    source = feed(world, f"feed-{next(_NUMBERS)}")
    model: dict[str, tuple[int, str | None]] = {}
    deliveries: list[Delivery] = []
    for name, sequence, text in words:
        last = model.get(name, (0, RULE))
        late = sequence < last[0] or (sequence == last[0] and last[1] is None and text is not None)
        if not late:
            model[name] = sequence, text
        deliveries.append(
            gone(name, sequence)
            if text is None
            else putting(name, text, ANN, sequence=sequence, source=source.name)
        )
    bounds = [0, *sorted(cut for cut in cuts if cut < len(words)), len(words)]
    for low, high in itertools.pairwise(bounds):
        pushed(world, source, *deliveries[low:high])
    with world.runtime.database.read(TENANT) as session:
        standing = session.scalars(
            select(DocumentRow.external_id).where(
                DocumentRow.source == source.name, DocumentRow.deleted_at.is_(None)
            )
        ).all()
    expected = {name: text for name, (_, text) in model.items() if text is not None}
    assert sorted(standing) == sorted(expected)
    texts = world.texts(caller(ANN), "the", limit=50, sources=[source.name])
    assert sorted(set(texts)) == sorted(set(expected.values()))


_NUMBERS = itertools.count()


@pytest.mark.parametrize(
    ("last", "delivery", "late"),
    [
        (Last(5, deleted=False), putting("a", RULE, sequence=4), True),
        (Last(5, deleted=False), putting("a", RULE, sequence=5), False),
        (Last(5, deleted=True), putting("a", RULE, sequence=5), True),
        (Last(5, deleted=True), putting("a", RULE, sequence=6), False),
        (Last(5, deleted=True), gone("a", 5), False),
        (Last(5, deleted=False), gone("a", 5), False),
        (Last(5, deleted=False), gone("a", 4), True),
        (Last(5, deleted=True), putting("a", RULE), False),
        (Last(5, deleted=False), gone("a"), False),
    ],
)
def test_what_is_late(last: Last, delivery: Delivery, *, late: bool) -> None:
    assert last.outdates(delivery) is late
