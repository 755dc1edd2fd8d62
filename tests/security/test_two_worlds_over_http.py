"""Non-interference over the wire: every response of every route, errors included.

Two services that differ only in what the caller may not see get the same requests; status, headers
and body must be the same bytes. The requests are drawn from what the richer world holds, so ids of
hidden, deleted and foreign things are among them, and every route of the application is asked: one
that is added later is asked too, without anybody thinking of it.
"""

from __future__ import annotations

import itertools
import random
import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import select

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion.models import ChunkRow, DocumentRow
from retrieval.api.app import create_app
from retrieval.api.auth import MCP_PATH
from retrieval.records import ReceiptRow
from tests.security.worlds import QUERIES, SECTIONS, draw_world, tell, twin
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from httpx2 import Response

    from tests.security.worlds import World
    from tests.support.catalogue import Blank

ANN, BOB = "user:ann", "user:bob"
NOWHERE = "00000000-0000-4000-8000-000000000000"
URL = "http://testserver"
# What a rejected method or an unheard-of path says is part of the surface as well.
_ODD = (("GET", "/v1/retrieve"), ("POST", "/v1/sources"), ("GET", "/v1/unheard"), ("GET", "/"))

Asked = tuple[str, str, Any]


class Surface:
    """One service, and its replies as bytes."""

    def __init__(self, client: TestClient, token: str) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {token}"}
        self._numbers = itertools.count()

    def of(self, token: str) -> Surface:
        """Somebody else's way to the same service."""
        return Surface(self._client, token)

    def reply(self, method: str, path: str, body: Any = None) -> Response:
        """Ask; the request id counts the requests, so it is the same in both worlds."""
        headers = {**self._headers, "X-Request-ID": f"r{next(self._numbers)}"}
        if path == "/mcp":
            headers["Accept"] = "application/json, text/event-stream"
        return self._client.request(method, path, json=body, headers=headers)


def spelled(response: Response) -> str:
    """A response with everything an observer could compare."""
    headers = "\n".join(f"{name}: {value}" for name, value in sorted(response.headers.items()))
    return f"{response.status_code}\n{headers}\n\n{response.text}"


@contextmanager
def surface(
    blank: Blank,
    directory: Path,
    world: World | None,
    who: str = ANN,
    *,
    settings: Mapping[str, object] | None = None,
) -> Iterator[tuple[Installation, Surface]]:
    """A world, told to a real application, and one caller's way to it."""
    with Installation.open(blank, directory, public_url=URL, **(settings or {})) as installation:
        if world is None:
            furnish(installation, hidden=False)
        else:
            tell(world, installation)
        with TestClient(create_app(installation.runtime), raise_server_exceptions=False) as client:
            yield installation, Surface(client, token_of(installation, who))


def token_of(installation: Installation, who: str) -> str:
    """A key of somebody, for everything that people are given."""
    with installation.change() as session:
        return create_key(
            session,
            TENANT,
            Principal.parse(who),
            api_scopes=[ApiScope.RETRIEVE, ApiScope.VERIFY],
            now=installation.clock(),
        ).token


def furnish(installation: Installation, *, hidden: bool) -> None:
    """A small world by hand."""
    installation.know(ANN, BOB)
    specs = [acl("open", allow(ANN), allow(BOB)), acl("board", allow(BOB))]
    shelf = {"open.md": Shelved(SECTIONS[0], "open"), "loan.md": Shelved(SECTIONS[4], "open")}
    if hidden:
        shelf["board.md"] = Shelved(SECTIONS[7], "board")
    installation.ingest(ListedSource("wiki", specs, shelf))


def things(installation: Installation) -> dict[str, list[str]]:
    """Every id there is, whoever may see it, by what a path calls it."""
    with installation.runtime.database.unguarded("comparing whole worlds") as session:
        found = {
            "chunk_id": sorted(set(session.scalars(select(ChunkRow.id)))),
            "document_id": sorted(set(session.scalars(select(DocumentRow.id)))),
        }
    with installation.runtime.audit_database.unguarded("comparing whole worlds") as session:
        found["receipt_id"] = sorted(set(session.scalars(select(ReceiptRow.receipt_id))))
    return found


