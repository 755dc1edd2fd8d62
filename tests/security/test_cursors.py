"""Cursors carry a position and no right; tokens of a change carry nothing but the change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from acl.admin.acls import revoke
from acl.caller import Narrowing
from acl.entries import Effect
from acl.errors import AclNotCurrentError, InvalidSealError
from acl.models import Tenant
from acl.principal import Principal
from acl.seal import Purpose, acl_token, seal
from tests.support.installation import SECRET, TENANT, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from acl.caller import Caller
    from retrieval.evidence import RetrieveResponse
    from tests.support.installation import Installation

ANN, BOB = caller("user:ann"), caller("user:bob")
TOPICS = (
    *("hotels", "flights", "trains", "taxis", "meals", "visas", "insurance"),
    *("laptops", "guests", "trainees", "managers"),
)
SPECS = (acl("all", allow("user:ann"), allow("user:bob")), acl("none", allow("user:cid")))


def about(topic: str) -> str:
    """A sentence that says something else for each topic."""
    return f"The travel rules for {topic} stand in the {topic} handbook of the {topic} desk."


@pytest.fixture
def shelved(world: Installation) -> Installation:
    """Eleven documents that two people see."""
    world.know("user:ann", "user:bob")
    world.ingest(source())
    return world


def source(**more: Shelved) -> ListedSource:
    """All topics, and what else is given."""
    return ListedSource(
        "wiki", SPECS, {f"{t}.txt": Shelved(about(t), "all") for t in TOPICS} | more
    )


def page(world: Installation, who: Caller = ANN, **request: object) -> RetrieveResponse:
    """One page of three."""
    return world.ask(who, "travel rules", **{"limit": 3, **request})


def test_pages_bring_everything_once_and_in_the_order_of_one_answer(shelved: Installation) -> None:
    whole = shelved.ask(ANN, "travel rules", limit=len(TOPICS))
    assert whole.next_cursor is None
    texts, cursor = [], None
    while True:
        part = page(shelved, cursor=cursor)
        texts += [piece.text for piece in part.evidence]
        cursor = part.next_cursor
        if cursor is None:
            break
    assert texts == [piece.text for piece in whole.evidence]
    assert sorted(texts) == sorted(about(topic) for topic in TOPICS)


def test_a_cursor_is_opaque_and_the_same_for_the_same_answer(shelved: Installation) -> None:
    one, two = page(shelved).next_cursor, page(shelved).next_cursor
    assert one == two
    assert one is not None
    assert "3" not in one or seal(SECRET, Purpose.CURSOR, {"o": 3}) != one


@pytest.mark.parametrize(
    "who",
    [
        BOB,
        caller("user:ann", actor="user:bob"),
        replace(ANN, narrowing=Narrowing(purpose="audit")),
        replace(ANN, narrowing=Narrowing(sources=frozenset({"wiki"}))),
    ],
    ids=["another user", "through an agent", "for a purpose", "narrowed to a source"],
)
def test_a_cursor_is_worth_nothing_to_another_caller(shelved: Installation, who: Caller) -> None:
    with pytest.raises(InvalidSealError):
        page(shelved, who, cursor=page(shelved).next_cursor)


@pytest.mark.parametrize(
    "changed", [{"limit": 4}, {"sources": ["wiki"]}, {"min_relevance": 0.1}], ids=str
)
def test_a_cursor_is_worth_nothing_for_another_question(
    shelved: Installation, changed: dict[str, object]
) -> None:
    with pytest.raises(InvalidSealError):
        page(shelved, cursor=page(shelved).next_cursor, **changed)
    with pytest.raises(InvalidSealError):
        shelved.ask(ANN, "travel", limit=3, cursor=page(shelved).next_cursor)


def test_a_cursor_is_void_once_the_view_has_changed(shelved: Installation) -> None:
    cursor = page(shelved).next_cursor
    shelved.ingest(source(**{"late.txt": Shelved(about("latecomers"), "all")}))
    with pytest.raises(InvalidSealError):
        page(shelved, cursor=cursor)


def test_a_cursor_outlives_changes_outside_the_view(shelved: Installation) -> None:
    cursor = page(shelved).next_cursor
    second = page(shelved, cursor=cursor).model_dump(exclude={"receipt", "receipt_id"})
    shelved.ingest(source(**{"hidden.txt": Shelved(about("mergers"), "none")}))
    assert page(shelved, cursor=cursor).model_dump(exclude={"receipt", "receipt_id"}) == second


def test_a_cursor_does_not_outlive_the_right_to_see(shelved: Installation) -> None:
    cursor = page(shelved).next_cursor
    with shelved.change() as session:
        revoke(session, TENANT, "all", Effect.ALLOW, Principal.parse("user:ann"))
    with pytest.raises(InvalidSealError):
        page(shelved, cursor=cursor)
    assert page(shelved).evidence == []


@pytest.mark.parametrize("cursor", ["", "x", "A" * 64, "....", "\u00e4", "=", "A" * 4_096])
def test_an_invented_cursor_is_refused_with_a_remedy(shelved: Installation, cursor: str) -> None:
    with pytest.raises(InvalidSealError, match=r"cursor: .*again without it"):
        page(shelved, cursor=cursor)


def test_every_changed_character_of_a_cursor_is_noticed(shelved: Installation) -> None:
    cursor = page(shelved).next_cursor
    assert cursor is not None
    for at, was in enumerate(cursor):
        other = "A" if was != "A" else "B"
        with pytest.raises(InvalidSealError):
            page(shelved, cursor=cursor[:at] + other + cursor[at + 1 :])


def token(world: Installation, *, ahead: int = 0, tenant: str = TENANT) -> str:
    """A token of the tenant's present state, or of a change still to come."""
    with world.runtime.database.read(tenant) as session:
        version = session.get_one(Tenant, tenant).acl_version
    return acl_token(world.runtime.secret, tenant, version + ahead)


def test_a_query_that_asks_for_a_change_is_answered_once_it_has_arrived(
    shelved: Installation,
) -> None:
    ahead = token(shelved, ahead=1)
    with pytest.raises(AclNotCurrentError, match="at_least_as_fresh"):
        page(shelved, at_least_as_fresh=ahead)
    shelved.know("user:new")
    assert page(shelved, at_least_as_fresh=ahead).evidence
    assert page(shelved, at_least_as_fresh=token(shelved)).evidence


def test_a_token_of_another_tenant_or_of_another_kind_is_refused(shelved: Installation) -> None:
    shelved.know("user:ann", tenant="rival")
    cursor = page(shelved).next_cursor
    for wrong in (token(shelved, tenant="rival"), cursor, "invented"):
        with pytest.raises(InvalidSealError):
            page(shelved, at_least_as_fresh=wrong)
