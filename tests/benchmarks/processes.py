"""The contenders' processes: started, asked, measured and ended.

What never lives here: what is asked, or what the figures mean.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

from ingestion.index.client import EdgeHost

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_START_SECONDS: Final = 300.0
_POLL_SECONDS: Final = 0.005
_IDLE_SECONDS: Final = 2.0  # Well below the time after which the server hangs up.


class PeerProcess:
    """One peer, or one engine, over its standard streams."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child
        self.pid = child.pid

    @classmethod
    @contextmanager
    def started(
        cls, log: Path, *, module: str = "tests.benchmarks.peer", name: str = ""
    ) -> Iterator[PeerProcess]:
        """Start a peer, end it at the exit; what it has to say goes to ``log``.

        Args:
            log: a file.
            module: what to run.
            name: its only argument, if it takes one.
        """
        environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}
        command = [sys.executable, "-m", module, *([name] if name else [])]
        with (
            log.open("a") as errors,
            subprocess.Popen(  # noqa: S603 - our own interpreter and module
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
                text=True,
            ) as child,
        ):
            try:
                yield cls(child)
            finally:
                child.kill()

    def ask(self, do: str, **given: Any) -> dict[str, Any]:
        """Give one command and wait for its answer.

        Raises:
            RuntimeError: the peer died.
        """
        send, receive = _streams(self._child)
        send.write(json.dumps({"do": do, **given}) + "\n")
        send.flush()
        line = receive.readline()
        if not line:
            raise RuntimeError(f"the peer died on {do!r}; its log says why")
        answer: dict[str, Any] = json.loads(line)
        return answer


class RefusedError(RuntimeError):
    """The service answered, but not with 200."""

    def __init__(self, status: int, content: bytes) -> None:
        super().__init__(f"clearance serve said {status}: {content[:300]!r}")
        self.status = status


class Service:
    """A running ``clearance serve`` and one connection to it that is kept open."""

    def __init__(self, port: int, pid: int) -> None:
        self.port = port
        self.pid = pid
        self._http = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._used = 0.0

    @classmethod
    @contextmanager
    def started(
        cls, data_dir: Path, log: Path, *, environment: Mapping[str, str] | None = None
    ) -> Iterator[Service]:
        """Start the service; return at once, before it answers. End it at the exit."""
        port = _free_port()
        command = [*clearance(data_dir), "serve", "--port", str(port)]
        with (
            log.open("a") as errors,
            subprocess.Popen(  # noqa: S603 - the command under measurement
                command, stdout=errors, stderr=errors, env={**os.environ, **(environment or {})}
            ) as child,
        ):
            try:
                service = cls(port, child.pid)
                yield service
                service.close()
            finally:
                child.terminate()

    def wait(self) -> None:
        """Return once the service says that it is ready.

        Raises:
            TimeoutError: it never does.
        """
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            try:
                self._http.request("GET", "/readyz")
                response = self._http.getresponse()
                response.read()
            except OSError:
                self._http.close()
            else:
                if response.status == http.HTTPStatus.OK:
                    return
            time.sleep(_POLL_SECONDS)
        raise TimeoutError("clearance serve does not become ready; see serve.log")

    def dial(self) -> None:
        """Connect anew if the connection has been idle; called before a clock is started."""
        if time.monotonic() - self._used > _IDLE_SECONDS:
            self._http.close()
            self._http.connect()
            self._used = time.monotonic()

    def ask(self, token: str, body: dict[str, Any]) -> dict[str, Any]:
        """Ask one question.

        Raises:
            RefusedError: the answer is not 200.
        """
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._http.request("POST", "/v1/retrieve", json.dumps(body), headers)
        response = self._http.getresponse()
        content = response.read()
        self._used = time.monotonic()
        if response.status != http.HTTPStatus.OK:
            raise RefusedError(response.status, content)
        answer: dict[str, Any] = json.loads(content)
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._http.close()


def clearance(data_dir: Path) -> list[str]:
    """The command, acting on a data directory."""
    return [str(Path(sys.executable).with_name("clearance")), "--data-dir", str(data_dir)]


def stop_index(data_dir: Path) -> None:
    """End the index process of a data directory, if there is one."""
    EdgeHost(data_dir).shutdown()


def index_pid(data_dir: Path) -> int:
    """The id of the index process, which is started if there is none."""
    host = EdgeHost(data_dir)
    try:
        return int(str(host.info()["pid"]))
    finally:
        host.close()


def resident_mb(pid: int) -> float | None:
    """Resident memory of a process in MB; None where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    if not status.exists():
        return None
    fields = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
    return round(int(fields["VmRSS"].split()[0]) * 1024 / 1e6, 1)


def cpu_seconds(pid: int) -> float:
    """Processor time of a process; 0 where the system does not tell."""
    stat = Path(f"/proc/{pid}/stat")
    if not stat.exists():
        return 0.0
    spent = stat.read_text().rpartition(")")[2].split()[11:13]  # in user and in system mode
    return sum(map(int, spent)) / os.sysconf("SC_CLK_TCK")


def _streams(child: subprocess.Popen[str]) -> tuple[IO[str], IO[str]]:
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("the peer was started without pipes")
    return child.stdin, child.stdout


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
