"""The mutation runner: break one guard at a time, in a copy, and see that a test notices.

``tests/security/mutants.py`` is the list. Each mutant replaces one piece of text that must occur
exactly once; its tests must then fail (exit code 1: not an error, not a time-out). Before anything
is broken, every selection must pass on the unbroken copy. The working tree is never touched.

Usage: ``python tests/mutants.py [WORD …]`` runs the mutants whose names contain one of the words.
"""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
COPIED = ("acl", "ingestion", "retrieval", "verifier", "tests", "pyproject.toml")
WORKERS = 2
TIMEOUT_SECONDS = 600.0
_FAILED = 1  # pytest: tests ran and some failed


@dataclass(frozen=True, slots=True)
class Mutant:
    """One guard, broken.

    Attributes:
        name: what is broken.
        why: what a caller could do if nobody noticed.
        file: where, from the root.
        old: the text to replace; it must occur exactly once.
        new: what it becomes.
        tests: what pytest is told to run; its failure is what is wanted.
    """

    name: str
    why: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


class Fate(StrEnum):
    """What became of a mutant. Only ``killed`` is good."""

    KILLED = "killed"
    SURVIVED = "survived"
    STALE = "stale"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A mutant's fate, how long it took, and the test that noticed or what went wrong."""

    mutant: Mutant
    fate: Fate
    seconds: float
    note: str


def main(words: list[str]) -> int:
    """Run the mutants and print what became of them. Returns the exit code."""
    from tests.security.mutants import MUTANTS  # noqa: PLC0415 - needs the path set up below

    chosen = [m for m in MUTANTS if not words or any(word in m.name for word in words)]
    console = Console()
    console.width = max(console.width, 120)
    with TemporaryDirectory(prefix="mutants-") as directory:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(WORKERS):
            copies.put(_copy(Path(directory) / str(number)))
        if not _unbroken_passes(copies, chosen, console):
            return 1
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("breaking guards", total=len(chosen))

            def one(mutant: Mutant) -> Verdict:
                copy = copies.get()
                try:
                    verdict = _try(copy, mutant)
                finally:
                    copies.put(copy)
                progress.console.print(f"{verdict.fate:>8}  {mutant.name}")
                progress.advance(task)
                return verdict

            with ThreadPoolExecutor(WORKERS) as pool:
                verdicts = list(pool.map(one, chosen))
    console.print(_table(verdicts))
    bad = [verdict for verdict in verdicts if verdict.fate is not Fate.KILLED]
    console.print(f"{len(verdicts) - len(bad)} of {len(verdicts)} mutants killed")
    return 1 if bad or not verdicts else 0


def _copy(target: Path) -> Path:
    target.mkdir()
    skipped = shutil.ignore_patterns("__pycache__", ".hypothesis", "*.sqlite*")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=skipped)
        else:
            shutil.copy2(source, target / name)
    return target


def _unbroken_passes(
    copies: queue.SimpleQueue[Path], mutants: list[Mutant], console: Console
) -> bool:
    """Control: in the copy, unbroken and imported from there, every selection passes."""
    copy = copies.get()
    copies.put(copy)
    for package in ("acl", "ingestion", "retrieval"):
        where = _run(copy, "-c", f"import {package}; print({package}.__file__)").stdout.strip()
        if not Path(where).is_relative_to(copy):
            console.print(f"[red]{package} is imported from {where}, not from the copy")
            return False

    def passes(selection: tuple[str, ...]) -> bool:
        done = _pytest(copy, selection)
        if done.returncode != 0:
            console.print(f"[red]fails unbroken: {' '.join(selection)}\n{done.stdout[-2000:]}")
        return done.returncode == 0

    with ThreadPoolExecutor(WORKERS) as pool:
        return all(pool.map(passes, sorted({mutant.tests for mutant in mutants})))


def _try(copy: Path, mutant: Mutant) -> Verdict:
    """Break one thing, run its tests, mend it."""
    path = copy / mutant.file
    original = path.read_text(encoding="utf-8")
    found = original.count(mutant.old)
    if found != 1:
        return Verdict(mutant, Fate.STALE, 0.0, f"its text occurs {found} times: rewrite it")
    started = time.monotonic()
    path.write_text(original.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        done = _pytest(copy, mutant.tests)
    except subprocess.TimeoutExpired:
        return Verdict(mutant, Fate.BROKEN, TIMEOUT_SECONDS, "its tests did not end")
    finally:
        path.write_text(original, encoding="utf-8")
    took = time.monotonic() - started
    if done.returncode == 0:
        return Verdict(mutant, Fate.SURVIVED, took, "no test noticed")
    if done.returncode != _FAILED:
        return Verdict(mutant, Fate.BROKEN, took, done.stdout.strip()[-300:])
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED ")]
    noticed = failed[-1].split(" - ")[0].rsplit("::", 1)[-1] if failed else "an error in set-up"
    return Verdict(mutant, Fate.KILLED, took, noticed)


def _pytest(copy: Path, selection: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    # What a guard is worth does not depend on the engine of the catalogue; the quicker one will do.
    options = ("-x", "-q", "-p", "no:cacheprovider", "-m", "not postgres")
    return _run(copy, "-m", "pytest", *options, *selection)


def _run(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The copy stands first on the path, before the installed project; no byte code is kept, since
    # a file that changes twice within a second could be mistaken for the one before.
    environment = {
        **os.environ,
        "HYPOTHESIS_PROFILE": "mutants",
        "PYTHONPATH": str(copy),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return subprocess.run(  # noqa: S603 - our own interpreter, our own arguments
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def _table(verdicts: list[Verdict]) -> Table:
    table = Table(title="Mutants", title_justify="left")
    table.add_column("broken guard")
    table.add_column("why it matters")
    table.add_column("fate")
    table.add_column("s", justify="right")
    table.add_column("noticed by", overflow="fold")
    for verdict in verdicts:
        colour = "green" if verdict.fate is Fate.KILLED else "red"
        table.add_row(
            verdict.mutant.name,
            verdict.mutant.why,
            f"[{colour}]{verdict.fate}",
            f"{verdict.seconds:.0f}",
            verdict.note,
        )
    return table


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    from tests.mutants import main as run  # the same module, under the name the list knows

    sys.exit(run(sys.argv[1:]))
