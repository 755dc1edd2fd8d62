"""Default deny: wherever nothing says that a caller may see something, the caller sees nothing.

Start reading here. Each test builds a world in which one thing that would open a document is
missing, over, switched off or broken, and asks for the document in so many words.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.exc import SQLAlchemyError

from acl.admin.acls import grant, revoke
from acl.entries import AclEntry, Effect
from acl.errors import InvalidPrincipalError, NotFoundError, TenantDisabledError
from acl.models import Tenant
from acl.principal import Principal
from ingestion.errors import IndexUnavailableError
from retrieval.lookup import get_evidence, list_sources
from tests.support.clock import HOUR, NOON
from tests.support.index import must_not_be_asked
from tests.support.installation import TENANT, caller
from tests.support.source import ListedSource, Shelved, acl, allow, deny

if TYPE_CHECKING:
    from acl.scope import AccessScope
    from ingestion.documents import AclSpec
    from ingestion.index.port import SearchRequest, SearchResult
    from tests.support.index import WatchedHost
    from tests.support.installation import Installation

TEXT = "The travel allowance abroad is 55 euros a day."
ANN = caller("user:ann")


def shelve(world: Installation, *specs: AclSpec, under: str | None = "a") -> ListedSource:
    """Ingest one document under an ACL and make Ann known."""
    world.know("user:ann")
    source = ListedSource("wiki", specs, {"travel.txt": Shelved(TEXT, under)})
    world.ingest(source)
    return source


def test_whoever_is_allowed_sees_it(world: Installation) -> None:
    """The control: every refusal below differs from this in one respect."""
    shelve(world, acl("a", allow("user:ann")))
    assert world.texts(ANN) == [TEXT]


# Nothing that opens it


def test_an_unlabelled_document_is_refused_and_reported(world: Installation) -> None:
    world.know("user:ann")
    report = world.ingest(ListedSource("wiki", (), {"travel.txt": Shelved(TEXT, None)}))
    assert [failure.code for failure in report.failures] == ["acl_missing"]
    assert world.texts(ANN) == []


def test_a_document_under_an_acl_that_its_source_does_not_state_is_refused(
    world: Installation,
) -> None:
    world.know("user:ann")
    source = ListedSource(
        "wiki", (acl("a", allow("everyone")),), {"travel.txt": Shelved(TEXT, "b")}
    )
    assert [failure.code for failure in world.ingest(source).failures] == ["acl_missing"]
    assert world.texts(ANN) == []


def test_an_acl_without_entries_admits_nobody(world: Installation) -> None:
    shelve(world, acl("a"))
    assert world.texts(ANN) == []


def test_an_allow_of_somebody_else_admits_nobody_else(world: Installation) -> None:
    shelve(world, acl("a", allow("user:bob"), allow("group:staff"), allow("service:ann")))
    assert world.texts(ANN) == []


def test_a_look_alike_or_another_case_is_another_principal(world: Installation) -> None:
    shelve(world, acl("a", allow("user:Ann"), allow("user:аnn")))
    assert world.texts(ANN) == []


def test_a_group_of_the_same_name_as_a_user_is_another_principal(world: Installation) -> None:
    shelve(world, acl("a", allow("group:ann")))
    assert world.texts(ANN) == []


# Nobody who asks


def test_an_unknown_principal_sees_nothing_not_even_what_everyone_may(world: Installation) -> None:
    shelve(world, acl("a", allow("everyone")))
    assert world.texts(ANN) == [TEXT]
    assert world.texts(caller("user:nobody")) == []


def test_a_deny_does_not_make_a_stranger_known(world: Installation) -> None:
    """Or it would open what is for everyone to the very person it refuses."""
    shelve(world, acl("a", allow("everyone")), acl("b", deny("user:nobody")))
    entry = AclEntry(Effect.DENY, Principal.parse("user:nobody"))
    with world.change() as session:
        assert grant(session, TENANT, "b", replace(entry, expires_at=NOON + HOUR), now=NOON)
    assert world.texts(caller("user:nobody")) == []
    world.know("user:nobody")
    assert world.texts(caller("user:nobody")) == [TEXT]


def test_an_unknown_actor_sees_nothing_for_a_user_who_may(world: Installation) -> None:
    shelve(world, acl("a", allow("everyone")))
    assert world.texts(caller("user:ann", actor="service:nobody")) == []


@pytest.mark.parametrize("principal", ["everyone", "group:staff"])
def test_no_group_can_call(principal: str) -> None:
    with pytest.raises(InvalidPrincipalError):
        caller(principal)
    with pytest.raises(InvalidPrincipalError):
        caller("user:ann", actor=principal)


def test_a_tenant_that_does_not_exist_is_an_error(world: Installation) -> None:
    with pytest.raises(NotFoundError):
        world.ask(caller(tenant="nowhere"))


def test_another_tenant_s_user_of_the_same_name_sees_nothing(world: Installation) -> None:
    shelve(world, acl("a", allow("user:ann"), allow("everyone")))
    world.know("user:ann", tenant="rival")
    assert world.texts(caller(tenant="rival")) == []


# Switched off


def test_a_disabled_user_sees_nothing(world: Installation) -> None:
    shelve(world, acl("a", allow("user:ann"), allow("everyone")))
    world.enable("user:ann", enabled=False)
    assert world.texts(ANN) == []


def test_a_disabled_actor_sees_nothing_for_a_user_who_may(world: Installation) -> None:
    shelve(world, acl("a", allow("everyone")))
    world.know("service:bot")
    agent = caller("user:ann", actor="service:bot")
    assert world.texts(agent) == [TEXT]
    world.enable("service:bot", enabled=False)
    assert world.texts(agent) == []


def test_a_disabled_group_admits_nobody(world: Installation) -> None:
    shelve(world, acl("a", allow("group:staff")))
    world.join("group:staff", "user:ann")
    assert world.texts(ANN) == [TEXT]
    world.enable("group:staff", enabled=False)
    assert world.texts(ANN) == []


def test_a_disabled_group_passes_nobody_on_to_the_groups_above_it(world: Installation) -> None:
    shelve(world, acl("a", allow("group:bank")))
    world.join("group:staff", "user:ann")
    world.join("group:bank", "group:staff")
    assert world.texts(ANN) == [TEXT]
    world.enable("group:staff", enabled=False)
    assert world.texts(ANN) == []


def test_everyone_can_be_switched_off(world: Installation) -> None:
    shelve(world, acl("a", allow("everyone")))
    world.enable("everyone", enabled=False)
    assert world.texts(ANN) == []


def test_a_disabled_tenant_answers_nobody(world: Installation) -> None:
    shelve(world, acl("a", allow("everyone")))
    assert world.texts(ANN) == [TEXT]  # and is now remembered by the resolver
    database = world.runtime.database
    with database.unguarded("tenants belong to no tenant", writable=True) as session:
        session.get_one(Tenant, TENANT).enabled = False
    with pytest.raises(TenantDisabledError):
        world.ask(ANN)
    with pytest.raises(TenantDisabledError):
        list_sources(world.runtime, ANN, request_id="r")


# Over


def test_an_expired_allow_admits_nobody(world: Installation) -> None:
    shelve(world, acl("a", allow("user:ann", NOON - HOUR)))
    assert world.texts(ANN) == []


def test_an_allow_ends_at_its_very_instant(world: Installation) -> None:
    shelve(world, acl("a", allow("user:ann", NOON + HOUR)))
    world.clock.advance(HOUR - timedelta(microseconds=1))
    assert world.texts(ANN) == [TEXT]
    world.clock.advance(timedelta(microseconds=1))
    assert world.texts(ANN) == []


def test_an_expired_deny_refuses_no_longer(world: Installation) -> None:
    shelve(world, acl("a", allow("user:ann"), deny("user:ann", NOON + HOUR)))
    assert world.texts(ANN) == []
    world.clock.advance(HOUR)
    assert world.texts(ANN) == [TEXT]


def test_a_revoked_allow_is_gone_for_the_next_query(world: Installation) -> None:
    shelve(world, acl("a", allow("user:ann")))
    assert world.texts(ANN) == [TEXT]
    with world.change() as session:
        assert revoke(session, TENANT, "a", Effect.ALLOW, Principal.parse("user:ann"))
    assert world.texts(ANN) == []


def test_leaving_a_group_is_felt_by_the_next_query(world: Installation) -> None:
    shelve(world, acl("a", allow("group:staff")))
    world.join("group:staff", "user:ann")
    assert world.texts(ANN) == [TEXT]
    world.leave("group:staff", "user:ann")
    assert world.texts(ANN) == []


# Refused


@pytest.mark.parametrize("denied", ["user:ann", "group:staff", "group:bank", "everyone"])
@pytest.mark.parametrize("depth", [0, 1, 5])
def test_a_deny_wins_wherever_it_stands_in_the_chain(
    world: Installation, denied: str, depth: int
) -> None:
    world.join("group:bank", "group:staff")
    world.join("group:staff", "user:ann")
    chain = [acl("a0"), *(acl(f"a{n}", parent=f"a{n - 1}") for n in range(1, 6))]
    chain[5] = acl("a5", allow("user:ann"), parent="a4")
    open_chain = list(chain)
    entries = chain[5 - depth].entries
    chain[5 - depth] = acl(f"a{5 - depth}", *entries, deny(denied), parent=chain[5 - depth].parent)
    shelve(world, *chain, under="a5")
    assert world.texts(ANN) == []
    shelve(world, *open_chain, under="a5")
    assert world.texts(ANN) == [TEXT]


@pytest.mark.parametrize("depth", [1, 5])
def test_an_allow_is_inherited_to_any_depth(world: Installation, depth: int) -> None:
    chain = [acl("a0", allow("user:ann"))]
    chain += [acl(f"a{n}", parent=f"a{n - 1}") for n in range(1, depth + 1)]
    shelve(world, *chain, under=f"a{depth}")
    assert world.texts(ANN) == [TEXT]


def test_inherit_false_cuts_the_allows_above(world: Installation) -> None:
    shelve(
        world,
        acl("top", allow("user:ann")),
        acl("a", parent="top", inherit=False),
        acl("below", parent="a"),
        under="below",
    )
    assert world.texts(ANN) == []


def test_inherit_false_cuts_the_denies_above_as_well(world: Installation) -> None:
    shelve(
        world,
        acl("top", deny("user:ann")),
        acl("a", allow("user:ann"), parent="top", inherit=False),
    )
    assert world.texts(ANN) == [TEXT]


def test_rights_do_not_rise_from_child_to_parent(world: Installation) -> None:
    shelve(world, acl("a"), acl("child", allow("user:ann"), parent="a"))
    assert world.texts(ANN) == []


def test_an_agent_sees_no_more_than_its_user_and_a_user_no_more_than_the_agent(
    world: Installation,
) -> None:
    world.know("service:bot")
    shelve(world, acl("a", allow("user:ann")))
    assert world.texts(caller("user:ann", actor="service:bot")) == []
    shelve(world, acl("a", allow("service:bot")))
    assert world.texts(caller("user:ann", actor="service:bot")) == []
    shelve(world, acl("a", allow("service:bot"), allow("user:ann")))
    assert world.texts(caller("user:ann", actor="service:bot")) == [TEXT]


# Nothing asked, nothing answered


def test_with_nothing_visible_the_index_is_not_asked(
    world: Installation, host: WatchedHost
) -> None:
    shelve(world, acl("a", allow("user:bob")))
    host.on_search = must_not_be_asked
    answer = world.ask(ANN)
    assert answer.evidence == []
    assert [reason.code.value for reason in answer.reasons] == ["no_match"]


def test_with_only_empty_acls_visible_the_index_is_not_asked(
    world: Installation, host: WatchedHost
) -> None:
    shelve(world, acl("a", allow("user:bob")), acl("mine", allow("user:ann")))
    host.on_search = must_not_be_asked
    assert world.ask(ANN).evidence == []


def test_before_anything_was_ingested_the_answer_is_nothing(world: Installation) -> None:
    world.know("user:ann")
    assert world.ask(ANN).evidence == []
    assert list_sources(world.runtime, ANN, request_id="r").sources == []
    with pytest.raises(NotFoundError):
        get_evidence(world.runtime, ANN, "anything", request_id="r")


# Broken


def test_a_catalogue_that_cannot_be_read_is_an_error_and_never_evidence(
    world: Installation,
) -> None:
    shelve(world, acl("a", allow("user:ann")))
    chunk = world.ask(ANN).evidence[0].chunk_id
    database = world.runtime.database
    with database.unguarded("breaking the catalogue", writable=True) as session:
        session.connection().exec_driver_sql("ALTER TABLE acl_entry RENAME TO lost")
        session.connection().exec_driver_sql("UPDATE tenant SET acl_version = acl_version + 1")
    with pytest.raises(SQLAlchemyError):
        world.ask(ANN)
    with pytest.raises(SQLAlchemyError):
        get_evidence(world.runtime, ANN, chunk, request_id="r")
    with pytest.raises(SQLAlchemyError):
        list_sources(world.runtime, ANN, request_id="r")


def test_a_catalogue_that_breaks_during_the_search_is_an_error_and_never_evidence(
    world: Installation, host: WatchedHost
) -> None:
    shelve(world, acl("a", allow("user:ann")))

    def break_it(_: AccessScope, __: SearchRequest, result: SearchResult) -> SearchResult:
        database = world.runtime.database
        with database.unguarded("breaking the catalogue", writable=True) as session:
            session.connection().exec_driver_sql("ALTER TABLE document RENAME TO lost")
        return result

    host.on_search = break_it
    with pytest.raises(SQLAlchemyError):
        world.ask(ANN)


def test_an_index_that_fails_is_an_error_and_never_evidence(
    world: Installation, host: WatchedHost
) -> None:
    shelve(world, acl("a", allow("user:ann")))

    def fail(_: AccessScope, __: SearchRequest, result: SearchResult) -> SearchResult:
        raise IndexUnavailableError(f"away, with {len(result.dense)} hits in hand")

    host.on_search = fail
    with pytest.raises(IndexUnavailableError):
        world.ask(ANN)
