"""Where a data directory's index process and its clients meet: files, locks, key and socket.

::

    DATA_DIR/index/              mode 0700
        shards/                  generations (see shards)
        process.lock             held by the index process as long as it lives; names its pid
        start.lock               held by whoever is starting one
        successor.lock           held by a process that prepares to take the index process's place
        key                      256 random bits, mode 0600: who may speak on the socket
        address                  path of the socket the process listens on
        index.sock               the socket, unless its path is too long for the system
        process.log              what the process had to say; never queries, never points

What never lives here: messages and their meaning.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
import stat
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ingestion.errors import IndexUnavailableError

if TYPE_CHECKING:
    from collections.abc import Iterator

DIRECTORY: Final = "index"
SHARDS: Final = "shards"
"""Of the data directory, and of that one."""

_LONGEST_SOCKET_PATH: Final = 100  # 108 bytes on Linux, 104 on macOS, less the terminating zero.
_KEY_BYTES: Final = 32
_POLL_SECONDS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Rendezvous:
    """The meeting place of one data directory."""

    directory: Path

    @classmethod
    def of(cls, data_dir: Path) -> Rendezvous:
        """The meeting place of ``data_dir``, made private to this user.

        Raises:
            IndexUnavailableError: the directory belongs to someone else.
        """
        directory = data_dir.resolve() / DIRECTORY
        _private_directory(directory)
        return cls(directory)

    @property
    def shards(self) -> Path:
        """Where the generations live."""
        return self.directory / SHARDS

    @property
    def log(self) -> Path:
        """What the process had to say."""
        return self.directory / "process.log"

    @property
    def process_lock(self) -> Path:
        """The lock that makes the process the only one."""
        return self.directory / "process.lock"

    @property
    def start_lock(self) -> Path:
        """The lock of whoever is starting a process."""
        return self.directory / "start.lock"

    @property
    def successor_lock(self) -> Path:
        """The lock of a process that has shards open and does not serve them yet."""
        return self.directory / "successor.lock"

    def key(self) -> bytes:
        """The shared secret, made on first use.

        Raises:
            IndexUnavailableError: others could read it.
        """
        path = self.directory / "key"
        if not path.exists():
            # Written aside and linked: of two who make one at once, the second finds the first's.
            fresh = self.directory / f".key-{secrets.token_hex(8)}"
            with _opened(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY) as file:
                os.write(file, secrets.token_bytes(_KEY_BYTES))
            try:
                path.hardlink_to(fresh)
            except FileExistsError:
                pass
            finally:
                fresh.unlink()
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise IndexUnavailableError(
                f"{path}: others can read the key of the index process; delete it and start again"
            )
        return path.read_bytes()

    def address(self) -> str | None:
        """Path of the socket that was last listened on, or None."""
        try:
            return (self.directory / "address").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def announce(self, address: str) -> None:
        """Publish the socket; only the holder of the process lock may."""
        fresh = self.directory / ".address"
        fresh.write_text(address, encoding="utf-8")
        fresh.replace(self.directory / "address")

    def socket_path(self) -> str:
        """Where the process shall listen: here, or in a private runtime directory."""
        here = str(self.directory / "index.sock")
        if len(os.fsencode(here)) <= _LONGEST_SOCKET_PATH:
            return here
        name = f"{hashlib.sha256(os.fsencode(here)).hexdigest()[:24]}.sock"
        given = os.environ.get("XDG_RUNTIME_DIR")
        for runtime in ([given] if given else []) + [tempfile.gettempdir(), "/tmp"]:  # noqa: S108 - a private directory within, its owner checked
            private = Path(runtime) / f"clearance-{os.getuid()}"
            if len(os.fsencode(private / name)) <= _LONGEST_SOCKET_PATH:
                _private_directory(private)
                return str(private / name)
        raise IndexUnavailableError(
            f"{here}: the path is too long for a socket, and so are the temporary directories; "
            "choose a shorter data directory"
        )


@contextmanager
def locked(path: Path, *, patience_seconds: float) -> Iterator[int]:
    """Hold an exclusive lock on ``path``; it goes with the process that holds it, however it dies.

    Yields:
        The descriptor of the lock file.

    Raises:
        TimeoutError: somebody else held it throughout.
    """
    deadline = time.monotonic() + patience_seconds
    with _opened(path, os.O_CREAT | os.O_RDWR) as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(f"{path}: somebody else holds it") from None
                time.sleep(_POLL_SECONDS)
            else:
                yield file
                return


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[int]:
    file = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        yield file
    finally:
        os.close(file)


def _private_directory(path: Path) -> None:
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise IndexUnavailableError(
            f"{path}: it is not a directory of this user; choose another data directory"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)
