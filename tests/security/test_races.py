"""What changes while a query is being answered: revocations, expiries, deletions, rebuilds.

The index is watched, so that a test can change the world at the worst moment: after the index has
found the chunks and before anything is sent. A clock that is watched does the same later still,
after the catalogue was read.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from acl.admin.acls import grant, put_acl, revoke
from acl.admin.directory import remove_member, set_enabled
from acl.entries import AclEntry, Effect
from acl.errors import TenantDisabledError
from acl.models import Tenant
from acl.principal import Principal
from ingestion.generations import rebuild
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy.orm import Session

    from acl.scope import AccessScope
    from ingestion.index.port import SearchRequest, SearchResult
    from tests.support.index import WatchedHost
    from tests.support.installation import Installation

TEXT = "The travel allowance abroad is 55 euros a day."
ANN = caller("user:ann")
STAFF = Principal.parse("group:staff")
USER = Principal.parse("user:ann")
SPECS = (acl("a", allow("group:staff")), acl("other", allow("user:bob")))


@pytest.fixture(autouse=True)
def searched_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier question found is never fresh here: these tests act while one searches."""
    monkeypatch.setattr("retrieval.resilience.memory.FRESH_SECONDS", -1.0)


@pytest.fixture
def staffed(world: Installation) -> Installation:
    """One document for the staff, Ann among them."""
    world.ingest(ListedSource("wiki", SPECS, {"travel.txt": Shelved(TEXT, "a")}))
    world.join("group:staff", "user:ann")
    assert world.texts(ANN) == [TEXT]
    return world


def during_search(host: WatchedHost, act: Callable[[], object], *, times: int = 1) -> None:
    """Do something in the first ``times`` searches, after the index has found its hits."""
    left = times

    def on_search(_: AccessScope, __: SearchRequest, result: SearchResult) -> SearchResult:
        nonlocal left
        if left:
            left -= 1
            act()
        return result

    host.on_search = on_search


def after_the_catalogue_was_read(world: Installation, act: Callable[[], object]) -> None:
    """Do something when freshness asks for the time: the evidence is already in hand then."""
    clock, calls = world.clock, 0

    def watched() -> datetime:
        nonlocal calls
        calls += 1
        if calls == 2:  # the first call dates the scope
            act()
        return clock()

    world.runtime.clock = watched


def in_a_transaction(world: Installation, act: Callable[[Session], object]) -> Callable[[], None]:
    """An act that is committed when it returns, as the directory's callers do it."""

    def run() -> None:
        with world.runtime.database.write(TENANT) as session:
            act(session)

    return run


REVOCATIONS: dict[str, Callable[[Session], object]] = {
    "the grant is revoked": lambda s: revoke(s, TENANT, "a", Effect.ALLOW, STAFF),
    "she leaves the group": lambda s: remove_member(s, TENANT, STAFF, USER),
    "she is disabled": lambda s: set_enabled(s, TENANT, USER, enabled=False),
    "the group is disabled": lambda s: set_enabled(s, TENANT, STAFF, enabled=False),
    "she is denied": lambda s: grant(s, TENANT, "a", AclEntry(Effect.DENY, USER), now=NOON),
    "the entries are replaced": lambda s: put_acl(s, TENANT, "a", secret=SECRET, now=NOON),
}


@pytest.mark.parametrize("revocation", REVOCATIONS.values(), ids=REVOCATIONS.keys())
def test_a_revocation_during_the_search_is_obeyed(
    staffed: Installation, host: WatchedHost, revocation: Callable[[Session], object]
) -> None:
    during_search(host, in_a_transaction(staffed, revocation))
    assert staffed.texts(ANN) == []


@pytest.mark.parametrize("revocation", REVOCATIONS.values(), ids=REVOCATIONS.keys())
def test_a_revocation_after_the_catalogue_was_read_is_obeyed(
    staffed: Installation, revocation: Callable[[Session], object]
) -> None:
    after_the_catalogue_was_read(staffed, in_a_transaction(staffed, revocation))
    assert staffed.texts(ANN) == []


@pytest.mark.parametrize("late", [False, True], ids=["during the search", "after the catalogue"])
def test_a_membership_that_ends_six_levels_up_is_felt_at_once(
    world: Installation, host: WatchedHost, *, late: bool
) -> None:
    tower = [f"group:level-{level}" for level in range(7)]
    world.join(tower[0], "user:ann")
    for below, above in pairwise(tower):
        world.join(above, below)
    specs = [acl("a", allow(tower[-1]))]
    world.ingest(ListedSource("wiki", specs, {"travel.txt": Shelved(TEXT, "a")}))
    assert world.texts(ANN) == [TEXT]
    top, member = Principal.parse(tower[-1]), Principal.parse(tower[-2])
    act = in_a_transaction(world, lambda s: remove_member(s, TENANT, top, member))
    if late:
        after_the_catalogue_was_read(world, act)
    else:
        during_search(host, act)
    assert world.texts(ANN) == []


def test_a_tenant_disabled_during_the_search_gets_an_error(
    staffed: Installation, host: WatchedHost
) -> None:
    def disable() -> None:
        database = staffed.runtime.database
        with database.unguarded("tenants belong to no tenant", writable=True) as session:
            session.get_one(Tenant, TENANT).enabled = False

    during_search(host, disable)
    with pytest.raises(TenantDisabledError):
        staffed.ask(ANN)


