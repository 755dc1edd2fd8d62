"""What is kept of near-duplicates follows what is live, whatever happens on the way."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from ingestion.lock import exclusive
from ingestion.models import ChunkState
from ingestion.near import record, stored
from ingestion.near.signature import BYTES, NOTHING
from tests.support.installation import TENANT
from tests.support.interrupted import Died
from tests.support.planted import families, strangers
from tests.unit.ingestion.near.shelf import Shelf, sha
from verifier.conflicts import compare

if TYPE_CHECKING:
    from typing import Any

BASE = (
    "The travel allowance for trips abroad is 55 euros a day and is paid with the salary of the "
    "month that follows the trip"
)
SHOUTED = f"**{BASE.upper()}**"
SIXTY = BASE.replace("55", "60")
OTHER = "A loan above the limit needs the signature of the branch manager and of a second reader"
DIFFERENCE = [{"kind": "number", "first": "55 euros", "second": "60 euros"}]


@pytest.fixture
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of two and a write for each text, so that little texts cross every border."""
    monkeypatch.setattr(record, "BATCH", 2)
    monkeypatch.setattr(record, "WRITE", 1)
    monkeypatch.setattr(stored, "BLOCK", 1)


def test_texts_that_nearly_agree_are_a_pair_and_conflicts_say_in_what(shelf: Shelf) -> None:
    shelf.hold(BASE, SHOUTED, SIXTY, OTHER)
    report = shelf.settle()
    pairs = shelf.pairs()
    assert set(pairs) == {
        frozenset({BASE, SHOUTED}),
        frozenset({BASE, SIXTY}),
        frozenset({SHOUTED, SIXTY}),
    }
    assert pairs[frozenset({BASE, SHOUTED})] == (1.0, [])
    similarity, differences = pairs[frozenset({BASE, SIXTY})]
    assert 0.9 < similarity < 1
    if sha(BASE) > sha(SIXTY):
        turn = {"first": "second", "second": "first"}
        differences = [{turn.get(k, k): v for k, v in found.items()} for found in differences]
    assert differences == DIFFERENCE
    assert report.to_dict() == {
        "compared": 4,
        "pairs": 3,
        "conflicts": 2,
        "crowded": 0,
        "texts_removed": 0,
        "pairs_removed": 0,
        "pending": 0,
    }
    assert {len(signature) for signature in shelf.signed().values()} == {BYTES}


def test_settling_again_changes_nothing(shelf: Shelf) -> None:
    shelf.hold(BASE, SIXTY)
    shelf.settle()
    before = shelf.pairs(), shelf.signed()
    assert not any(shelf.settle().to_dict().values())
    assert (shelf.pairs(), shelf.signed()) == before


def test_a_new_text_is_compared_with_every_old_one(shelf: Shelf) -> None:
    shelf.hold(BASE, OTHER)
    shelf.settle()
    shelf.hold(BASE, OTHER, SIXTY)
    assert shelf.settle().compared == 1
    assert set(shelf.pairs()) == {frozenset({BASE, SIXTY})}


@pytest.mark.parametrize("gone", [BASE, SHOUTED, SIXTY])
def test_a_text_that_is_gone_takes_its_signature_and_what_it_said_along(
    shelf: Shelf, gone: str
) -> None:
    texts = {BASE, SHOUTED, SIXTY}
    shelf.hold(*texts)
    shelf.settle()
    texts.remove(gone)
    shelf.hold(*texts)
    report = shelf.settle()
    assert (report.texts_removed, report.pairs_removed) == (1, 2)
    assert set(shelf.pairs()) == {frozenset(texts)}
    assert set(shelf.signed()) == set(map(sha, texts))
    shelf.hold()
    shelf.settle()
    assert (shelf.pairs(), shelf.signed()) == ({}, {})


def test_a_text_lives_while_any_acl_holds_a_copy(shelf: Shelf) -> None:
    shelf.hold(BASE, acl="staff")
    shelf.hold(BASE, SIXTY, acl="board")
    shelf.settle()
    before = shelf.pairs(), shelf.signed()
    assert len(before[1]) == 2
    shelf.hold(acl="staff")
    assert not any(shelf.settle().to_dict().values())
    assert (shelf.pairs(), shelf.signed()) == before


