"""Non-interference on pages: what a reader may not see changes no byte of any page they open.

Two services that differ only in what is hidden from Ann serve the same browser, whose cookie is the
same in both: status, headers and page must be the same bytes.
"""

from __future__ import annotations

import hashlib
import random
import re
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from fastapi.testclient import TestClient
from sqlalchemy import insert

from acl.caller import ApiScope
from acl.models import ApiKeyRow
from retrieval.api.app import create_app
from retrieval.console.session import LIFE, Session, sealed
from tests.security.test_two_worlds_over_http import ANN, BOB, NOWHERE, spelled, things
from tests.security.worlds import QUERIES, draw_world, tell, twin
from tests.support.console import SITE, Browser
from tests.support.installation import TENANT, Installation, caller

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response

    from tests.security.worlds import World
    from tests.support.catalogue import Blank

_KEY_ID, _SECRET, _NONCE = "a" * 16, "s" * 43, "n" * 22


def key_in(world: Installation, *scopes: ApiScope) -> str:
    """A key that is the same in both worlds."""
    with world.change() as session:
        values = {
            "tenant": TENANT,
            "key_id": _KEY_ID,
            "secret_hash": hashlib.sha256(_SECRET.encode()).digest(),
            "subject": ANN,
            "api_scopes": " ".join(scopes),
            "label": "",
            "created_at": world.clock(),
        }
        session.execute(insert(ApiKeyRow), [values])
    return f"clr_{_KEY_ID}_{_SECRET}"


@contextmanager
def browsing(blank: Blank, directory: Path, world: World) -> Iterator[tuple[Installation, Browser]]:
    """A world told to a service, and Ann's browser in the middle of a session."""
    with Installation.open(blank, directory, public_url=SITE) as installation:
        tell(world, installation)
        ends = int((installation.clock() + LIFE).timestamp())
        session = Session(key_in(installation, ApiScope.RETRIEVE), _NONCE, ends)
        runtime = installation.runtime
        with TestClient(create_app(runtime), raise_server_exceptions=False) as client:
            yield (
                installation,
                Browser(client, session.form_mark(runtime.secret), sealed(runtime, session)),
            )


def pages(browser: Browser, ids: dict[str, list[str]]) -> Iterator[Response]:
    """What a curious reader opens, and asks."""
    for path in ("/console", "/console/ask", "/console/sources", "/console/unheard"):
        yield browser.get(path)
    for query in QUERIES:
        yield browser.ask(query, limit="2")
        yield browser.ask(query, limit="2")  # again: what is remembered must not tell either
        yield browser.ask(query, sources="unheard")
        yield browser.ask(query, sources="wiki", modified_since="2020-01-01")
    for ident in (*ids["chunk_id"], NOWHERE):
        yield browser.get(f"/console/evidence/{ident}")
    for ident in (*ids["receipt_id"], NOWHERE):
        yield browser.get(f"/console/receipts/{ident}")
    for ident in ids["document_id"][:4]:
        yield browser.get("/console/exposure", document=ident)
        yield browser.send("/console/access", {"principal": ANN, "document": ident})
    yield browser.send("/console/ask", {"query": ""})
    yield browser.send("/console/ask", {"query": "x", "tenant": "rival"})


def test_no_byte_of_any_page_tells_of_what_is_hidden(
    blank_catalogue: Blank, tmp_path: Path
) -> None:
    told, cited = 0, 0
    for seed in (3, 5):
        whole = draw_world(random.Random(seed))  # noqa: S311 - a reproducible world, no secret
        without = twin(whole, ANN, None)
        told += len(whole.stories) - len(without.stories)
        with ExitStack() as stack:
            rich, poor = (
                stack.enter_context(browsing(blank_catalogue, tmp_path / f"{seed}{name}", world))
                for name, world in (("whole", whole), ("without", without))
            )
            # Somebody else has been shown what Ann may not see, so there are foreign receipts.
            for query in QUERIES:
                rich[0].ask(caller(BOB), query)
            ids = things(rich[0])
            for first, second in zip(pages(rich[1], ids), pages(poor[1], ids), strict=True):
                assert spelled(first) == spelled(second), first.request.url
                cited += len(re.findall(r'<article id="e\d', first.text))
    assert told > 3, "there was hardly anything to tell"
    assert cited > 10, "hardly anything was shown"


def test_absent_hidden_and_malformed_are_one_page(blank_catalogue: Blank, tmp_path: Path) -> None:
    whole = draw_world(random.Random(5))  # noqa: S311 - a reproducible world, no secret
    with browsing(blank_catalogue, tmp_path / "world", whole) as (world, browser):
        found, lost = [], set()
        for ident in (*things(world)["chunk_id"], NOWHERE, "no-uuid", "%00", "a" * 300):
            reply = browser.get(f"/console/evidence/{ident}")
            if reply.status_code == 200:
                found.append(ident)
            else:
                assert reply.status_code == 404
                lost.add(re.sub(r"<code>r\d+</code>", "", reply.text))
        assert found
        assert len(lost) == 1
