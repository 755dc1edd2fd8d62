"""Two services on one PostgreSQL, each a process of its own: what one is told, the other obeys.

They share the embedded index, since they stand on one machine; a Qdrant server would be shared the
same way. Redis counts their budgets where there is one.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx2
import pytest

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion import jobs
from ingestion.sources.folder import FolderSource
from retrieval.runtime import Runtime
from retrieval.settings import Settings
from tests.e2e.served import QUESTION, furnish
from tests.support.catalogue import fill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.postgres import Server

CLEARANCE: Final = str(Path(sys.executable).with_name("clearance"))
REDIS: Final = shutil.which("redis-server") or shutil.which("valkey-server")
BUDGETS: Final = {"globex": {"user_requests_per_minute": 4}}
_CHANGING: Final = ("receipt", "receipt_id", "age_seconds", "checked_at")

pytestmark = [pytest.mark.slow, pytest.mark.postgres, pytest.mark.timeout(300)]


@dataclass(frozen=True)
class Replicas:
    """Both services, the installation behind them, and tokens by user."""

    urls: tuple[str, str]
    runtime: Runtime
    home: Path
    tokens: dict[str, str]

    def call(self, replica: int, method: str, path: str, body: Any = None, *, who: str) -> Any:
        return httpx2.request(
            method,
            self.urls[replica] + path,
            json=body,
            headers={"Authorization": f"Bearer {self.tokens[who]}", "X-Request-ID": "r"},
            timeout=60,
        )

    def ask(self, replica: int, who: str, query: str = QUESTION) -> Any:
        return self.call(
            replica, "POST", "/v1/retrieve", {"query": query, "min_relevance": 0}, who=who
        )

    def texts(self, replica: int, who: str) -> list[str]:
        reply = self.ask(replica, who)
        assert reply.status_code == 200, reply.text
        return [piece["text"] for piece in reply.json()["evidence"]]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serving(settings: dict[str, str], log: Path) -> Iterator[str]:
    """``clearance serve`` from its start until it drains; yields its address."""
    port = free_port()
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with (
        log.open("wb") as written,
        subprocess.Popen(  # noqa: S603 - our own command
            [CLEARANCE, "serve", "--port", str(port)],
            env=kept | settings,
            stdout=written,
            stderr=written,
        ) as process,
    ):
        try:
            yield f"http://127.0.0.1:{port}"
            assert process.poll() is None, log.read_text()
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def wait_for(address: str) -> None:
    """Return when it is ready; the test's own limit of time ends the wait for one that never is."""
    while True:
        try:
            if httpx2.get(f"{address}/readyz").status_code == 200:
                return
        except httpx2.TransportError:
            pass
        time.sleep(0.1)


@contextmanager
def redis(directory: Path) -> Iterator[dict[str, str]]:
    """The setting that names a Redis of its own; none where there is no program for one."""
    if REDIS is None:
        yield {}
        return
    port = free_port()
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(directory))
    with subprocess.Popen(  # noqa: S603 - the program found above, and our own words
        [REDIS, "--port", str(port), *options], stdout=subprocess.DEVNULL
    ) as server:
        try:
            yield {"CLEARANCE_REDIS_URL": f"redis://127.0.0.1:{port}/0"}
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def replicas(
    postgres_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicas]:
    home = tmp_path_factory.mktemp("replicas")
    with ExitStack() as stack:
        url = stack.enter_context(postgres_server.database(fill))
        settings = Settings(data_dir=home / "data", embedder="hash:64", database_url=url)
        runtime = stack.enter_context(Runtime.open(settings))
        furnish(runtime, home)
        every = tuple(ApiScope)
        users = {"ann": "acme", "bob": "acme", "ops": "acme", "eve": "globex"}
        tokens = {user: token(runtime, user, tenant, every) for user, tenant in users.items()}
        environment = {
            "CLEARANCE_DATA_DIR": str(settings.data_dir),
            "CLEARANCE_DATABASE_URL": url,
            "CLEARANCE_EMBEDDER": "hash:64",
            "CLEARANCE_BUDGET_TENANTS": json.dumps(BUDGETS),
        } | stack.enter_context(redis(home))
        first, second = (
            stack.enter_context(serving(environment, home / f"{name}.log")) for name in "ab"
        )
        for address in (first, second):  # both start at once
            wait_for(address)
        yield Replicas((first, second), runtime, home, tokens)