def questions(rng: random.Random, ids: dict[str, list[str]]) -> Iterator[Asked]:
    """What a curious agent asks, of everything it might have heard of."""
    for query in QUERIES:
        narrowed = rng.choice([None, ["wiki"], ["policies", "unheard"]])
        body = {"query": query, "limit": 2, "min_relevance": 0.0, "include": ["scores"]}
        yield "POST", "/v1/retrieve", {**body, "sources": narrowed}
        yield "POST", "/v1/retrieve", body  # again: what is remembered must not tell either
        yield "POST", "/mcp", tool("retrieve", body)
    for wrong in ({}, {"query": ""}, {"query": "x", "tenant": "rival"}, {"query": "x", "limit": 0}):
        yield "POST", "/v1/retrieve", wrong
    yield "POST", "/v1/retrieve", {"query": "euros", "cursor": "invented"}
    yield "POST", "/mcp", tool("list_sources", {})
    for ident in (*ids["chunk_id"], NOWHERE):
        yield "GET", f"/v1/evidence/{ident}", None
        yield "POST", "/mcp", tool("get_evidence", {"chunk_id": ident})
        claim = {"citations": [{"chunk_id": ident, "quote": rng.choice(SECTIONS)[2:20]}]}
        yield "POST", "/v1/verify", {"claims": [{"text": "So it is.", **claim}]}
        cited = {"chunk_id": ident, "start": 2, "end": 20}
        yield "POST", "/v1/verify", {"claims": [{"text": SECTIONS[7], "citations": [cited]}]}
        draft = {"text": f"{SECTIONS[7]} [e1]", "chunks": {"e1": ident}}
        yield "POST", "/mcp", tool("verify_claims", {"answer": draft})
        yield "POST", "/v1/feedback", {"chunk_id": ident, "useful": True}
    for ident in (*ids["receipt_id"], NOWHERE):
        yield "GET", f"/v1/receipts/{ident}", None
        yield "GET", f"/v1/receipts/{ident}/status", None
        yield "POST", "/v1/feedback", {"receipt_id": ident, "useful": False}
        claim = {"citations": [{"receipt_id": ident, "evidence": "e1"}]}
        yield "POST", "/v1/verify", {"claims": [{"text": "So it is.", **claim}]}
        draft = {"text": f"{SECTIONS[7]} [e1] {SECTIONS[0]} [e2]", "receipt_id": ident}
        yield "POST", "/v1/verify", {"answer": draft}
        yield "POST", "/mcp", tool("verify_claims", {"answer": draft})
    for method, path in _ODD:
        yield method, path, None


def tool(name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """A call of a tool over MCP."""
    call = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}


def every_route(installation: Installation, ids: dict[str, list[str]]) -> Iterator[Asked]:
    """Each route there is, by each method, with ids of what it names; bodies empty."""
    for context in iter_route_contexts(create_app(installation.runtime).routes):
        if context.path == MCP_PATH:
            continue  # asked above; a GET of it is a stream that stays open
        names = re.findall(r"\{(\w+)(?::\w+)?\}", context.path)
        known = next((ids[name] for name in names if name in ids), [NOWHERE])
        for method, ident in itertools.product(sorted(context.methods or ["GET"]), known[:6]):
            path = re.sub(r"\{[^}]+\}", ident, context.path)
            yield method, path, {} if method in {"POST", "PUT"} else None


