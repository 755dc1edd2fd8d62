"""``python -m tests.mutation [WORD …]``: mutate the security core, and see that a test notices.

Each mutant lives in a process forked from this one, which has imported every library but nothing
of the project: starting one costs as much as running its tests. The changed module is handed to the
import system from memory, so no file is ever touched. A mutant that no test notices must be
explained in ``survivors.toml``, and an explanation that explains nothing any more must go.

Give words to mutate only the modules whose names contain one.
"""

from __future__ import annotations

import os
import resource
import sys
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.progress import Progress

from tests.mutation.operators import Mutant, mutants
from tests.mutation.sandbox import Outcome, Sandbox
from tests.mutation.targets import TARGETS, Target

ROOT = Path(__file__).resolve().parents[2]
SURVIVORS = Path(__file__).with_name("survivors.toml")
WORKERS = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one mutant."""

    target: Target
    mutant: Mutant
    outcome: Outcome

    @property
    def key(self) -> tuple[str, str]:
        """What an explanation is looked up by."""
        return self.target.module, self.mutant.name


def explained() -> dict[tuple[str, str], str]:
    """Why each known survivor may survive."""
    kept = tomllib.loads(SURVIVORS.read_text(encoding="utf-8"))
    return {
        (module, entry["mutant"]): entry["why"]
        for module, entries in kept.items()
        for entry in entries
    }


def main(words: list[str]) -> int:
    """Run every mutant of the chosen modules. Returns the exit code."""
    chosen = [t for t in TARGETS if not words or any(word in t.module for word in words)]
    console = Console()
    started = time.monotonic()
    with TemporaryDirectory(prefix="mutation-") as directory:
        sandbox = Sandbox.prepared(ROOT, Path(directory))
        with ThreadPoolExecutor(WORKERS) as pool:
            took = dict(zip(chosen, pool.map(sandbox.unbroken, chosen), strict=True))
        work = [
            (target, mutant)
            for target in chosen
            for mutant in mutants((ROOT / target.file).read_text(encoding="utf-8"))
        ]
        with Progress(console=console, transient=True) as progress:
            task = progress.add_task("mutating", total=len(work))

            def one(item: tuple[Target, Mutant]) -> Verdict:
                target, mutant = item
                verdict = Verdict(
                    target, mutant, sandbox.run(target, mutant, 10 * took[target] + 20)
                )
                if verdict.outcome is Outcome.SURVIVED and verdict.key not in known:
                    where = f"{target.file}:{mutant.line}"
                    progress.console.print(f"survived  {where}  {mutant.name}", markup=False)
                progress.advance(task)
                return verdict

            known = explained()
            with ThreadPoolExecutor(WORKERS) as pool:
                verdicts = list(pool.map(one, work))
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    console.print(
        f"{time.monotonic() - started:.0f} s on {WORKERS} processors, "
        f"which worked {used.ru_utime + used.ru_stime:.0f} s"
    )
    return _report(verdicts, known, console)


def _report(verdicts: list[Verdict], known: dict[tuple[str, str], str], console: Console) -> int:
    survived = {v.key for v in verdicts if v.outcome is Outcome.SURVIVED}
    modules = {v.target.module for v in verdicts}
    stale = {key for key in known if key[0] in modules} - survived
    for module, name in sorted(stale):
        console.print(f"explained, but noticed or gone: {module}  {name}", markup=False)
    for module in sorted(modules):
        console.print(_counted(module, [v for v in verdicts if v.target.module == module], known))
    if len(modules) > 1:
        console.print(_counted(f"{len(modules)} modules", verdicts, known))
    return 1 if survived - known.keys() or stale or not verdicts else 0


def _counted(what: str, verdicts: list[Verdict], known: dict[tuple[str, str], str]) -> str:
    survivors = [v for v in verdicts if v.outcome is Outcome.SURVIVED]
    explained_ones = [v for v in survivors if v.key in known]
    return (
        f"{what}: {len(verdicts)} mutants, {len(verdicts) - len(survivors)} noticed, "
        f"{len(explained_ones)} explained, {len(survivors) - len(explained_ones)} unexplained"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
