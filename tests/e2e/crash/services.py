"""Services as processes that can be killed, forked from one that has already imported it all.

Run as a program it reads ``DATA_DIR<tab>PORT`` lines and forks a service for each, telling its
process id on standard output.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2 as httpx
import uvicorn

from retrieval import telemetry
from retrieval.api.app import create_app
from retrieval.runtime import Runtime
from tests.e2e.crash.world import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

_PATIENCE_SECONDS = 60.0


class Service:
    """A running service."""

    def __init__(self, pid: int, url: str) -> None:
        self.pid = pid
        self.url = url

    def kill(self) -> None:
        """Kill -9."""
        os.kill(self.pid, signal.SIGKILL)


class Services:
    """The program that forks services."""

    def __init__(self, program: subprocess.Popen[str]) -> None:
        assert program.stdin is not None
        assert program.stdout is not None
        self._stdin, self._stdout = program.stdin, program.stdout

    def start(self, data_dir: Path) -> Service:
        """Start one, whose predecessor is dead; returns once it answers."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        print(data_dir, port, sep="\t", file=self._stdin, flush=True)
        service = Service(int(self._stdout.readline()), f"http://127.0.0.1:{port}")
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                httpx.get(f"{service.url}/livez")
            except httpx.TransportError:
                assert time.monotonic() < deadline, "the service does not come up"
                time.sleep(0.02)
            else:
                return service


@contextmanager
def forking() -> Iterator[Services]:
    """Start the program; it and its services are gone afterwards, whatever happened."""
    command = [sys.executable, "-m", "tests.e2e.crash.services"]
    repository = Path(__file__).parents[3]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=repository
    ) as program:
        try:
            yield Services(program)
        except BaseException:
            program.kill()
            raise


def _serve(data_dir: Path, port: int) -> None:
    telemetry.configure(level="CRITICAL")  # to standard error, and of what the test asks nothing
    with Runtime.open(settings(data_dir)) as runtime:
        uvicorn.run(
            create_app(runtime), host="127.0.0.1", port=port, log_config=None, access_log=False
        )


def main() -> None:
    """Fork a service for each line; the one before is dead by then."""
    child = 0
    for line in sys.stdin:
        if child:
            os.waitpid(child, 0)
        data_dir, port = line.rstrip("\n").split("\t")
        child = os.fork()
        if not child:
            _serve(Path(data_dir), int(port))
            os._exit(0)
        print(child, flush=True)  # noqa: T201 - read by the test
    if child:
        os.kill(child, signal.SIGKILL)


if __name__ == "__main__":
    main()
