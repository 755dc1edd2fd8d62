"""Delegation never widens: an agent, a narrowed token or a claim only ever takes away.

First by properties over random directories, then one by one, each over a document asked for in so
many words.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acl.admin.acls import put_acl
from acl.admin.freshness import confirm, limit_age
from acl.caller import Caller, GroupsFrom, Narrowing
from acl.entries import AclEntry, Effect
from acl.errors import InvalidPrincipalError
from acl.principal import Principal
from acl.resolve import resolve
from retrieval.lookup import list_sources
from tests.security.directories import (
    PURPOSES,
    SOURCES,
    askers,
    caller_of,
    directories,
    write_down,
)
from tests.support.clock import HOUR, NOON
from tests.support.installation import SECRET, TENANT, caller
from tests.support.source import ListedSource, Shelved, acl, allow, deny

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acl.orm import Database
    from acl.scope import AccessScope
    from tests.security.reference import Asker, Directory
    from tests.support.catalogue import Blank
    from tests.support.installation import Installation

TEXT = "The travel allowance abroad is 55 euros a day."
ANN = caller("user:ann")
_TENANTS = (f"tenant-{number}" for number in itertools.count())
_ACLS = st.frozensets(st.sampled_from([f"acl-{number}" for number in range(8)]), max_size=3)


@pytest.fixture(scope="module")
def catalogue(
    blank_catalogue: Blank, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    """One catalogue for the module: every directory gets a tenant of its own in it."""
    database = blank_catalogue.open(tmp_path_factory.mktemp("delegation"))
    yield database
    database.close()


@st.composite
def narrower(draw: st.DrawFn, asker: Asker) -> Asker:
    """The same asker through one more agent, or with one more thing taken away."""
    match draw(st.sampled_from(("actor", "sources", "acls", "purpose"))):
        case "actor":
            actor = draw(st.sampled_from(("service:bot", "user:bob", "user:cid", "user:stranger")))
            return replace(asker, actors=(*asker.actors, actor))
        case "sources":
            left = draw(st.frozensets(st.sampled_from(SOURCES)))
            return replace(asker, sources=left if asker.sources is None else asker.sources & left)
        case "acls":
            fewer = draw(_ACLS)
            return replace(asker, acls=fewer if asker.acls is None else asker.acls & fewer)
        case _:
            return replace(asker, purpose=asker.purpose or draw(st.sampled_from(PURPOSES)))


@given(directory=directories(), asker=askers(), data=st.data())
def test_no_agent_and_no_narrowing_widens_a_view(
    catalogue: Database, directory: Directory, asker: Asker, data: st.DataObject
) -> None:
    tenant = next(_TENANTS)
    write_down(catalogue, tenant, directory)
    less = data.draw(narrower(asker))
    with catalogue.read(tenant) as session:
        whole, part = (resolve(session, caller_of(a, tenant), now=NOON) for a in (asker, less))
    assert places(part, directory) <= places(whole, directory)
    assert part.closed <= whole.closed


@given(directory=directories(), asker=askers())
def test_the_order_of_the_agents_does_not_matter(
    catalogue: Database, directory: Directory, asker: Asker
) -> None:
    tenant = next(_TENANTS)
    write_down(catalogue, tenant, directory)
    turned = replace(asker, actors=asker.actors[::-1])
    with catalogue.read(tenant) as session:
        one, other = (resolve(session, caller_of(a, tenant), now=NOON) for a in (asker, turned))
    assert (one.acl_ids, one.closed) == (other.acl_ids, other.closed)


def places(scope: AccessScope, directory: Directory) -> set[tuple[str, str]]:
    return {
        (name, source)
        for name, source in itertools.product(directory.acls, SOURCES)
        if scope.permits(scope.tenant, name, source)
    }


# One by one


@pytest.fixture
def office(world: Installation) -> Installation:
    """One document in each of two sources; Ann and the bot may see both, other agents nothing."""
    world.join("group:staff", "user:ann", "service:bot")
    world.know("service:other", "user:guest")
    specs = [
        acl("office", allow("group:staff"), allow("group:auditors")),
        acl("travel", parent="office"),
        acl("board", allow("group:staff"), parent="office", inherit=False),
        acl("refused", allow("group:staff"), deny("group:suspects")),
    ]
    world.ingest(ListedSource("wiki", specs, {"travel.txt": Shelved(TEXT, "travel")}))
    world.ingest(ListedSource("board", specs, {"board.txt": Shelved(BOARD, "board")}))
    world.ingest(ListedSource("third", specs, {"refused.txt": Shelved(REFUSED, "refused")}))
    return world


BOARD = "The board travels abroad without an allowance."
REFUSED = "An allowance for travel abroad is refused."
ALL = {TEXT, BOARD, REFUSED}


def seen(world: Installation, who: Caller) -> set[str]:
    return set(world.texts(who))


def narrowed(**parts: frozenset[str] | str) -> Caller:
    return replace(ANN, narrowing=Narrowing(**parts))  # type: ignore[arg-type]


def claiming(who: Caller, *groups: str, source: GroupsFrom = GroupsFrom.BOTH) -> Caller:
    return replace(
        who, groups=frozenset(Principal.parse(group) for group in groups), groups_from=source
    )


def test_every_agent_in_between_must_see_it(office: Installation) -> None:
    bot, other = Principal.parse("service:bot"), Principal.parse("service:other")
    assert seen(office, replace(ANN, actors=(bot,))) == ALL
    assert seen(office, replace(ANN, actors=(bot, bot))) == ALL
    assert seen(office, replace(ANN, actors=(bot, other))) == set()
    assert seen(office, replace(ANN, actors=(other, bot))) == set()


def test_a_service_on_its_own_sees_only_what_it_is_granted_itself(office: Installation) -> None:
    assert seen(office, caller("service:bot")) == ALL
    assert seen(office, caller("service:other")) == set()
    assert seen(office, caller("service:other", actor="user:ann")) == set()


def test_a_token_narrowed_to_sources_finds_nothing_elsewhere(office: Installation) -> None:
    assert seen(office, narrowed(sources=frozenset({"wiki"}))) == {TEXT}
    assert seen(office, narrowed(sources=frozenset({"wiki", "unheard"}))) == {TEXT}
    assert seen(office, narrowed(sources=frozenset())) == set()
    listed = list_sources(office.runtime, narrowed(sources=frozenset({"wiki"})), request_id="r")
    assert [source.name for source in listed.sources] == ["wiki"]


def test_a_request_for_another_source_does_not_undo_the_token_s_narrowing(
    office: Installation,
) -> None:
    who = narrowed(sources=frozenset({"wiki"}))
    assert office.texts(who, sources=["board"]) == []
    assert office.texts(who, sources=["board", "wiki"]) == [TEXT]


def test_a_token_narrowed_to_acls_keeps_them_and_what_is_beneath(office: Installation) -> None:
    assert seen(office, narrowed(acls=frozenset({"travel"}))) == {TEXT}
    assert seen(office, narrowed(acls=frozenset({"office"}))) == {TEXT, BOARD}
    assert seen(office, narrowed(acls=frozenset({"unheard"}))) == set()
    assert seen(office, narrowed(acls=frozenset())) == set()


def test_being_narrowed_to_an_acl_admits_nobody_to_it(office: Installation) -> None:
    guest = replace(caller("user:guest"), narrowing=Narrowing(acls=frozenset({"office"})))
    assert seen(office, guest) == set()


# Purposes


def test_an_acl_that_states_purposes_refuses_a_token_for_another(office: Installation) -> None:
    state_purposes(office, "office", "audit", "support")
    assert seen(office, ANN) == ALL
    assert seen(office, narrowed(purpose="audit")) == ALL
    # Spreads down like a deny, and is cut like one.
    assert seen(office, narrowed(purpose="marketing")) == {BOARD, REFUSED}


def test_a_purpose_stated_below_does_not_replace_the_one_above(office: Installation) -> None:
    state_purposes(office, "office", "audit")
    state_purposes(office, "travel", "marketing", parent="office")
    assert TEXT not in seen(office, narrowed(purpose="marketing"))
    assert TEXT not in seen(office, narrowed(purpose="audit"))
    assert TEXT in seen(office, ANN)


def state_purposes(
    world: Installation, name: str, *purposes: str, parent: str | None = None
) -> None:
    staff = AclEntry(Effect.ALLOW, Principal.parse("group:staff"))
    with world.change() as session:
        put_acl(
            session,
            TENANT,
            name,
            secret=SECRET,
            parent=parent,
            entries=[] if parent else [staff],
            purposes=purposes,
            now=NOON,
        )


# Asserted groups


@pytest.mark.parametrize("source", [GroupsFrom.CLAIM, GroupsFrom.BOTH])
def test_a_trusted_claim_admits_to_what_its_group_may_see(
    office: Installation, source: GroupsFrom
) -> None:
    guest = caller("user:guest")
    office.know("group:auditors")
    assert seen(office, guest) == set()
    assert seen(office, claiming(guest, "group:auditors", source=source)) == {TEXT}
    office.join("group:staff", "group:auditors")
    assert seen(office, claiming(guest, "group:auditors", source=source)) == ALL


def test_a_claim_counts_for_nothing_where_the_directory_alone_is_trusted(
    office: Installation,
) -> None:
    guest = caller("user:guest")
    asserted = claiming(guest, "group:staff", source=GroupsFrom.DIRECTORY)
    assert seen(office, asserted) == set()


def test_the_directory_counts_for_nothing_where_the_claim_alone_is_trusted(
    office: Installation,
) -> None:
    assert seen(office, claiming(ANN, source=GroupsFrom.CLAIM)) == set()
    assert seen(office, claiming(ANN, "group:staff", source=GroupsFrom.CLAIM)) == ALL


@pytest.mark.parametrize("source", GroupsFrom)
def test_asserted_groups_of_somebody_unknown_or_disabled_count_for_nothing(
    office: Installation, source: GroupsFrom
) -> None:
    assert seen(office, claiming(caller("user:nobody"), "group:staff", source=source)) == set()
    office.enable("user:guest", enabled=False)
    assert seen(office, claiming(caller("user:guest"), "group:staff", source=source)) == set()


def test_an_asserted_group_that_is_switched_off_admits_nobody_and_still_refuses(
    office: Installation,
) -> None:
    office.know("group:suspects", "group:auditors")
    office.enable("group:auditors", enabled=False)
    assert seen(office, claiming(caller("user:guest"), "group:auditors")) == set()
    office.enable("group:suspects", enabled=False)
    assert seen(office, claiming(ANN, "group:suspects")) == ALL - {REFUSED}


def test_an_asserted_group_that_nobody_knows_can_be_refused_and_not_admitted(
    office: Installation,
) -> None:
    assert seen(office, claiming(ANN, "group:suspects")) == ALL - {REFUSED}
    assert seen(office, claiming(caller("user:guest"), "group:unheard")) == set()


def test_a_claim_speaks_for_the_subject_and_not_for_its_agent(office: Installation) -> None:
    agent = caller("user:ann", actor="service:other")
    assert seen(office, claiming(agent, "group:staff")) == set()


def test_only_groups_can_be_asserted() -> None:
    with pytest.raises(InvalidPrincipalError, match="groups"):
        claiming(ANN, "user:bob")
    with pytest.raises(InvalidPrincipalError, match="groups"):
        claiming(ANN, "everyone")


# ACLs too old to trust


def test_acls_that_nobody_confirmed_in_time_admit_nobody_until_they_are_confirmed(
    office: Installation,
) -> None:
    mirrored = "Mirrored rights on the travel allowance abroad."
    specs = [acl("mirrored", allow("group:staff"))]
    office.ingest(ListedSource("mirror", specs, {"m.txt": Shelved(mirrored, "mirrored")}))
    with office.change() as session:
        limit_age(session, TENANT, "mirror", max_age_seconds=3600, now=NOON)
        confirm(session, TENANT, "mirror", now=NOON)
    assert seen(office, ANN) == {*ALL, mirrored}
    office.clock.advance(HOUR)
    assert seen(office, ANN) == ALL
    assert "acl_stale" in {reason.code for reason in office.ask(ANN).reasons}
    assert "acl_stale" not in {reason.code for reason in office.ask(caller("user:guest")).reasons}
    with office.change() as session:
        confirm(session, TENANT, "mirror", now=office.clock())
    assert seen(office, ANN) == {*ALL, mirrored}
