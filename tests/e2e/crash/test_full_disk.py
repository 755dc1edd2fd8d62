"""A disk that is full, for real: runs stop with a clear word, and the next ends where it should."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

OWN_MOUNTS = ("unshare", "--user", "--map-root-user", "--mount")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def can_mount() -> bool:
    """Whether this system lets us mount a small disk that nobody else sees."""
    if shutil.which(OWN_MOUNTS[0]) is None:
        return False
    mount = (*OWN_MOUNTS, "mount", "-t", "tmpfs", "none", "/mnt")
    return subprocess.run(mount, check=False, capture_output=True).returncode == 0  # noqa: S603


def test_runs_that_a_full_disk_stops_lose_nothing_and_a_rerun_ends_as_if_undisturbed(
    tmp_path: Path,
) -> None:
    if not can_mount():
        # Without it, a limit on the catalogue's pages stands in (tests/unit/ingestion/
        # test_run_endings.py), which reaches neither the index nor the opening of the catalogue.
        pytest.skip("this system lets nobody mount a small disk of their own (user namespaces)")
    lived = subprocess.run(  # noqa: S603 - our own interpreter and module
        [*OWN_MOUNTS, sys.executable, "-m", "tests.e2e.crash.full_disk", tmp_path],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )
    ends = [tuple(line.split("\t")) for line in lived.stdout.splitlines()]
    stopped = [(said, int(written)) for said, written in ends if said != "None"]
    assert len(stopped) > 3
    assert all("make room in the data directory" in said for said, _ in stopped), stopped
    assert any(written for _, written in stopped), "some stopped when part was written"
