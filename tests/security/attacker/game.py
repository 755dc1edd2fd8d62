"""The game: each forbidden document stands in one of two services, by the toss of a coin.

The attacker knows its text, its name and its id, asks both services the same about it in every way
there is, and says which one holds it. Two services that answer in the same bytes leave nothing but
a guess; how long they took is judged apart, since that cannot be exactly nothing.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx2

from tests.security.attacker.documents import forbidden

if TYPE_CHECKING:
    from collections.abc import Iterator

_ROOT: Final = Path(__file__).resolve().parents[3]
_OURS: Final = ("date", "server")
# Signed with a key that each service has of its own; what is signed stands beside it in the answer.
_RECEIPT: Final = re.compile(r'"receipt(?:_id)?": ?"[^"]*"')


@dataclass(frozen=True, slots=True)
class Trial:
    """One question about one document, to both services.

    Attributes:
        number: of the document.
        probe: which question.
        differed: whether the replies differed in anything but their time.
        present_s, absent_s: seconds where the document stands, and where it does not.
    """

    number: int
    probe: str
    differed: bool
    present_s: float
    absent_s: float


@dataclass(frozen=True, slots=True)
class Service:
    """A running service and the attacker's way to it."""

    client: httpx2.Client
    ids: dict[str, str]

    @classmethod
    @contextmanager
    def started(cls, held: list[int]) -> Iterator[Service]:
        """Start one that holds these forbidden documents, in a process of its own."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.security.attacker.service"],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(json.dumps(held) + "\n")
            process.stdin.flush()
            ready = json.loads(process.stdout.readline())
            headers = {"Authorization": f"Bearer {ready['token']}"}
            url = f"http://127.0.0.1:{ready['port']}"
            with httpx2.Client(base_url=url, headers=headers, timeout=60) as client:
                yield cls(client, ready["ids"])
        finally:
            process.stdin.close()
            process.wait(timeout=30)
            process.stdout.close()

    def ask(self, request: str, method: str, path: str, body: Any) -> tuple[str, float]:
        """The reply in full, and how many seconds it took."""
        started = time.perf_counter()
        reply = self.client.request(method, path, json=body, headers={"X-Request-ID": request})
        took = time.perf_counter() - started
        headers = sorted((k, v) for k, v in reply.headers.items() if k.lower() not in _OURS)
        text = _RECEIPT.sub("", reply.text)
        # The receipt has one length in every service, so the header may stay as it is.
        return f"{reply.status_code}\n{headers}\n{text}", took


def play(documents: int, *, seed: int, repeat: int = 1) -> Iterator[Trial]:
    """Ask about every document. The order of the two services is tossed for every question."""
    dice = random.Random(seed)  # noqa: S311 - a seed, not a secret
    first = [number for number in range(documents) if dice.random() < 0.5]
    second = sorted(set(range(documents)) - set(first))
    with ExitStack() as stack:
        services = [stack.enter_context(Service.started(held)) for held in (first, second)]
        ids = {**services[0].ids, **services[1].ids}
        for warm, service in enumerate(services):
            service.ask(f"warm-{warm}", "POST", "/v1/retrieve", {"query": "euro"})
        for number in range(documents):
            holder = 0 if number in set(first) else 1
            asked = probes(number, ids[forbidden(number)])
            for place, (probe, (method, path, body)) in enumerate(asked.items()):
                for turn in range(repeat):
                    order = dice.sample((0, 1), 2)
                    request = f"r{number}-{place}-{turn}"
                    got = {s: services[s].ask(request, method, path, body) for s in order}
                    yield Trial(
                        number,
                        probe,
                        differed=got[0][0] != got[1][0],
                        present_s=got[holder][1],
                        absent_s=got[1 - holder][1],
                    )


def probes(number: int, chunk: str) -> dict[str, tuple[str, str, Any]]:
    """Every question about one document that could tell."""
    text = forbidden(number)
    name = text.split(":")[0].removeprefix("Project ")
    asked = {"min_relevance": 0.0, "include": ["scores"], "limit": 8}
    cited = [{"chunk_id": chunk, "quote": text[:20]}]
    return {
        "its text": ("POST", "/v1/retrieve", {"query": text, **asked}),
        "its name": ("POST", "/v1/retrieve", {"query": name, **asked}),
        "its source": ("POST", "/v1/retrieve", {"query": name, "sources": ["wiki"], **asked}),
        "its id": ("GET", f"/v1/evidence/{chunk}", None),
        "a citation": (
            "POST",
            "/v1/verify",
            {"claims": [{"text": text, "citations": cited}]},
        ),
        "feedback": ("POST", "/v1/feedback", {"chunk_id": chunk, "useful": True}),
        "a receipt": ("GET", f"/v1/receipts/{chunk}/status", None),
        "a cursor": ("POST", "/v1/retrieve", {"query": name, "cursor": chunk}),
        "an error": ("POST", "/v1/retrieve", {"query": text, "limit": 0}),
        "sources": ("GET", "/v1/sources", None),
    }
