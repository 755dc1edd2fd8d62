"""Who takes part in the race of engines, each in a process of its own.

What never lives here: the race.
"""

from __future__ import annotations

import importlib.util
from contextlib import ExitStack
from typing import TYPE_CHECKING

from ingestion.active import current_generation
from tests.benchmarks.engines.process import ENGINES
from tests.benchmarks.engines.race import (
    Contender,
    Engine,
    IndexProcess,
    WholeAnswer,
    engine_process,
    race,
)
from tests.benchmarks.load import exported
from tests.benchmarks.processes import resident_mb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from retrieval.runtime import Runtime
    from tests.benchmarks.figures import EngineFigures
    from tests.benchmarks.load import World
    from tests.benchmarks.processes import Service


def present() -> list[str]:
    """The engines that are installed."""
    return [name for name, entry in ENGINES.items() if importlib.util.find_spec(entry.package)]


def measure(
    world: World,
    runtime: Runtime,
    service: Service,
    *,
    count: int,
    box_seconds: float,
    log: Path,
    on_round: Callable[[int, int], None],
) -> tuple[list[EngineFigures], dict[str, float | None]]:
    """Open every engine over the world, race them, and see how much memory each has taken.

    Args:
        world: what they hold.
        runtime: of the same world.
        service: of the same world.
        count: questions of each audience.
        box_seconds: how long one contender may take over one audience.
        log: where engines may complain.
        on_round: told the number of this round and of all.
    """
    generation = current_generation(runtime.database)
    if generation is None:
        raise RuntimeError("the world holds no generation")
    index, settings = runtime.index(generation.id), runtime.settings
    contenders: list[Contender] = [WholeAnswer(service)]
    contenders += [
        IndexProcess(index, settings.candidates, settings.exact_limit, words)
        for words in (True, False)
    ]
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(engine_process(name, world.directory, log))
            for name in present()
        }
        contenders += [
            Engine(name, mode, process)
            for name, process in processes.items()
            for mode in ENGINES[name].modes
        ]
        found = race(
            runtime,
            exported(world),
            world.scale,
            contenders,
            count=count,
            box_seconds=box_seconds,
            on_round=on_round,
        )
        return found, {name: resident_mb(process.pid) for name, process in processes.items()}
