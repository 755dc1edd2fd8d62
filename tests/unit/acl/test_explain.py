"""An explanation is of one opinion with the decision, and names what made it."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from acl.admin.explain import Cause, Role, explain
from acl.caller import Caller
from acl.models import Tenant
from acl.principal import Principal
from acl.resolve import resolve
from tests.security.directories import USERS, askers, caller_of, directories, write_down
from tests.security.reference import Acl, Asker, Directory, Entry
from tests.support.clock import HOUR, NOON

if TYPE_CHECKING:
    from datetime import datetime

    from acl.admin.explain import Explanation
    from acl.orm import Database

_TENANTS = (f"tenant-{number}" for number in itertools.count())


@given(
    directory=directories(),
    asker=askers(),
    now=st.sampled_from((NOON - HOUR, NOON, NOON + HOUR)),
)
def test_an_explanation_says_visible_exactly_when_the_scope_permits_it(
    shared_catalogue: Database, directory: Directory, asker: Asker, now: datetime
) -> None:
    tenant = next(_TENANTS)
    write_down(shared_catalogue, tenant, directory)
    caller = caller_of(asker, tenant)
    with shared_catalogue.read(tenant) as session:
        scope = resolve(session, caller, now=now)
        for name in directory.acls:
            about_acl = explain(session, caller, name, now=now)
            assert about_acl.visible == (name in scope.acl_ids)
            about_document = explain(session, caller, name, now=now, source="wiki")
            assert about_document.visible == scope.permits(tenant, name, "wiki")
            for said in (about_acl, about_document):
                assert said.visible == (not said.reasons)
                assert_every_way_exists(said, directory, caller)


def assert_every_way_exists(said: Explanation, directory: Directory, caller: Caller) -> None:
    asserted = {(str(caller.subject), str(group)) for group in caller.groups}
    for part in said.parts:
        for step in part.steps:
            assert step.through[0] == str(part.principal)
            assert step.through[-1] == str(step.entry.principal)
            for edge in itertools.pairwise(step.through):
                assert edge[1] == "everyone" or edge in directory.members | asserted
            assert step.inherited[0] == step.acl
            assert step.inherited[-1] == said.acl
            entry = Entry(step.entry.effect.value, str(step.entry.principal), step.entry.expires_at)
            assert entry in directory.acls[step.acl].entries


SMALL = Directory(
    dict.fromkeys((*USERS, "service:bot", "group:a", "group:b", "everyone"), True)
    | {"group:off": False},
    frozenset(
        {
            ("user:ann", "group:a"),
            ("group:a", "group:b"),
            ("user:cid", "group:off"),
            ("service:bot", "group:b"),
        }
    ),
    {
        "top": Acl("top", entries=(Entry("allow", "group:b"), Entry("allow", "user:bob", NOON))),
        "leaf": Acl("leaf", "top", entries=(Entry("deny", "service:bot"),)),
        "other": Acl("other", entries=(Entry("allow", "group:off"),)),
    },
)


def asked(shared_catalogue: Database, caller: Caller, acl: str) -> Explanation:
    with shared_catalogue.read(caller.tenant) as session:
        return explain(session, caller, acl, now=NOON)


@pytest.fixture(scope="module")
def tenant(shared_catalogue: Database) -> str:
    write_down(shared_catalogue, "small", SMALL)
    return "small"


def test_the_way_of_a_grant_is_told_from_the_person_to_the_document(
    shared_catalogue: Database, tenant: str
) -> None:
    said = asked(shared_catalogue, Caller(tenant, Principal.parse("user:ann")), "leaf")
    assert said.visible
    (step,) = said.parts[0].steps
    assert step.through == ("user:ann", "group:a", "group:b")
    assert (step.acl, step.inherited) == ("top", ("top", "leaf"))


@pytest.mark.parametrize(
    ("subject", "acl", "cause", "words"),
    [
        ("user:nobody", "top", Cause.UNKNOWN_PRINCIPAL, "user:nobody is unknown"),
        ("user:bob", "leaf", Cause.GRANT_EXPIRED, "top allowed user:bob until 2026-03-02T12"),
        ("user:bob", "other", Cause.NOT_GRANTED, "nothing on other allows user:bob"),
        ("user:cid", "other", Cause.GROUP_DISABLED, "user:cid → group:off"),
        ("service:bot", "leaf", Cause.DENIED, "leaf denies service:bot"),
    ],
)
def test_a_refusal_names_what_refuses(  # noqa: PLR0917 - fixtures and one case
    shared_catalogue: Database, tenant: str, subject: str, acl: str, cause: Cause, words: str
) -> None:
    said = asked(shared_catalogue, Caller(tenant, Principal.parse(subject)), acl)
    assert not said.visible
    assert [reason.cause for reason in said.reasons] == [cause]
    assert words in said.reasons[0].message


def test_with_an_agent_each_part_is_told_alone(shared_catalogue: Database, tenant: str) -> None:
    ann, bot = Principal.parse("user:ann"), Principal.parse("service:bot")
    said = asked(shared_catalogue, Caller(tenant, ann, (bot,)), "leaf")
    assert not said.visible
    assert [(part.role, bool(part.reasons)) for part in said.parts] == [
        (Role.SUBJECT, False),
        (Role.ACTOR, True),
    ]


def test_a_disabled_tenant_is_a_reason(shared_catalogue: Database) -> None:
    write_down(shared_catalogue, "closed", SMALL)
    with shared_catalogue.write("closed") as session:
        session.execute(update(Tenant).where(Tenant.name == "closed").values(enabled=False))
    said = asked(shared_catalogue, Caller("closed", Principal.parse("user:ann")), "leaf")
    assert [reason.cause for reason in said.reasons] == [Cause.TENANT_DISABLED]
