"""``python -m tests.security.attacker``: play the game and say what the attacker learned.

The content advantage must be exactly 0: fails otherwise. The timing figures are for reading.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.security.attacker.documents import forbidden
from tests.security.attacker.game import play, probes
from tests.security.attacker.judge import advantage, auc_with_interval

if TYPE_CHECKING:
    from tests.security.attacker.game import Trial


def main(arguments: list[str] | None = None) -> int:
    """Play. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.security.attacker", description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000, help="how many forbidden ones")
    parser.add_argument("--repeat", type=int, default=1, help="how often each question is asked")
    parser.add_argument("--seed", type=int, default=7, help="another seed is another toss")
    options = parser.parse_args(arguments)
    console = Console()
    total = options.documents * options.repeat * len(probes(0, forbidden(0)))
    game = play(options.documents, seed=options.seed, repeat=options.repeat)
    trials = list(track(game, total=total, description="attacking", console=console))
    console.print(_table(trials))
    learned = advantage(trials)
    console.print(f"content advantage over {options.documents} documents: {learned}")
    return 1 if learned else 0


def _table(trials: list[Trial]) -> Table:
    table = Table(title="What the attacker learned", title_justify="left")
    for column in ("asked by", "replies that differ", "timing AUC", "95 % interval", "p50 ms"):
        table.add_column(column)
    by_probe: dict[str, list[Trial]] = defaultdict(list)
    for trial in trials:
        by_probe[trial.probe].append(trial)
    for probe, asked in [*by_probe.items(), ("all", trials)]:
        value, low, high = auc_with_interval(asked)
        took = 1_000 * float(np.median([trial.present_s for trial in asked]))
        differ = sum(trial.differed for trial in asked)
        interval = f"{low:.3f} to {high:.3f}"
        table.add_row(probe, f"{differ} of {len(asked)}", f"{value:.3f}", interval, f"{took:.1f}")
    return table


if __name__ == "__main__":
    sys.exit(main())