@pytest.mark.parametrize("late", [False, True], ids=["during the search", "after the catalogue"])
def test_an_allow_that_expires_during_the_query_is_over(
    world: Installation, host: WatchedHost, *, late: bool
) -> None:
    world.know("user:ann")
    specs = [acl("a", allow("user:ann", NOON + HOUR))]
    world.ingest(ListedSource("wiki", specs, {"travel.txt": Shelved(TEXT, "a")}))
    assert world.texts(ANN) == [TEXT]

    def expire() -> None:
        world.clock.advance(HOUR)

    if late:
        after_the_catalogue_was_read(world, expire)
    else:
        during_search(host, expire)
    assert world.texts(ANN) == []


def test_rights_that_keep_changing_are_answered_from_nothing(
    staffed: Installation, host: WatchedHost
) -> None:
    def flip() -> None:
        entry = AclEntry(Effect.ALLOW, USER)
        with staffed.runtime.database.write(TENANT) as session:
            if not grant(session, TENANT, "other", entry, now=NOON):
                revoke(session, TENANT, "other", Effect.ALLOW, USER)

    during_search(host, flip, times=100)
    answer = staffed.ask(ANN)
    assert answer.evidence == []
    assert host.searches < 10


def test_rights_of_others_may_keep_changing_and_nothing_shows(
    staffed: Installation, host: WatchedHost
) -> None:
    """Or a busy administrator of hidden ACLs would show in everybody's answers."""
    quiet = staffed.ask(ANN).model_dump_json()
    names = iter(f"user:someone-{number}" for number in range(100))

    def grant_to_another() -> None:
        entry = AclEntry(Effect.ALLOW, Principal.parse(next(names)))
        with staffed.runtime.database.write(TENANT) as session:
            grant(session, TENANT, "other", entry, now=NOON)

    during_search(host, grant_to_another, times=100)
    assert staffed.ask(ANN).model_dump_json() == quiet


def test_a_grant_during_the_search_brings_no_evidence_of_a_view_that_was_never_searched(
    staffed: Installation, host: WatchedHost
) -> None:
    """Granted meanwhile: answered from the new view as a whole, digest and evidence alike."""
    other = Shelved("The travel allowance at home is 20 euros a day.", "other")
    shelf = {"travel.txt": Shelved(TEXT, "a"), "home.txt": other}
    staffed.ingest(ListedSource("wiki", SPECS, shelf))
    entry = AclEntry(Effect.ALLOW, USER)
    during_search(
        host, in_a_transaction(staffed, lambda s: grant(s, TENANT, "other", entry, now=NOON))
    )
    answer = staffed.ask(ANN)
    assert {piece.text for piece in answer.evidence} == {TEXT, other.text}
    host.on_search = lambda _, __, result: result
    assert staffed.ask(ANN).view == answer.view


# Documents


def test_a_document_deleted_during_the_search_is_not_served(
    staffed: Installation, host: WatchedHost
) -> None:
    during_search(host, lambda: staffed.ingest(ListedSource("wiki", SPECS, {})))
    assert staffed.texts(ANN) == []


def test_a_document_moved_out_of_view_during_the_search_is_not_served(
    staffed: Installation, host: WatchedHost
) -> None:
    moved = ListedSource("wiki", SPECS, {"travel.txt": Shelved(TEXT, "other")})
    during_search(host, lambda: staffed.ingest(moved))
    assert staffed.texts(ANN) == []


def test_a_document_changed_during_the_search_is_never_served_in_its_old_words(
    staffed: Installation, host: WatchedHost
) -> None:
    changed = ListedSource("wiki", SPECS, {"travel.txt": Shelved(TEXT.replace("55", "60"), "a")})
    during_search(host, lambda: staffed.ingest(changed))
    assert TEXT not in staffed.texts(ANN)


def test_a_document_deleted_after_the_catalogue_was_read_is_not_served(
    staffed: Installation,
) -> None:
    delete = ListedSource("wiki", SPECS, {})
    after_the_catalogue_was_read(staffed, lambda: staffed.ingest(delete))
    assert staffed.texts(ANN) == []


def test_a_document_that_moves_within_the_view_is_not_missing_from_the_answer(
    world: Installation, host: WatchedHost
) -> None:
    specs = (acl("a", allow("user:ann")), acl("b", allow("user:ann")))
    world.know("user:ann")
    world.ingest(ListedSource("wiki", specs, {"travel.txt": Shelved(TEXT, "a")}))
    moved = ListedSource("wiki", specs, {"travel.txt": Shelved(TEXT, "b")})
    during_search(host, lambda: world.ingest(moved))
    assert world.texts(ANN) == [TEXT]


def test_documents_that_keep_changing_leave_what_still_stands(
    staffed: Installation, host: WatchedHost
) -> None:
    other = {"rail.txt": Shelved("The rail allowance abroad is 9 euros.", "a")}
    numbers = iter(range(100))

    def change() -> None:
        words = Shelved(f"The hotel allowance abroad is {next(numbers)} euros.", "a")
        shelf = {"travel.txt": Shelved(TEXT, "a"), "hotel.txt": words}
        staffed.ingest(ListedSource("wiki", SPECS, shelf))

    staffed.ingest(ListedSource("wiki", SPECS, {"travel.txt": Shelved(TEXT, "a"), **other}))
    during_search(host, change, times=100)
    assert staffed.texts(ANN) == [TEXT]
    assert host.searches < 10


# Generations


def test_a_generation_switched_during_the_search_does_not_lose_the_answer(
    staffed: Installation, host: WatchedHost
) -> None:
    quiet = staffed.ask(ANN).model_dump_json()
    during_search(host, lambda: rebuild(staffed.runtime.ingest_context()))
    assert staffed.ask(ANN).model_dump_json() == quiet
