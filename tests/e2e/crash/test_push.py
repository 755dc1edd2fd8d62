"""kill -9 of the service at random instants: an acknowledged push is always retrievable.

Pushers deliver as fast as they are acknowledged, each to documents of its own, until the service
is killed under them. Its successor must serve each document as it was last acknowledged, or as it
was delivered after that without an answer; and a delivery that is repeated late changes nothing.
"""

from __future__ import annotations

import os
import random
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import httpx2 as httpx
import pytest

from acl.admin.directory import add_member
from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.principal import Principal
from ingestion.index.client import EdgeHost
from ingestion.push_source import keep_push_source
from retrieval.runtime import Runtime
from tests.e2e.crash import world
from tests.e2e.crash.services import forking
from tests.e2e.crash.test_kill import kill_index_process

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.crash.services import Service

KILLS = int(os.environ.get("CLEARANCE_TEST_SERVICE_KILLS", "6"))
"""Of the service. A hundred take some minutes."""
PUSHERS, DOCUMENTS = 3, 3
TENANT, FEED = "meridian", "feed"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@dataclass
class Pusher:
    """Somebody who pushes, and remembers what was acknowledged.

    Attributes:
        known: by document, its sequence and text when it was last acknowledged; None if deleted.
        open: what was sent and not answered.
    """

    name: str
    token: str
    dice: random.Random
    known: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    open: dict[str, tuple[int, str | None]] = field(default_factory=dict)
    acknowledged: int = 0
    _sequence: int = 0

    def push_until_it_dies(self, url: str) -> None:
        """Deliver, one after the other, until nobody answers."""
        with httpx.Client(base_url=url, headers=self._headers(), timeout=60) as client:
            try:
                while True:
                    self._deliver(client)
            except httpx.TransportError:
                return

    def _deliver(self, client: httpx.Client) -> None:
        self._sequence += 1
        document = f"{self.name}-{self.dice.randrange(DOCUMENTS)}"
        text = None
        if self.dice.random() < 0.8:
            text = f"{document} in its revision {self._sequence}."
        self.open[document] = self._sequence, text
        reply = send(client, document, self._sequence, text)
        assert reply.json()["status"] in {"accepted", "late"}, reply.text
        assert reply.json()["status"] == "accepted" or document not in self.known
        self.known[document] = self.open.pop(document)
        self.acknowledged += 1

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def settle(self, found: set[str]) -> None:
        """Hold what is served to what was acknowledged, and go on from there."""
        for document in {*self.known, *self.open}:
            served = {text for text in found if text.startswith(f"{document} ")}
            told = self.known.get(document, (0, None))
            possible = [told, self.open.get(document, told)]
            standing = [word for word in possible if served == shown(word[1])]
            assert standing, f"{document}: {served} is none of {possible}"
            # Two deletions look alike, and the second may not have been heard.
            self.known[document] = standing[0]
        self.open.clear()


def shown(text: str | None) -> set[str]:
    """What is found of a document that has this text, or is gone."""
    return set() if text is None else {text}


def send(client: httpx.Client, document: str, sequence: int, text: str | None) -> httpx.Response:
    path = f"/v1/sources/{FEED}/documents/{document}"
    if text is None:
        return client.delete(path, params={"sequence": sequence})
    body = {"text": text, "acl": {"allow": ["group:staff"]}, "sequence": sequence}
    return client.put(path, json=body)


def test_an_acknowledged_push_is_always_retrievable(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    world.prepare(data_dir)
    dice = random.Random(7)  # noqa: S311 - drawn again from its seed
    pushers, reader = furnish(data_dir, dice)
    try:
        with forking() as services:
            for number in range(KILLS):
                service = services.start(data_dir)
                check(service, reader, pushers)
                threads = [
                    threading.Thread(target=pusher.push_until_it_dies, args=(service.url,))
                    for pusher in pushers
                ]
                for thread in threads:
                    thread.start()
                wait_for(pushers, dice.randrange(1, 10))
                time.sleep(dice.uniform(0, 0.1))
                if number % 4 == 3:
                    kill_index_process(data_dir)
                service.kill()
                for thread in threads:
                    thread.join(120)
                    assert not thread.is_alive()
            last = services.start(data_dir)
            check(last, reader, pushers)
            repeat_late(last, pushers)
            check(last, reader, pushers)
            last.kill()
        assert sum(pusher.acknowledged for pusher in pushers) >= KILLS
    finally:
        EdgeHost(data_dir).shutdown()


def wait_for(pushers: list[Pusher], more: int) -> None:
    """Wait until so many more deliveries are acknowledged: a slow machine is killed later."""
    before = sum(pusher.acknowledged for pusher in pushers)
    deadline = time.monotonic() + 60
    while sum(pusher.acknowledged for pusher in pushers) < before + more:
        assert time.monotonic() < deadline, "nothing is acknowledged"
        time.sleep(0.005)


def furnish(data_dir: Path, dice: random.Random) -> tuple[list[Pusher], str]:
    """The source, keys for those who push, and one for somebody who reads."""
    with Runtime.open(world.settings(data_dir)) as runtime:
        keep_push_source(runtime.ingest_context(), TENANT, FEED)
        with runtime.database.write(TENANT) as session:
            ann, staff = Principal.parse("user:ann"), Principal.parse("group:staff")
            add_member(session, TENANT, staff, ann, now=runtime.clock())
            tokens = [
                create_key(session, TENANT, who, api_scopes=[scope], now=runtime.clock()).token
                for who, scope in (
                    *((Principal.parse(f"service:p{n}"), ApiScope.INGEST) for n in range(PUSHERS)),
                    (ann, ApiScope.RETRIEVE),
                )
            ]
    return (
        [
            Pusher(f"p{number}", token, random.Random(dice.random()))  # noqa: S311
            for number, token in enumerate(tokens[:-1])
        ],
        tokens[-1],
    )


def check(service: Service, reader: str, pushers: list[Pusher]) -> None:
    """Ask the service for everything, and hold each pusher's documents to what it knows."""
    asked = {"query": "revision", "limit": 50, "min_relevance": 0.0}
    reply = httpx.post(
        f"{service.url}/v1/retrieve",
        json=asked,
        headers={"Authorization": f"Bearer {reader}"},
        timeout=60,
    )
    assert reply.status_code == 200, reply.text
    found = {piece["text"] for piece in reply.json()["evidence"]}
    for pusher in pushers:
        pusher.settle(found)


def repeat_late(service: Service, pushers: list[Pusher]) -> None:
    """Whatever the network still held arrives now."""
    for pusher in pushers:
        headers = {"Authorization": f"Bearer {pusher.token}"}
        with httpx.Client(base_url=service.url, headers=headers, timeout=60) as client:
            for document, (sequence, _) in pusher.known.items():
                if not sequence:
                    continue  # nothing was ever acknowledged of it
                late = send(client, document, sequence - 1, f"{document} of yesterday.")
                assert late.json()["status"] == "late"
