"""Write ``constraints.txt``: the exact version of every package an install with all extras takes.

Asks pip to resolve the project from nothing, without installing it, and writes what it chose. Run
by ``make lock``, so with the pip of the virtual environment; the tests must pass before the result
is committed.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
CONSTRAINTS: Final = ROOT / "constraints.txt"
EXTRAS: Final = "bench,dev,fuzz,notebooks,parquet,postgres"
PROJECT: Final = "clearance-retrieval"
# Moved by hand: only sentence-transformers needs torch, and its CPU build is tested. A version for
# which the index at hand has no such build would pin gigabytes of CUDA packages along with it.
HELD: Final = ("torch==2.13.0",)

HEADER: Final = """\
# The versions the tests passed with, for every extra of the project. Written by `make lock`, which
# resolves pyproject.toml anew and takes the newest versions it allows (but see HELD in
# tools/lock.py); run `make check test` before committing the result.
# Use: pip install -c constraints.txt -e '.[dev]'
"""


def resolve() -> dict[str, str]:
    """Let pip choose a version of everything the project and its extras pull in."""
    with tempfile.TemporaryDirectory() as scratch:
        report, held = Path(scratch) / "report.json", Path(scratch) / "held.txt"
        held.write_text("\n".join(HELD), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "-qq", "--dry-run", "--ignore-installed"]
        command += ["--constraint", str(held), "--report", str(report), f"{ROOT}[{EXTRAS}]"]
        subprocess.run(command, check=True)  # noqa: S603 - our own interpreter, fixed arguments
        chosen = json.loads(report.read_bytes())["install"]
    return {item["metadata"]["name"]: item["metadata"]["version"] for item in chosen}


def render(versions: dict[str, str]) -> str:
    """Lay the pins out, sorted; a local build such as ``+cpu`` pins the version it is a build of.

    Which build of a version is installed is for the index in use to say, not for this file.
    """
    pins = {
        re.sub(r"[-_.]+", "-", name).lower(): version.partition("+")[0]
        for name, version in versions.items()
    }
    pins.pop(PROJECT, None)
    return HEADER + "".join(f"{name}=={version}\n" for name, version in sorted(pins.items()))


if __name__ == "__main__":
    CONSTRAINTS.write_text(render(resolve()), encoding="utf-8")
