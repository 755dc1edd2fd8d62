"""``clearance ingest --watch``: a process that keeps the index in line, and ends when told."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CLEARANCE = str(Path(sys.executable).with_name("clearance"))
PATIENCE = 120


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("The canteen opens at noon.")
    return folder


@pytest.fixture
def watching(tmp_path: Path, docs: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The command, with its data directory in a hidden part of what it watches."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [
            *(CLEARANCE, "--data-dir", str(docs / ".data"), "ingest", str(docs), "-t", "acme"),
            *("--allow", "everyone", "--watch", "--json"),
        ],
        env=os.environ | {"CLEARANCE_EMBEDDER": "hash:64"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    yield process
    process.kill()
    process.wait(PATIENCE)
    if process.stdout:
        process.stdout.close()


def next_report(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    assert process.stdout is not None
    said = b""
    while not said.endswith(b"\n}\n"):
        ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
        assert ready, said
        more = os.read(process.stdout.fileno(), 65_536)
        assert more, said
        said += more
    made: dict[str, Any] = json.loads(said)
    return made


@pytest.mark.slow
@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
def test_changes_are_followed_until_a_signal_ends_it(
    docs: Path, watching: subprocess.Popen[bytes], told: signal.Signals
) -> None:
    assert next_report(watching)["added"] == 1
    (docs / "b.md").write_text("The library opens at nine.")
    report = next_report(watching)
    while report["added"] == 0:  # what the first run itself left behind
        report = next_report(watching)
    assert (report["added"], report["unchanged"]) == (1, 1)
    watching.send_signal(told)
    assert watching.wait(PATIENCE) == 0
