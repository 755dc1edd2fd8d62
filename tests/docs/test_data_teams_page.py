"""What docs/data-teams.md shows works as shown: its commands run, one after the other."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.docs.documents import fences

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "docs/data-teams.md"
_REFRESH = "\nimport json, sys\nprint(json.dumps(refresh(sys.argv[1])))\n"


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Where the reader stands: in an empty folder, with the command on the path."""
    yield {
        **{name: value for name, value in os.environ.items() if "CLEARANCE" not in name},
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "CLEARANCE_DATA_DIR": str(tmp_path / "data"),
        "CLEARANCE_EMBEDDER": "hash:64",
        "COLUMNS": "200",
    }
    for data in ("data", "restored"):
        lock = tmp_path / data / "index" / "process.lock"
        if lock.exists() and lock.read_text():
            os.kill(int(lock.read_text()), signal.SIGTERM)


def ran(command: list[str], folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(  # noqa: S603 - the project's own page
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_commands_do_what_the_guide_says(tmp_path: Path, environment: dict[str, str]) -> None:
    blocks = [fence.text for fence in fences(PAGE) if fence.mark == "run"]
    outputs = [ran(["bash", "-euc", block], tmp_path, environment) for block in blocks]
    first, again, current, twice, models, erased, backup = outputs
    assert re.search(r"ok +acme/handbook +2 documents", first)
    assert re.search(r"^changed +1$", again, re.MULTILINE)
    assert "handbook" in current
    assert re.search(r"handbook", twice)
    assert "g2" in models
    assert "old.md" in erased
    assert "60 euros" in backup
    (function,) = (fence.text for fence in fences(PAGE) if fence.mark == "python")
    said = ran([sys.executable, "-c", function + _REFRESH, "handbook"], tmp_path, environment)
    assert '"source": "handbook"' in said


def test_the_recipes_are_python_around_that_one_function() -> None:
    recipes = [fence.text for fence in fences(PAGE) if fence.mark == "recipe"]
    assert len(recipes) == 3
    for recipe in recipes:
        compile(recipe, PAGE, "exec")
        assert 'refresh("handbook")' in recipe