def test_no_byte_of_any_route_tells_of_what_is_hidden(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    told = 0
    for seed in (2, 5, 9):
        rng = random.Random(seed)  # noqa: S311 - a reproducible world, no secret
        whole = draw_world(rng)
        without = twin(whole, ANN, None)
        told += len(whole.stories) - len(without.stories)
        with ExitStack() as stack:
            rich, poor = (
                stack.enter_context(surface(blank_catalogue, tmp_path / f"{seed}{name}", world))
                for name, world in (("whole", whole), ("without", without))
            )
            # Somebody else has been shown what Ann may not see, so there are foreign receipts.
            for query in QUERIES:
                rich[0].ask(caller(BOB), query)
            ids = things(rich[0])
            asked = [*questions(rng, ids), *every_route(rich[0], ids)]
            for request in asked:
                first, second = (spelled(world[1].reply(*request)) for world in (rich, poor))
                assert first == second, request
    assert told > 5, "there was hardly anything to tell"


def test_pages_and_receipts_of_an_answer_are_the_same_in_both_worlds(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    got: list[list[str]] = []
    for name, hidden in (("whole", True), ("without", False)):
        with surface(blank_catalogue, tmp_path / name, None) as (installation, wire):
            furnish(installation, hidden=hidden)
            installation.ask(caller(BOB), "merger")
            replies, cursor = [], None
            while True:
                body = {"query": "euros", "limit": 1, "min_relevance": 0.0, "cursor": cursor}
                answer = wire.reply("POST", "/v1/retrieve", body)
                replies.append(spelled(answer))
                replies += spelled_status(wire, installation)
                cursor = answer.json()["next_cursor"]
                if cursor is None:
                    break
            got.append(replies)
    assert got[0] == got[1]
    assert len(got[0]) == 4


def spelled_status(wire: Surface, installation: Installation) -> list[str]:
    """What the status of the latest receipt of Ann is."""
    with installation.runtime.audit_database.read(TENANT) as session:
        mine = session.scalars(
            select(ReceiptRow.receipt_id).where(ReceiptRow.subject == ANN).order_by(ReceiptRow.at)
        ).all()
    return [spelled(wire.reply("GET", f"/v1/receipts/{max(mine)}/status"))]


@pytest.mark.parametrize("first", [ANN, BOB])
def test_what_was_remembered_for_one_caller_is_not_served_to_another(
    blank_catalogue: Blank, tmp_path: Path, first: str
) -> None:
    """The same question by two people, in both orders, is answered as to each alone."""
    second = BOB if first == ANN else ANN
    alone, together = {}, {}
    body = {"query": "merger of the branch", "min_relevance": 0.0}
    for who in (ANN, BOB):
        with surface(blank_catalogue, tmp_path / f"alone-{who[5:]}", None, who) as (world, wire):
            furnish(world, hidden=True)
            alone[who] = spelled(wire.reply("POST", "/v1/retrieve", body))
    with surface(blank_catalogue, tmp_path / "together", None, first) as (world, wire):
        furnish(world, hidden=True)
        together[first] = spelled(wire.reply("POST", "/v1/retrieve", body))
        with TestClient(create_app(world.runtime)) as client:
            other = Surface(client, token_of(world, second))
            together[second] = spelled(other.reply("POST", "/v1/retrieve", body))
    assert together == alone
    assert "secret" in alone[BOB]
    assert "secret" not in alone[ANN]


def test_what_was_added_and_deleted_is_as_if_it_had_never_been(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    got = []
    rng = random.Random(1)  # noqa: S311 - a reproducible world, no secret
    asked = list(questions(rng, {"chunk_id": [], "receipt_id": []}))
    specs = [acl("open", allow(ANN), allow(BOB)), acl("board", allow(BOB))]
    shown = {"open.md": Shelved(SECTIONS[0], "open"), "loan.md": Shelved(SECTIONS[4], "open")}
    passing = {"guest.md": Shelved(SECTIONS[1], "open"), "note.md": Shelved(SECTIONS[7], "board")}
    for name, first in (("whole", {**shown, **passing}), ("without", shown)):
        with surface(blank_catalogue, tmp_path / name, None) as (world, wire):
            for shelf in (first, shown):
                world.ingest(ListedSource("wiki", specs, shelf))
            got.append([spelled(wire.reply(*request)) for request in asked])
    assert got[0] == got[1]