@pytest.mark.parametrize("state", [ChunkState.PENDING, ChunkState.DELETING])
def test_what_is_in_flight_is_not_compared(shelf: Shelf, state: ChunkState) -> None:
    shelf.hold(BASE)
    shelf.hold(SIXTY, acl="board", state=state)
    assert shelf.settle().compared == 1
    assert shelf.pairs() == {}


def test_what_another_generation_holds_is_not_compared(shelf: Shelf) -> None:
    shelf.hold(BASE)
    shelf.hold(SIXTY, generation="g2")
    assert shelf.settle().compared == 1
    assert shelf.pairs() == {}


def test_tenants_are_never_compared_with_each_other(shelf: Shelf) -> None:
    shelf.hold(BASE)
    shelf.hold(SIXTY, OTHER, tenant="clinic")
    shelf.settle()
    shelf.settle("clinic")
    assert (shelf.pairs(), shelf.pairs("clinic")) == ({}, {})
    assert set(shelf.signed("clinic")) == {sha(SIXTY), sha(OTHER)}
    shelf.hold()
    shelf.settle()
    assert set(shelf.signed("clinic")) == {sha(SIXTY), sha(OTHER)}


def test_texts_without_words_nearly_agree_with_nothing(shelf: Shelf) -> None:
    shelf.hold("***", "---", "* * *")
    assert shelf.settle().compared == 3
    assert shelf.pairs() == {}
    assert set(shelf.signed().values()) == {NOTHING}
    assert not any(shelf.settle().to_dict().values())


