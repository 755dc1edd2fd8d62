"""Starting the index process: detached, with little of its starter's surroundings.

The process outlives the command that started it, so it inherits neither its environment (keys and
passwords may stand there), nor its terminal, nor its working directory. What never lives here:
deciding whether one is needed.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import ingestion.index
from ingestion.errors import IndexUnavailableError

if TYPE_CHECKING:
    from ingestion.index.rendezvous import Rendezvous

_INHERITED: Final = (
    *("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "XDG_RUNTIME_DIR"),
    *("LD_LIBRARY_PATH", "VIRTUAL_ENV"),
)
_LONGEST_LOG: Final = 2**20
_ROOM_BYTES: Final = 64 << 20  # With less than this an engine may fail to open, or to write.


def launch(
    meeting: Rendezvous, data_dir: Path, *, idle_seconds: float, patience_seconds: float
) -> None:
    """Start the process and return once it listens.

    Raises:
        IndexUnavailableError: it did not come up; its own words are in the log.
    """
    log = os.open(
        meeting.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
    )
    ready_read, ready_write = os.pipe()
    try:
        if os.fstat(log).st_size > _LONGEST_LOG:
            os.truncate(log, 0)
        # It forks at once and leaves the starter's family, so waiting for it takes milliseconds
        # and leaves no zombie. -P keeps the working directory out of its import path.
        subprocess.run(  # noqa: S603 - our own interpreter, our own module, no shell
            [
                *(sys.executable, "-P", "-m", "ingestion.index.process"),
                *(str(data_dir.resolve()), str(idle_seconds), str(ready_write)),
            ],
            check=True,
            env=_surroundings(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(ready_write,),
            start_new_session=True,
        )
        os.close(ready_write)
        ready_write = -1
        readable, _, _ = select.select([ready_read], [], [], patience_seconds)
        if not readable or not os.read(ready_read, 64):
            raise IndexUnavailableError(
                f"index: the index process did not come up; {remedy(data_dir)}"
            )
    except subprocess.CalledProcessError as error:
        raise IndexUnavailableError(
            f"index: the index process could not be started; {remedy(data_dir)}"
        ) from error
    finally:
        os.close(log)
        os.close(ready_read)
        if ready_write >= 0:
            os.close(ready_write)


def remedy(data_dir: Path) -> str:
    """What to do about an index process that is not there; a full disk is the usual reason."""
    free = shutil.disk_usage(data_dir).free
    if free < _ROOM_BYTES:
        return f"its disk has {free / 2**20:.1f} MiB left: make room in the data directory"
    return "see index/process.log in the data directory"


def _surroundings() -> dict[str, str]:
    # The same packages as the starter's, installed or not.
    root = Path(ingestion.index.__file__).resolve().parents[2]
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    return {**kept, "PYTHONPATH": str(root)}
