"""Tenants are apart on every route: an administrator of one cannot tell whether another is there.

Two services hold the same tenant; in one of them a rival stands beside it, with documents, groups,
ACLs, keys, receipts and an audit of its own. Somebody who may do everything in the first tenant
asks every route there is for every name the rival has: status, headers and body must be the same
bytes. Only ``/metrics`` is left out, which speaks of the whole installation and of no tenant.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import insert, select

from acl.caller import ApiScope
from acl.models import AclRow, ApiKeyRow, PrincipalRow
from ingestion.models import ChunkRow, DocumentRow, SourceRow
from retrieval.api.app import create_app
from retrieval.api.auth import MCP_PATH
from retrieval.records import ReceiptRow
from tests.security.test_two_worlds_over_http import URL, Surface, spelled
from tests.support.installation import TENANT, Installation, caller
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank

RIVAL: Final = "rival"
ADMIN: Final = "user:admin"
OPERATIONS: Final = "/metrics"
_SECRET: Final = "s" * 43

Asked = tuple[str, str, Any]


def settle(world: Installation, tenant: str, word: str) -> None:
    """A tenant with something of every kind; the names in it carry ``word``."""
    world.know(ADMIN, tenant=tenant)
    world.join(f"group:{word}", f"user:{word}", ADMIN, tenant=tenant)
    specs = (acl(word, allow(f"group:{word}")), acl(f"{word}/board", allow("user:x"), parent=word))
    shelf = {
        f"{word}.md": Shelved(f"# {word}\n\nThe allowance of {word} is 55 euros.", word),
        "board.md": Shelved(f"# Board\n\nThe merger of {word} is secret.", f"{word}/board"),
    }
    # Its own id, which would be drawn otherwise and differ between the two worlds.
    world.ingest(ListedSource(word, specs, shelf), tenant=tenant, run_id=f"run-of-{word}")
    world.ask(caller(f"user:{word}", tenant=tenant), "allowance")


def key_of(world: Installation, tenant: str, key_id: str) -> str:
    """A key that is the same in both worlds, for everything but the operation of the service."""
    scopes = sorted(set(ApiScope) - {ApiScope.OPS})
    with world.change(tenant) as session:
        values = {
            "tenant": tenant,
            "key_id": key_id,
            "secret_hash": hashlib.sha256(_SECRET.encode()).digest(),
            "subject": ADMIN,
            "api_scopes": " ".join(scopes),
            "label": "",
            "created_at": world.clock(),
        }
        session.execute(insert(ApiKeyRow), [values])
    return f"clr_{key_id}_{_SECRET}"


@contextmanager
def service(
    blank: Blank, directory: Path, *, beside: bool
) -> Iterator[tuple[Installation, Surface]]:
    """The tenant's service, with a rival beside it or alone."""
    with Installation.open(blank, directory, public_url=URL) as world:
        if beside:
            settle(world, RIVAL, "initech")
            key_of(world, RIVAL, "f" * 16)
        settle(world, TENANT, "acme")
        token = key_of(world, TENANT, "a" * 16)
        with TestClient(create_app(world.runtime), raise_server_exceptions=False) as client:
            yield world, Surface(client, token)


def names_of(world: Installation, tenant: str) -> list[str]:
    """Everything of a tenant that can be named, by its name."""
    with world.runtime.database.read(tenant) as session:
        columns = (
            *(AclRow.name, AclRow.id, PrincipalRow.principal, ApiKeyRow.key_id),
            *(SourceRow.name, DocumentRow.id, ChunkRow.id),
        )
        found = {name for column in columns for name in session.scalars(select(column))}
    with world.runtime.audit_database.read(tenant) as session:
        found.update(session.scalars(select(ReceiptRow.receipt_id)))
    return sorted(found | {tenant})


def requests(world: Installation, names: list[str]) -> Iterator[Asked]:
    """Each route by each method with each name, and bodies that name the rival's things."""
    for context in iter_route_contexts(create_app(world.runtime).routes):
        if context.path in {MCP_PATH, OPERATIONS}:
            continue
        for method in sorted((context.methods or {"GET"}) - {"HEAD"}):
            for name in names if "{" in context.path else names[:1]:
                path = re.sub(r"\{[^}]+\}", quote(name, safe=""), context.path)
                yield method, path, {} if method in {"POST", "PUT"} else None
    for name in names:
        yield "POST", "/v1/retrieve", {"query": "allowance", "sources": [name]}
        yield "POST", "/v1/retrieve", {"query": f"the allowance of {name}", "min_relevance": 0.0}
        citation = {"chunk_id": name, "quote": "allowance"}
        yield "POST", "/v1/verify", {"claims": [{"text": "So it is.", "citations": [citation]}]}
        for marked in ({"receipt_id": name}, {"chunks": {"e1": name}}):
            draft = {"text": "The allowance [e1].", **marked}
            yield "POST", "/v1/verify", {"answer": draft}
        yield "POST", "/v1/feedback", {"receipt_id": name, "useful": True}
        yield "POST", "/v1/explain", {"principal": ADMIN, "acl": name}
        yield "POST", "/v1/explain", {"principal": ADMIN, "document": name}
        yield "POST", "/v1/explain", {"principal": name, "acl": "acme"}
    for path in ("/v1/acls", "/v1/principals", "/v1/groups", "/v1/keys", "/v1/audit"):
        yield "GET", path, None


def test_no_byte_of_any_route_tells_of_another_tenant(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        with_rival, alone = (
            stack.enter_context(service(blank_catalogue, tmp_path / name, beside=beside))
            for name, beside in (("with", True), ("alone", False))
        )
        names = names_of(with_rival[0], RIVAL)
        assert len(names) > 12, "there is hardly anything to find"
        for request in requests(with_rival[0], names):
            first, second = (spelled(world[1].reply(*request)) for world in (with_rival, alone))
            assert first == second, request


def test_the_same_names_are_found_by_whoever_they_belong_to(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    """So the names are good ones, and the silence above is not that of misspelled questions."""
    with service(blank_catalogue, tmp_path / "own", beside=False) as (world, wire):
        good = itertools.chain.from_iterable(
            (f"/v1/acls/{quote(name, safe='')}", f"/v1/receipts/{name}", f"/v1/evidence/{name}")
            for name in names_of(world, TENANT)
        )
        found = [path for path in good if wire.reply("GET", path).status_code == 200]
    assert {path.split("/")[2] for path in found} == {"acls", "receipts", "evidence"}
