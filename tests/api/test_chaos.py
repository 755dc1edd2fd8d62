"""With anything it needs gone, hung or slow, every reply is one the table foresees, and in time.

The real service over the real pipeline; what it needs is broken and mended while it runs. Whatever
is away, nothing is served that the caller may not see, and it comes back without a restart.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion.embedding.hashing import HashEmbedder
from ingestion.errors import EmbeddingError, IndexUnavailableError
from ingestion.index.memory import MemoryHost
from ingestion.sources.folder import FolderSource
from retrieval.api.app import create_app
from tests.support.faults import Fault, Faulty, FaultyHost, Switch
from tests.support.installation import Installation
from verifier.errors import SupportModelError
from verifier.policy import TrustPolicy
from verifier.support_model import Chances

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from httpx2 import Response

    from retrieval.runtime import Runtime
    from tests.support.catalogue import Blank

DEADLINE = 4.0
GRACE = 20.0  # a busy machine; what hangs would hang for 60
PER_DIEM = "What is the per diem for trips abroad?"
SECRET = "When does the merger with Initech close?"
FORESEEN = {
    200: {None},
    503: {"index_unavailable", "catalog_unavailable", "verifier_unavailable", "audit_unavailable"},
    504: {"deadline_exceeded"},
}
BROKEN = [Fault.DOWN, Fault.HUNG, Fault.SLOW]


class Judge:
    """A trained judge that always says the same."""

    name = "judge"

    def chances(self, claim: str, excerpt: str) -> Chances:
        """As likely one way as another."""
        del claim, excerpt
        return Chances(1 / 3, 1 / 3, 1 / 3)


@dataclass(frozen=True, slots=True)
class World:
    """A running service and a switch for each thing it needs."""

    runtime: Runtime
    installed: Installation
    client: TestClient
    switches: dict[str, Switch]
    tokens: dict[str, str]

    def post(self, path: str, name: str, body: dict[str, Any]) -> Response:
        """Ask, and hold the reply to what is foreseen, and to its time."""
        started = time.monotonic()
        reply = self.client.post(
            path, json=body, headers={"Authorization": f"Bearer {self.tokens[name]}"}
        )
        assert time.monotonic() - started < DEADLINE + GRACE
        code = reply.json().get("code")
        assert code in FORESEEN[reply.status_code], reply.text
        if reply.status_code == 503:
            assert int(reply.headers["retry-after"]) >= 1
        return reply

    def ask(self, name: str = "ann", query: str = PER_DIEM, **fields: Any) -> Response:
        """A question."""
        return self.post("/v1/retrieve", name, {"query": query, "min_relevance": 0, **fields})

    def recovers(self) -> Response:
        """A full answer, after as many tries as the circuits need to close."""
        until = time.monotonic() + GRACE
        while True:
            reply = self.ask(query=f"{PER_DIEM} {time.monotonic_ns()}")
            mode = reply.json().get("search", {}).get("mode")
            if (reply.status_code, mode) == (200, "hybrid") or time.monotonic() > until:
                assert (reply.status_code, mode) == (200, "hybrid"), reply.text
                return reply
            time.sleep(0.1)


@pytest.fixture
def world(blank_catalogue: Blank, tmp_path: Path) -> Iterator[World]:
    switches = {
        "embedder": Switch(lambda: EmbeddingError("the runtime failed")),
        "index": Switch(lambda: IndexUnavailableError("the index does not answer")),
        "catalogue": Switch(lambda: OperationalError("SELECT", {}, Exception("gone"))),
        "verifier": Switch(lambda: SupportModelError("the weights are gone")),
    }
    with Installation.open(
        blank_catalogue,
        tmp_path / "world",
        host=FaultyHost(MemoryHost(), switches["index"]),  # type: ignore[arg-type] - passes all on
        embedder=Faulty(HashEmbedder(32), switches["embedder"], "embed_query"),  # type: ignore[arg-type] - as above
        deadline_seconds=DEADLINE,
        support_model="rules",
    ) as installed:
        runtime = installed.runtime
        tokens = _fill(installed, tmp_path / "documents")
        runtime.__dict__["support_model"] = Faulty(Judge(), switches["verifier"], "chances")
        event.listen(
            runtime.database.reader, "begin", lambda _connection: switches["catalogue"].before()
        )
        with TestClient(create_app(runtime), raise_server_exceptions=False) as client:
            world = World(runtime, installed, client, switches, tokens)
            world.recovers()
            yield world


def _fill(installed: Installation, folder: Path) -> dict[str, str]:
    (folder / "board").mkdir(parents=True)
    (folder / "travel.md").write_text("# Travel\n\nThe per diem for trips abroad is 55 euros.\n")
    (folder / "board" / ".acl.yaml").write_text("inherit: false\nallow: [user:bob]\n")
    (folder / "board" / "merger.md").write_text("# Merger\n\nThe merger with Initech closes.\n")
    installed.join("group:staff", "user:ann", "user:bob")
    installed.ingest(FolderSource(folder, name="handbook", allow=["group:staff"]))
    tokens = {}
    with installed.change() as session:
        for name in ("ann", "bob"):
            tokens[name] = create_key(
                session,
                "bank",
                Principal.parse(f"user:{name}"),
                api_scopes=(ApiScope.RETRIEVE, ApiScope.VERIFY),
                now=installed.clock(),
            ).token
    return tokens


@pytest.mark.parametrize("fault", BROKEN)
@pytest.mark.parametrize("name", ["embedder", "index", "catalogue"])
def test_every_reply_is_foreseen_and_the_service_recovers_by_itself(
    world: World, name: str, fault: Fault
) -> None:
    whole = world.recovers().json()["evidence"]
    assert [piece["citation"]["title"] for piece in whole] == ["Travel"]
    with world.switches[name].broken(fault):
        for turn in range(3):
            reply = world.ask(query=f"{PER_DIEM} {turn}")
            if reply.status_code == 200:
                assert {piece["citation"]["title"] for piece in reply.json()["evidence"]} == {
                    "Travel"
                }
            elif fault is Fault.SLOW:
                pytest.fail(f"slow is not away: {reply.text}")
    assert [piece["citation"]["title"] for piece in world.recovers().json()["evidence"]] == [
        "Travel"
    ]


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.HUNG])
def test_without_the_embedder_words_alone_answer_and_say_so(world: World, fault: Fault) -> None:
    with world.switches["embedder"].broken(fault):
        body = world.ask().json()
    assert (body["status"], body["action"]) == ("degraded", "answer_with_caveat")
    assert [reason["code"] for reason in body["reasons"]] == ["lexical_only"]
    assert body["search"]["mode"] == "lexical"
    assert "55 euros" in body["evidence"][0]["text"]


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.HUNG])
def test_without_the_index_an_earlier_search_of_the_same_view_answers_and_says_so(
    world: World, fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.ask().json()
    monkeypatch.setattr("retrieval.resilience.memory.FRESH_SECONDS", -1.0)
    with world.switches["index"].broken(fault):
        body = world.ask().json()
        other = world.ask(query="What is the per diem for trips at home?")
        colleague = world.ask("bob")
    assert [reason["code"] for reason in body["reasons"]] == ["served_from_cache"]
    assert body["status"] == "degraded"
    assert body["search"]["age_seconds"] >= 0
    assert body["evidence"] == before["evidence"]
    assert before["search"]["age_seconds"] is None
    # Neither another question nor another caller finds it.
    for reply in (other, colleague):
        assert (reply.status_code, reply.json()["code"]) == (503, "index_unavailable")


def test_an_earlier_search_serves_nothing_that_was_revoked_or_deleted_since(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert world.ask("bob", SECRET).json()["evidence"]
    assert world.ask().json()["evidence"]
    monkeypatch.setattr("retrieval.resilience.memory.FRESH_SECONDS", -1.0)
    with world.switches["index"].broken(Fault.DOWN):
        world.installed.leave("group:staff", "user:bob")
        reply = world.ask("bob", SECRET)
        assert reply.status_code == 503, "his view is another now, and it was never searched"
        world.installed.enable("user:ann", enabled=False)
        gone = world.client.post(
            "/v1/retrieve",
            json={"query": PER_DIEM},
            headers={"Authorization": f"Bearer {world.tokens['ann']}"},
        )
        assert gone.status_code == 401 or gone.json()["evidence"] == []


@pytest.mark.parametrize("name", ["embedder", "index"])
def test_while_something_is_away_the_hidden_still_changes_no_byte(world: World, name: str) -> None:
    said = []
    for hidden in (True, False):
        with world.switches[name].broken(Fault.DOWN):
            reply = world.ask(query=f"{SECRET} per diem")
            body = reply.json()
            body.pop("request_id")
            body.pop("receipt", None)
            body.pop("receipt_id", None)
            said.append((reply.status_code, body))
        if hidden:
            world.recovers()
            _forget_the_board(world)
    assert said[0] == said[1]


def _forget_the_board(world: World) -> None:
    folder = world.installed.runtime.settings.data_dir.parent / "documents"
    (folder / "board" / "merger.md").unlink()
    world.installed.ingest(FolderSource(folder, name="handbook", allow=["group:staff"]))


def test_an_open_circuit_answers_at_once_and_is_counted(world: World) -> None:
    with world.switches["index"].broken(Fault.HUNG):
        for turn in range(5):
            world.ask(query=f"{PER_DIEM} {turn}")
        started = time.monotonic()
        replies = [world.ask(query=f"{PER_DIEM} again {turn}") for turn in range(5)]
        hung_each_time = 5 * DEADLINE * 0.5
        assert time.monotonic() - started < hung_each_time
    assert {reply.json()["code"] for reply in replies} == {"index_unavailable"}
    assert world.recovers().status_code == 200


def _draft(world: World) -> dict[str, Any]:
    """A claim that the rules alone do not settle."""
    cited = {"chunk_id": world.ask().json()["evidence"][0]["chunk_id"]}
    claim = "Travellers are paid a daily sum of 55 euros abroad."
    return {"claims": [{"text": claim, "citations": [cited]}]}


@pytest.mark.parametrize("fault", [Fault.DOWN, Fault.HUNG])
def test_without_the_judge_the_rules_judge_and_say_so(world: World, fault: Fault) -> None:
    draft = _draft(world)
    whole = world.post("/v1/verify", "ann", draft).json()
    assert ("judge" in whole["model"], whole["reasons"]) == (True, [])
    with world.switches["verifier"].broken(fault):
        body = world.post("/v1/verify", "ann", draft).json()
    assert body["reasons"] == ["verifier_unavailable"]
    assert "judge" not in body["model"]
    assert body["claims"][0]["citations"] == whole["claims"][0]["citations"]


def test_a_tenant_that_withholds_what_is_in_doubt_gets_no_verdicts_of_the_rules_alone(
    world: World,
) -> None:
    draft = _draft(world)
    world.runtime.settings.__dict__["trust_policy"] = TrustPolicy.WITHHOLD
    with world.switches["verifier"].broken(Fault.DOWN):
        reply = world.post("/v1/verify", "ann", draft)
    assert (reply.status_code, reply.json()["code"]) == (503, "verifier_unavailable")