def token(runtime: Runtime, user: str, tenant: str, scopes: tuple[ApiScope, ...]) -> str:
    with runtime.database.write(tenant) as session:
        return create_key(
            session,
            tenant,
            Principal.parse(f"user:{user}"),
            api_scopes=scopes,
            now=runtime.clock(),
        ).token


def test_what_one_revokes_the_very_next_question_to_the_other_no_longer_brings(
    replicas: Replicas,
) -> None:
    member = "/v1/groups/group:board/members/user:ann"
    for turn in range(4):
        here, there = turn % 2, 1 - turn % 2
        granted = replicas.call(here, "PUT", member, who="ops")
        assert granted.status_code < 300, granted.text
        assert len(replicas.texts(there, "ann")) == 2
        assert len(replicas.texts(here, "ann")) == 2
        assert replicas.call(here, "DELETE", member, who="ops").status_code < 300
        assert len(replicas.texts(there, "ann")) == 1
        assert len(replicas.texts(here, "ann")) == 1


def test_a_key_that_one_revokes_opens_nothing_at_the_other(replicas: Replicas) -> None:
    made = replicas.call(
        0, "POST", "/v1/keys", {"subject": "user:bob", "scopes": ["retrieve"]}, who="ops"
    )
    assert made.status_code == 201, made.text
    replicas.tokens["lost"] = made.json()["token"]
    assert [replicas.ask(one, "lost").status_code for one in (0, 1)] == [200, 200]
    path = f"/v1/keys/{made.json()['key_id']}"
    assert replicas.call(1, "DELETE", path, who="ops").status_code == 204
    assert [replicas.ask(one, "lost").status_code for one in (0, 1)] == [401, 401]


def test_a_flag_that_one_switches_holds_for_the_next_request_to_the_other(
    replicas: Replicas,
) -> None:
    flag = {"value": "on", "reason": "a test"}
    for turn in range(4):
        here, there = turn % 2, 1 - turn % 2
        put = replicas.call(here, "PUT", "/v1/flags/lexical_only", flag, who="ops")
        assert put.status_code == 200, put.text
        assert replicas.ask(there, "ann").json()["search"]["mode"] == "lexical"
        taken = replicas.call(here, "DELETE", "/v1/flags/lexical_only", who="ops")
        assert taken.status_code == 200, taken.text
        assert replicas.ask(there, "ann").json()["search"]["mode"] == "hybrid"


@pytest.mark.skipif(REDIS is None, reason="no redis-server on this machine")
def test_a_budget_is_one_over_both(replicas: Replicas) -> None:
    asked = [replicas.ask(turn % 2, "eve").status_code for turn in range(6)]
    assert asked == [200, 200, 200, 200, 429, 429]


def test_what_the_caller_may_not_see_changes_no_byte_through_either(replicas: Replicas) -> None:
    questions = (QUESTION, "initech closes in spring", "entirely unheard words")

    def answers() -> list[tuple[int, str]]:
        return [
            told(replicas.ask(replica, "ann", question))
            for question in questions
            for replica in (0, 1)
        ]

    before = answers()
    assert before[::2] == before[1::2]
    hidden = replicas.home / "hidden"
    hidden.mkdir()
    for number in range(8):
        text = f"# Travel\n\nThe per diem abroad is {number} euros. Initech closes in spring.\n"
        (hidden / f"{number}.md").write_text(text)
    jobs.ingest(
        replicas.runtime.ingest_context(),
        FolderSource(hidden, name="hidden", allow=["group:board"]),
        tenant="acme",
        config=jobs.SourceConfig(kind="folder", config={}),
    )
    assert len(replicas.texts(1, "bob")) > 2
    assert answers() == before


def told(reply: Any) -> tuple[int, str]:
    """A reply without what no two have in common: its signature, and what the clock says."""

    def same(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: same(one) for name, one in value.items() if name not in _CHANGING}
        return [same(one) for one in value] if isinstance(value, list) else value

    return reply.status_code, json.dumps(same(reply.json()), sort_keys=True, indent=1)
