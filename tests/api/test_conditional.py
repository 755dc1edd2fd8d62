"""Conditional requests: a tag changes with what the caller sees, and with nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest
from fastapi.testclient import TestClient

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from retrieval.api.app import create_app
from tests.support.clock import HOUR
from tests.support.installation import TENANT, Installation
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response

    from tests.support.catalogue import Blank

SPECS: Final = [acl(name, allow(f"group:{name}")) for name in ("staff", "board")]
TRAVEL: Final = Shelved("# Travel\n\nThe per diem for trips abroad is 55 euros.\n", "staff")
MERGER: Final = Shelved("# Merger\n\nThe merger closes in spring.\n", "board")


class World:
    """An installation behind its REST surface, and one caller of it."""

    def __init__(self, installation: Installation, client: TestClient) -> None:
        self.installation, self._client = installation, client
        with installation.change() as session:
            subject, scopes = Principal.parse("user:ann"), (ApiScope.RETRIEVE,)
            self._token = create_key(
                session, TENANT, subject, api_scopes=scopes, now=installation.clock()
            ).token

    def shelve(self, **shelf: Shelved) -> None:
        self.installation.ingest(ListedSource("handbook", SPECS, shelf))

    def get(self, path: str, *tags: str) -> Response:
        headers = [("Authorization", f"Bearer {self._token}")]
        headers += [("If-None-Match", tag) for tag in tags]
        return self._client.get(path, headers=headers)

    def evidence(self) -> str:
        asked = {"query": "What is the per diem for trips abroad?", "min_relevance": 0}
        headers = {"Authorization": f"Bearer {self._token}"}
        found = self._client.post("/v1/retrieve", json=asked, headers=headers).json()
        return f"/v1/evidence/{found['evidence'][0]['chunk_id']}"


@pytest.fixture
def world(sqlite_catalogue: Blank, tmp_path: Path) -> Iterator[World]:
    with (
        Installation.open(sqlite_catalogue, tmp_path / "world") as installation,
        TestClient(create_app(installation.runtime)) as client,
    ):
        installation.join("group:staff", "user:ann")
        installation.join("group:board", "user:bob")
        made = World(installation, client)
        made.shelve(travel=TRAVEL, merger=MERGER)
        yield made


@pytest.fixture(params=["evidence", "sources"])
def path(request: pytest.FixtureRequest, world: World) -> str:
    return world.evidence() if request.param == "evidence" else "/v1/sources"


def test_the_same_is_not_sent_again_though_it_is_older_by_an_hour(world: World, path: str) -> None:
    first = world.get(path)
    world.installation.clock.advance(HOUR)
    again = world.get(path, first.headers["etag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert first.headers["cache-control"] == again.headers["cache-control"]
    assert "no-store" in first.headers["cache-control"]


def test_a_tag_is_found_among_others_weak_or_strong_and_a_strange_one_is_none(
    world: World, path: str
) -> None:
    tag = world.get(path).headers["etag"]
    assert tag.startswith('W/"')
    for known in ((f'"a", {tag}',), ('"a"', tag), (tag.removeprefix("W/"),)):
        assert world.get(path, *known).status_code == 304, known
    for strange in ("*", '"', "", tag[:-2] + '"', tag.upper()):
        assert world.get(path, strange).status_code == 200, strange


def test_what_is_hidden_changes_no_tag_and_what_is_seen_does(world: World, path: str) -> None:
    tag = world.get(path).headers["etag"]
    hidden = Shelved("# Merger\n\nThe merger closes in autumn.\n", "board")
    world.shelve(travel=TRAVEL, merger=hidden, more=MERGER)
    assert world.get(path, tag).status_code == 304
    world.installation.clock.advance(HOUR)
    world.shelve(travel=TRAVEL, merger=hidden)
    assert world.get(path, tag).status_code == 200, "it was confirmed anew"


def test_a_tag_is_no_way_around_a_revocation(world: World, path: str) -> None:
    tag = world.get(path).headers["etag"]
    world.installation.leave("group:staff", "user:ann")
    reply = world.get(path, tag)
    assert reply.status_code == (200 if path == "/v1/sources" else 404)
    assert "handbook" not in reply.text


def test_only_what_is_public_is_compressed(world: World) -> None:
    packed = world.get("/openapi.json")
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json()["info"]["title"] == "Clearance"
    for path in (world.evidence(), "/v1/sources", "/.well-known/jwks.json"):
        reply = world.get(path)
        assert "content-encoding" not in reply.headers, path
        assert "no-transform" in reply.headers["cache-control"], path


def test_a_refusal_has_no_tag(world: World) -> None:
    absent = world.get("/v1/evidence/of-nothing", "*")
    assert absent.status_code == 404
    assert "etag" not in absent.headers
