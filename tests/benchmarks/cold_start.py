"""From the start of a process to its first answer, over a world that is already there.

Files are in the page cache by then for everybody. What never lives here: warm queries.
"""

from __future__ import annotations

import subprocess
import time
from statistics import median
from typing import TYPE_CHECKING

from acl.caller import ApiScope
from acl.identity.keys import create_key
from acl.orm import Database, utc_now
from acl.principal import Principal
from tests.benchmarks.figures import ColdFigures
from tests.benchmarks.processes import PeerProcess, Service, clearance, index_pid, stop_index
from tests.benchmarks.world import TENANT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.benchmarks.load import World
    from tests.benchmarks.world import Audience


def measure(
    world: World,
    asker: Audience,
    question: str,
    *,
    peer: tuple[str, str] | None,
    trials: int,
    log: Path,
) -> ColdFigures:
    """Start everything anew a few times, in turns.

    Args:
        world: what is searched.
        asker: in whose name.
        question: what is asked.
        peer: the folder of its model and its store; None to go without.
        trials: how often.
        log: where processes may complain.
    """
    warm, cold, served, theirs = [], [], [], []
    token = _key(world, asker)
    for _ in range(trials):
        stop_index(world.data_dir)
        cold.append(_query(world, asker, question))
        index_pid(world.data_dir)
        warm.append(_query(world, asker, question))
        stop_index(world.data_dir)
        served.append(_serve(world, token, question, log))
        if peer is not None:
            theirs.append(_peer(*peer, question, log))
    return ColdFigures(
        trials=trials,
        query_warm_index_s=median(warm),
        query_cold_index_s=median(cold),
        serve_cold_index_s=median(served),
        peer_s=median(theirs) if theirs else None,
    )


def _key(world: World, asker: Audience) -> str:
    database = Database(world.settings().catalogue_url)
    with database.write(TENANT) as session:
        key = create_key(
            session,
            TENANT,
            Principal.parse(asker.user),
            api_scopes=[ApiScope.RETRIEVE],
            now=utc_now(),
            label="bench",
        )
    database.close()
    return key.token


def _query(world: World, asker: Audience, question: str) -> float:
    command = [*clearance(world.data_dir), "query", question]
    started = time.perf_counter()
    subprocess.run(  # noqa: S603 - the command under measurement
        [*command, "--tenant", TENANT, "--as", asker.user, "--json"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - started


def _serve(world: World, token: str, question: str, log: Path) -> float:
    started = time.perf_counter()
    with Service.started(world.data_dir, log) as service:
        service.wait()
        service.ask(token, {"query": question, "min_relevance": 0})
        return time.perf_counter() - started


def _peer(model: str, store: str, question: str, log: Path) -> float:
    started = time.perf_counter()
    with PeerProcess.started(log) as peer:
        peer.ask("load", model=model, store=store)
        peer.ask("post", text=question, acls=[])
        return time.perf_counter() - started
