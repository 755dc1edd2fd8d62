"""``clearance demo``, the first thing that a new user runs: it checks itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CLEARANCE = Path(sys.executable).with_name("clearance")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_holds_every_expectation_and_says_what_to_ask_next(tmp_path: Path) -> None:
    ran = subprocess.run(  # noqa: S603 - our own command
        [CLEARANCE, "demo"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-2_000:] + ran.stderr[-2_000:]
    assert "expectations hold" in ran.stdout
    assert "clearance --data-dir .demo query" in ran.stdout
