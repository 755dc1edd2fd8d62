"""Delegation as credentials say it: what an agent holds never shows more than both may see.

From the token to the texts, over HTTP. That no combination of agents and narrowings widens a view
is held by properties in ``test_delegation.py``; here stands that each credential means it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient

from acl.caller import ApiScope, Narrowing
from acl.identity.keys import create_key
from acl.models import ApiKeyRow
from acl.principal import Principal
from retrieval.api.app import create_app
from tests.support.installation import TENANT, Installation
from tests.support.issuer import KeyServer, configured, token
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.catalogue import Blank

    Ask = Callable[[str], set[str] | int]

ANNS, BOTS, BOTH, NOTES = (
    f"The travel allowance abroad, {of}." for of in ("hers", "its", "theirs", "noted")
)
PUBLIC = "https://clearance.example"


@pytest.fixture(scope="module")
def office(
    blank_catalogue: Blank, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """Ann sees three documents, the bot two, the relay one: only one is all three's."""
    home = tmp_path_factory.mktemp("delegated")
    groups = {"groups_from": "both", "groups_claim": "groups", "audience": [PUBLIC]}
    with (
        KeyServer().running() as keys,
        Installation.open(
            blank_catalogue, home, issuers=[configured(keys.url, **groups)], public_url=PUBLIC
        ) as world,
    ):
        world.know("user:ann", "user:bob", "service:bot", "service:relay", "service:idle")
        ann, bot, relay = (allow(who) for who in ("user:ann", "service:bot", "service:relay"))
        specs = [
            *(acl("hers", ann), acl("its", bot), acl("theirs", ann, bot, relay)),
            acl("noted", ann, allow("group:readers")),
        ]
        world.ingest(
            ListedSource(
                "wiki",
                specs,
                {
                    "a.txt": Shelved(ANNS, "hers"),
                    "b.txt": Shelved(BOTS, "its"),
                    "c.txt": Shelved(BOTH, "theirs"),
                },
            )
        )
        world.ingest(ListedSource("notes", specs, {"n.txt": Shelved(NOTES, "noted")}))
        yield world


@pytest.fixture(scope="module")
def ask(office: Installation) -> Iterator[Ask]:
    """The texts a bearer token brings over HTTP, or the status of its refusal."""
    with TestClient(create_app(office.runtime), raise_server_exceptions=False) as client:

        def asked(bearer: str) -> set[str] | int:
            reply = client.post(
                "/v1/retrieve",
                json={"query": "travel allowance abroad", "min_relevance": 0},
                headers={"Authorization": f"Bearer {bearer}"},
            )
            texts = {piece["text"] for piece in reply.json().get("evidence", ())}
            return texts if reply.status_code == 200 else reply.status_code

        yield asked


def jwt(**claims: Any) -> str:
    return token(**{"aud": PUBLIC, "groups": [], **claims})


def key(office: Installation, subject: str = "user:ann", **options: Any) -> str:
    with office.change() as session:
        made = create_key(
            session,
            TENANT,
            Principal.parse(subject),
            **{"api_scopes": [ApiScope.RETRIEVE], "now": office.clock(), **options},
        )
    return made.token


def test_each_on_their_own_sees_their_own(office: Installation, ask: Ask) -> None:
    assert ask(jwt()) == {ANNS, BOTH, NOTES}
    assert ask(key(office)) == {ANNS, BOTH, NOTES}
    assert ask(key(office, "service:bot")) == {BOTS, BOTH}
    assert ask(key(office, "service:idle")) == set()


def test_an_agent_shows_only_what_both_may_see(office: Installation, ask: Ask) -> None:
    assert ask(jwt(act={"sub": "bot"})) == {BOTH}
    assert ask(key(office, actor=Principal.parse("service:bot"))) == {BOTH}


@pytest.mark.parametrize("agent", ["idle", "unheard", "service:bot", "Bot", "ann"])
def test_an_agent_who_sees_nothing_shows_nothing(ask: Ask, agent: str) -> None:
    assert ask(jwt(act={"sub": agent})) == set()


def test_an_agent_behind_an_agent_counts_too(ask: Ask) -> None:
    assert ask(jwt(act={"sub": "bot", "act": {"sub": "relay"}})) == {BOTH}
    assert ask(jwt(act={"sub": "bot", "act": {"sub": "idle"}})) == set()
    assert ask(jwt(act={"sub": "idle", "act": {"sub": "bot"}})) == set()


def test_what_an_agent_may_see_is_nothing_to_who_may_not(ask: Ask) -> None:
    assert ask(jwt(sub="bob", act={"sub": "bot"})) == set()
    assert ask(jwt(sub="unheard", act={"sub": "bot"})) == set()


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        ({"sources": ["wiki"]}, {ANNS, BOTH}),
        ({"acls": ["hers", "noted"]}, {ANNS, NOTES}),
        ({"sources": ["wiki"], "acls": ["noted"]}, set()),
        ({"sources": []}, set()),
        ({"acls": []}, set()),
        ({"acls": ["its"]}, set()),
        ({"purpose": "audit"}, {ANNS, BOTH, NOTES}),
    ],
)
def test_a_narrowed_credential_shows_only_what_is_left(
    office: Installation, ask: Ask, parts: dict[str, Any], left: set[str]
) -> None:
    narrowing = Narrowing(
        **{name: frozenset(part) if name != "purpose" else part for name, part in parts.items()}
    )
    assert ask(jwt(clearance=parts)) == left
    assert ask(key(office, narrowing=narrowing)) == left
    assert ask(jwt(clearance=parts, act={"sub": "bot"})) == left & {BOTH}


@pytest.mark.parametrize(
    "stored",
    ["", "null", "[]", "{", '{"sources": "wiki"}', '{"soruces": []}', '{"acls": [1]}', "{} "[:1]],
)
def test_a_key_whose_narrowing_was_damaged_lets_nobody_in(
    office: Installation, ask: Ask, stored: str
) -> None:
    """What cannot be read may be what kept its holder to one folder."""
    bearer = key(office, narrowing=Narrowing(sources=frozenset({"wiki"})))
    with office.change() as session:
        session.get_one(ApiKeyRow, (TENANT, bearer.split("_")[1])).narrowing = stored
    assert ask(bearer) == 401


@pytest.mark.parametrize(
    ("column", "stored"),
    [("subject", "everyone"), ("subject", "x"), ("actor", "group:staff"), ("api_scopes", "root")],
)
def test_a_key_whose_identity_was_damaged_lets_nobody_in(
    office: Installation, ask: Ask, column: str, stored: str
) -> None:
    bearer = key(office)
    with office.change() as session:
        setattr(session.get_one(ApiKeyRow, (TENANT, bearer.split("_")[1])), column, stored)
    assert ask(bearer) == 401


def test_a_claimed_group_helps_its_subject_and_not_the_agent(
    office: Installation, ask: Ask
) -> None:
    office.know("group:readers")
    assert ask(jwt(sub="bob")) == set()
    assert ask(jwt(sub="bob", groups=["readers"])) == {NOTES}
    assert ask(jwt(sub="bob", groups=["readers"], act={"sub": "bot"})) == set()


def test_switching_an_agent_off_ends_what_it_does_for_others(
    office: Installation, ask: Ask
) -> None:
    delegated, own = jwt(act={"sub": "bot"}), key(office, "service:bot")
    office.enable("service:bot", enabled=False)
    try:
        assert ask(delegated) == ask(own) == set()
    finally:
        office.enable("service:bot", enabled=True)
    assert ask(delegated) == {BOTH}
