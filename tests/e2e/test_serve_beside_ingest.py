"""The service answers while other processes ingest, rebuild and revoke on the same directory."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CLEARANCE = str(Path(sys.executable).with_name("clearance"))
DOCUMENTS = 120
KEPT = "The vault on the third floor opens with two keys."
STEP = "# Step {n}\n\nThe teller counts drawer {n}, and the branch notes it.\n"

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def environment(home: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return kept | {"CLEARANCE_DATA_DIR": str(home / "data"), "CLEARANCE_EMBEDDER": "hash:64"}


def clearance(home: Path, *arguments: str, code: int = 0) -> str:
    done = subprocess.run(  # noqa: S603 - our own command
        [CLEARANCE, *arguments],
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done.stdout


@dataclass
class Watch:
    """Two threads that never stop asking: one for health, one for evidence."""

    address: str
    token: str
    failures: list[str] = field(default_factory=list)
    health_checks: int = 0
    queries: int = 0
    _over: threading.Event = field(default_factory=threading.Event)

    def ask(self, client: httpx2.Client, query: str) -> list[str]:
        """The texts that one question brings; it must be answered."""
        reply = client.post(
            f"{self.address}/v1/retrieve",
            json={"query": query, "min_relevance": 0, "limit": 50},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        assert reply.status_code == 200, reply.text
        body: dict[str, Any] = reply.json()
        return [piece["text"] for piece in body["evidence"]]

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Ask until the block is left."""
        threads = [
            threading.Thread(target=self._noting(step)) for step in (self._check, self._seek)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    def _noting(self, step: Any) -> Any:
        def loop() -> None:
            with httpx2.Client(timeout=20) as client:
                while not self._over.is_set():
                    try:
                        step(client)
                    except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
                        self.failures.append(f"{type(error).__name__}: {error}")

        return loop

    def _check(self, client: httpx2.Client) -> None:
        for path in ("/livez", "/readyz"):
            assert client.get(self.address + path).status_code == 200, path
        self.health_checks += 1
        self._over.wait(0.02)

    def _seek(self, client: httpx2.Client) -> None:
        assert self.ask(client, "vault on the third floor")[0] == KEPT
        self.queries += 1


@contextmanager
def serving(home: Path) -> Iterator[str]:
    """``clearance serve``, ended by an interrupt; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with (
        (home / "serve.log").open("wb") as log,
        subprocess.Popen(  # noqa: S603 - our own command
            [CLEARANCE, "serve", "--port", str(port)], env=environment(home), stdout=log, stderr=log
        ) as process,
    ):
        try:
            address = f"http://127.0.0.1:{port}"
            while not _ready(address):
                assert process.poll() is None, (home / "serve.log").read_text()
                time.sleep(0.1)
            yield address
            process.send_signal(signal.SIGINT)
            assert process.wait(timeout=60) == 0
        finally:
            process.kill()


def _ready(address: str) -> bool:
    try:
        return httpx2.get(f"{address}/readyz").status_code == 200
    except httpx2.TransportError:
        return False


def test_no_query_and_no_health_check_fails_while_others_ingest_rebuild_and_revoke(
    tmp_path: Path,
) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    for folder in (small, large):
        folder.mkdir()
    (small / "vault.md").write_text(KEPT)
    for number in range(DOCUMENTS):
        (large / f"step{number:03}.md").write_text(STEP.format(n=number))
    tenant = ("--tenant", "acme")
    clearance(tmp_path, "ingest", str(small), *tenant, "--allow", "group:staff")
    clearance(tmp_path, "acl", "add-member", "group:staff", "user:ann", *tenant)
    token = clearance(tmp_path, "keys", "create", "user:ann", *tenant).strip()
    with serving(tmp_path) as address, httpx2.Client(timeout=60) as client:
        watch = Watch(address, token)
        assert not any("drawer" in text for text in watch.ask(client, "teller counts drawer 7"))
        with watch.going_on():
            clearance(tmp_path, "ingest", str(large), *tenant, "--allow", "group:staff")
            assert any("drawer 7," in text for text in watch.ask(client, "teller counts drawer 7"))
            for number in range(0, DOCUMENTS, 3):
                (large / f"step{number:03}.md").write_text(f"# Gone {number}\n\nNothing of note.\n")
            clearance(tmp_path, "ingest", str(large), *tenant, "--allow", "group:staff")
            clearance(tmp_path, "reindex", "--full")
            found = watch.ask(client, "teller counts drawer")
            assert any("drawer 7," in text for text in found)
            assert not any("drawer 9," in text for text in found)
        assert watch.failures == []
        assert watch.queries > 10
        assert watch.health_checks > 10
        clearance(tmp_path, "acl", "remove-member", "group:staff", "user:ann", *tenant)
        assert watch.ask(client, "vault on the third floor") == []
