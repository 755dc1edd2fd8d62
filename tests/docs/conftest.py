"""A reader of the documents, who does what they show."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.documents import fences

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class Reader:
    """Somebody in an empty folder, with the command on the path.

    Attributes:
        folder: where they stand.
        environment: what their commands are given.
    """

    folder: Path
    environment: dict[str, str]

    def run(self, *command: str | Path) -> str:
        """What a command says, which must succeed."""
        done = subprocess.run(  # noqa: S603 - what the project's own documents show
            command,
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def follow(self, document: str) -> list[str]:
        """What each block that is marked to be run says, run one after the other."""
        return [
            self.run("bash", "-euc", fence.text)
            for fence in fences(document)
            if fence.mark == "run"
        ]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    """The reader; index processes that their commands left behind are ended."""
    yield Reader(
        tmp_path,
        {
            **{name: value for name, value in os.environ.items() if "CLEARANCE" not in name},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "CLEARANCE_DATA_DIR": str(tmp_path / "data"),
            "CLEARANCE_EMBEDDER": "hash:64",
            "COLUMNS": "200",
        },
    )
    for lock in tmp_path.glob("*/index/process.lock"):
        if process := lock.read_text():
            os.kill(int(process), signal.SIGTERM)