def test_a_text_that_another_settling_compares_is_said_to_be_pending(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.hold(BASE, SIXTY)
    monkeypatch.setattr(record, "_WAIT_SECONDS", 0)
    context = shelf.world.runtime.ingest_context()
    with exclusive(record.settling_lock(context, TENANT)):
        report = shelf.settle()
    assert (report.pending, report.compared) == (2, 0)
    assert shelf.settle().compared == 2


@pytest.mark.usefixtures("_small")
def test_a_settling_that_died_anywhere_is_finished_by_the_next(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [text for family in families(1, seed=4) for text in family.texts]
    shelf.hold(*texts)
    shelf.settle()
    whole = shelf.pairs(), shelf.signed()
    assert len(whole[0]) >= 15
    for writes in range(0, len(texts), 3):
        shelf.hold()
        shelf.settle()
        shelf.hold(*texts)
        with monkeypatch.context() as patch:
            patch.setattr(stored, "store", _dies_after(writes))
            with pytest.raises(Died):
                shelf.settle()
        assert len(shelf.signed()) == writes
        shelf.settle()
        assert (shelf.pairs(), shelf.signed()) == whole


def _dies_after(writes: int) -> Any:
    store = stored.store
    done = 0

    def storing(*arguments: Any) -> None:
        nonlocal done
        store(*arguments)
        if done == writes:
            raise Died  # before the commit, so that this write is lost
        done += 1

    return storing


def test_what_comes_in_meanwhile_is_taken_along(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf.hold(BASE)
    write = stored.store

    def storing(*arguments: Any) -> None:
        monkeypatch.setattr(stored, "store", write)
        write(*arguments)

    monkeypatch.setattr(stored, "store", storing)
    signatures = stored.signatures

    def reading(*arguments: Any) -> Any:
        monkeypatch.setattr(stored, "signatures", signatures)
        shelf.hold(SIXTY, acl="board")
        return signatures(*arguments)

    monkeypatch.setattr(stored, "signatures", reading)
    assert shelf.settle().compared == 2
    assert set(shelf.pairs()) == {frozenset({BASE, SIXTY})}


def test_what_goes_meanwhile_leaves_no_trace(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.hold(BASE, OTHER)
    shelf.settle()
    shelf.hold(BASE, OTHER, SIXTY, SHOUTED)
    signatures = stored.signatures

    def reading(*arguments: Any) -> Any:
        yield from signatures(*arguments)
        shelf.hold(OTHER, SHOUTED)

    monkeypatch.setattr(stored, "signatures", reading)
    shelf.settle()
    assert shelf.pairs() == {}
    assert set(shelf.signed()) == {sha(BASE), sha(OTHER), sha(SHOUTED)}
    shelf.settle()
    assert set(shelf.signed()) == {sha(OTHER), sha(SHOUTED)}


@pytest.mark.usefixtures("_small")
def test_small_batches_find_the_pairs_of_large_ones(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [text for family in families(2, seed=5) for text in family.texts]
    texts += strangers(5, seed=5, boilerplate=True)
    shelf.hold(*texts)
    shelf.settle()
    small = shelf.pairs()
    shelf.hold()
    shelf.settle()
    monkeypatch.undo()
    shelf.hold(*texts)
    shelf.settle()
    assert shelf.pairs() == small


def test_a_crowd_costs_its_size_and_not_its_square(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MOST", 3)
    crowd = [f"{BASE}{'!' * number}" for number in range(40)]
    shelf.hold(*crowd)
    report = shelf.settle()
    assert len(shelf.pairs()) == 3 * 2 * 1 // 2 + 37 * 3
    assert report.crowded == 36
    assert set().union(*shelf.pairs()) == set(crowd)


def test_whoever_leaves_a_crowd_leaves_nobody_without_a_pair(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MOST", 2)
    crowd = sorted((f"{BASE}{'!' * number}" for number in range(20)), key=sha)
    shelf.hold(*crowd)
    shelf.settle()
    for left in (crowd[2:], crowd[9:], crowd[18:]):
        shelf.hold(*left)
        shelf.settle()
        assert set().union(*shelf.pairs()) == set(left)
        assert set(shelf.signed()) == set(map(sha, left))
        assert {len(signature) for signature in shelf.signed().values()} == {BYTES}


def test_a_text_to_be_compared_anew_that_goes_first_leaves_nothing(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record, "MOST", 1)
    crowd = sorted((f"{BASE}{'!' * number}" for number in range(6)), key=sha)
    shelf.hold(*crowd)
    shelf.settle()
    with shelf.world.runtime.database.write(TENANT) as session:
        stored.forget(session, TENANT, [sha(crowd[0])])  # and dies
    shelf.hold()
    shelf.settle()
    assert (shelf.pairs(), shelf.signed()) == ({}, {})


def test_a_sweep_knows_what_is_live_as_asking_one_by_one_does(shelf: Shelf) -> None:
    both, flying, going = BASE, SIXTY, SHOUTED
    shelf.hold(both, OTHER)
    shelf.hold(both, flying, acl="board", state=ChunkState.PENDING)
    shelf.hold(going, acl="guests", state=ChunkState.DELETING)
    shelf.hold("unserved", generation="g2")
    every = sorted(map(sha, (both, flying, going, OTHER, "unserved", "nowhere")))
    with shelf.world.runtime.database.read(TENANT) as session:
        asked = stored.live(session, TENANT, "g1", every)
        swept = stored.live_between(session, TENANT, "g1", every[0], every[-1])
        assert asked == swept == {sha(both), sha(OTHER)}
        one = stored.live_between(session, TENANT, "g1", sha(OTHER), sha(OTHER))
        assert one == {sha(OTHER)}


@pytest.mark.parametrize("old", [0, 3])
def test_new_texts_are_settled_alike_among_few_and_among_many(shelf: Shelf, old: int) -> None:
    texts = [text for family in families(2, seed=7) for text in family.texts]
    others = strangers(3 * len(texts), seed=7)
    shelf.hold(*others[: old * len(texts)], *texts[:2])
    shelf.settle()
    shelf.hold(*others, *texts)
    shelf.settle()
    alone = {frozenset(pair) for pair in combinations(texts, 2) if near(*pair)}
    assert {pair for pair in shelf.pairs() if pair <= set(texts)} == alone
    assert set(shelf.signed()) == set(map(sha, [*others, *texts]))


def near(one: str, other: str) -> bool:
    return compare(one, other).similarity > 0


def test_what_is_stored_of_a_difference_is_short(shelf: Shelf) -> None:
    long = "7" * 500
    shelf.hold(BASE.replace("55", long), SIXTY)
    shelf.settle()
    ((_, differences),) = shelf.pairs().values()
    said = {len(found[side]) for found in differences for side in ("first", "second")}
    assert max(said) == 80
