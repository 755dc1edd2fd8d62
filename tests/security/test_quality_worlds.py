"""Figures for analysts tell of their own tenant and of nothing they cannot see.

Two services hold the same records of one tenant. In one of them a rival has records of its own, and
the tenant has documents that the analyst cannot see and nobody was shown: no byte may differ.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Final

from fastapi.testclient import TestClient

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from retrieval.api.app import create_app
from retrieval.quality.datasets import SHAPES, Dataset
from retrieval.quality.synthetic import Plan
from retrieval.quality.synthetic_store import write
from tests.security.test_two_worlds_over_http import URL
from tests.support.installation import TENANT, Installation
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.support.catalogue import Blank

RIVAL: Final = "rival"
SPECS: Final = (acl("open", allow("user:ana")), acl("board", allow("user:chair")))
SECRETS: Final = ("merger", "initech", "user:chair", "user:ana", "minutes")


@contextmanager
def desk(blank: Blank, home: Path, *, hidden: bool) -> Iterator[tuple[TestClient, str]]:
    """A service with a week of records, with or without what must not show."""
    with Installation.open(blank, home, public_url=URL) as world:
        runtime = world.runtime
        mine = Plan(tenants=(TENANT,), weeks=1, queries=30)
        write(runtime.database, mine, audit_database=runtime.audit_database)
        if hidden:
            theirs = Plan(seed=7, tenants=(RIVAL,), weeks=1, queries=30)
            write(runtime.database, theirs, audit_database=runtime.audit_database)
        world.know("user:ana", "user:chair")
        seen = {"a.md": Shelved("The travel allowance abroad is 55 euros.", "open")}
        world.ingest(ListedSource("handbook", SPECS, seen))
        if hidden:
            secret = {"m.md": Shelved("The merger with Initech is secret.", "board")}
            world.ingest(ListedSource("minutes", SPECS, secret))
            both = {**seen, "b.md": Shelved("The merger closes in May.", "board")}
            world.ingest(ListedSource("handbook", SPECS, both))
        else:
            world.ingest(ListedSource("handbook", SPECS, seen))
        with world.change() as session:
            principal = Principal.parse("user:ana")
            scopes = (ApiScope.ANALYST,)
            made = create_key(session, TENANT, principal, api_scopes=scopes, now=world.clock())
        with TestClient(create_app(runtime), raise_server_exceptions=False) as client:
            yield client, made.token


def questions() -> Iterator[tuple[Dataset, dict[str, Any]]]:
    for dataset in Dataset:
        for form in ("json", "csv", "parquet"):
            yield dataset, {"format": form}
        yield dataset, {"limit": 3}
    for name in ("minutes", "contracts", "unheard", "source:0000000000000000"):
        yield Dataset.EVIDENCE, {"source": name}
        yield Dataset.SOURCES, {"source": name}
    yield Dataset.CLAIMS, {"source": "minutes"}
    yield Dataset.RETRIEVALS, {"generation": "g2"}


def test_no_byte_tells_of_another_tenant_or_of_what_the_analyst_cannot_see(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        worlds = [
            stack.enter_context(desk(blank_catalogue, tmp_path / str(hidden), hidden=hidden))
            for hidden in (True, False)
        ]
        told = 0
        for dataset, asked in questions():
            replies = [
                client.get(
                    f"/v1/quality/{dataset}",
                    params=asked,
                    headers={"Authorization": f"Bearer {token}", "X-Request-ID": "one"},
                )
                for client, token in worlds
            ]
            first, second = ((r.status_code, dict(r.headers), r.content) for r in replies)
            assert first == second, (dataset, asked)
            told += len(replies[0].content)
        assert told > 50_000, "there is hardly anything that could tell"


def test_no_reply_names_a_document_a_person_or_what_was_asked(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    with desk(blank_catalogue, tmp_path / "one", hidden=True) as (client, token):
        headers = {"Authorization": f"Bearer {token}"}
        for dataset in Dataset:
            reply = client.get(f"/v1/quality/{dataset}?format=csv", headers=headers)
            words = reply.text.casefold()
            assert words.startswith(",".join(SHAPES[dataset].names))
            assert not [secret for secret in SECRETS if secret in words]
