"""Optimising stops nobody: a successor is made beside the process that serves, and any may die."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from ingestion.errors import IndexUnavailableError
from ingestion.index.client import EdgeHost
from ingestion.index.copying import copied
from ingestion.index.memory import MemoryHost
from ingestion.index.rendezvous import Rendezvous
from ingestion.index.serving import OPTIMISED_IN_PLACE
from tests.contract.index.succeeding import LEFT, late, lay_out, points
from tests.contract.index.worlds import (
    DIMENSIONS,
    assert_congruent,
    requests,
    scope,
    standing,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from ingestion.index.port import SearchResult, VectorIndex

QUESTIONS: Final = requests(12)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards with something to optimise in ``g1``, and a few points in ``g2``."""
    return lay_out(tmp_path_factory.mktemp("template") / "shards")


@pytest.fixture
def host(template: Path, tmp_path: Path) -> Iterator[EdgeHost]:
    """A host over a copy of the template."""
    copied(template, Rendezvous.of(tmp_path).shards)
    host = EdgeHost(tmp_path, idle_seconds=60)
    yield host
    host.shutdown()
    host.close()


@pytest.fixture
def index(host: EdgeHost) -> VectorIndex:
    """The generation with something to optimise."""
    return host.open("g1", dimensions=DIMENSIONS)


def _answers(index: VectorIndex) -> list[SearchResult]:
    return [index.search(scope("a0"), question) for question in QUESTIONS]


def _pid(host: EdgeHost) -> int:
    return int(str(host.info()["pid"]))


def _children(pid: int) -> list[int]:
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # It ended while we looked.
        if fields[0] != "Z" and int(fields[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def _until(true: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"never came: {what}")
        time.sleep(0.005)


def _shard_files(tmp_path: Path) -> set[str]:
    """What lies in the generation's directory, but for the parts of a shard's name that vary."""
    return {path.name.partition("-")[0] for path in (tmp_path / "index/shards/g1").iterdir()}


def test_searches_and_writes_go_on_while_a_generation_is_optimised(
    host: EdgeHost, index: VectorIndex, tmp_path: Path
) -> None:
    other = host.open("g2", dimensions=DIMENSIONS)
    oracle = MemoryHost().open("g1", dimensions=DIMENSIONS)
    oracle.upsert([one for one in points() if one.id in LEFT])
    want, want_other = _answers(index), _answers(other)
    for got, exact in zip(want, _answers(oracle), strict=True):
        assert_congruent(got, exact)
    before = _pid(host)
    done = threading.Event()

    def search_on() -> int:
        asked = 0
        while not done.is_set() or asked < 100:
            assert _answers(index) == want, "an answer changed in some bit"
            assert _answers(other) == want_other
            asked += 2 * len(QUESTIONS)
        return asked

    def write_on() -> int:
        written = 0
        while not done.is_set() or written < 20:
            index.upsert([late(written)])
            index.set_places({late(written).id: standing("wiki")})
            other.upsert([late(written)])
            if written % 3 == 2:
                index.delete([late(written - 1).id])
            written += 1
        return written

    with ThreadPoolExecutor(4) as pool:
        searching = [pool.submit(search_on) for _ in range(2)]
        writing = pool.submit(write_on)
        try:
            index.optimise()
        finally:
            done.set()
        assert sum(asked.result() for asked in searching) >= 200
        written = writing.result()

    assert _pid(host) != before, "another process serves"
    deleted = {late(number - 1).id for number in range(2, written, 3)}
    every = {late(number).id for number in range(written)}
    assert set(index.ids()) == LEFT | (every - deleted)
    assert every <= set(other.ids())
    assert _answers(index) == want
    _until(lambda: _shard_files(tmp_path) == {"generation.json", "shard"}, "the old shard's end")
    _until(lambda: not Path(f"/proc/{before}").exists(), "the old process's end")


def test_what_was_optimised_is_what_a_later_process_opens(
    host: EdgeHost, index: VectorIndex
) -> None:
    want = _answers(index)
    index.optimise()
    index.upsert([late(1)])
    os.kill(_pid(host), signal.SIGKILL)
    assert set(index.ids()) == LEFT | {late(1).id}
    assert _answers(index) == want


def test_what_is_in_order_already_is_left_alone(
    host: EdgeHost, index: VectorIndex, tmp_path: Path
) -> None:
    index.optimise()
    pid = _pid(host)
    index.optimise()
    assert _pid(host) == pid
    _until(lambda: _shard_files(tmp_path) == {"generation.json", "shard"}, "the copy's end")


def test_a_handful_of_points_is_optimised_in_place(host: EdgeHost) -> None:
    few = host.open("g3", dimensions=DIMENSIONS)
    few.upsert(points()[:50])
    assert few.count() <= OPTIMISED_IN_PLACE
    pid = _pid(host)
    few.optimise()
    assert _pid(host) == pid


def test_two_who_optimise_at_once_are_both_served(index: VectorIndex) -> None:
    with ThreadPoolExecutor(2) as pool:
        for asked in [pool.submit(index.optimise) for _ in range(2)]:
            asked.result()
    assert set(index.ids()) == LEFT


def test_stopping_the_process_does_not_wait_for_an_optimisation(
    host: EdgeHost, index: VectorIndex, tmp_path: Path
) -> None:
    pid = _pid(host)
    with ThreadPoolExecutor(1) as pool:
        optimising = pool.submit(index.optimise)
        _until(lambda: _children(pid) or optimising.done(), "a helper")
        os.kill(pid, signal.SIGTERM)
        optimising.result()  # It is asked again of the next process.
    assert set(index.ids()) == LEFT
    _until(lambda: _shard_files(tmp_path) == {"generation.json", "shard"}, "a clean directory")


def test_a_generation_dropped_meanwhile_stays_dropped(host: EdgeHost, index: VectorIndex) -> None:
    other = host.open("g2", dimensions=DIMENSIONS)
    assert other.count() == 50
    pid = _pid(host)
    with ThreadPoolExecutor(1) as pool:
        optimising = pool.submit(index.optimise)
        _until(lambda: _children(pid) or optimising.done(), "a helper")
        host.drop("g2")
        # Dropped at the very moment of its replay, it makes the succession fail.
        with contextlib.suppress(IndexUnavailableError):
            optimising.result()
    assert host.generations() == ["g1"]
    assert set(index.ids()) == LEFT


def _kill(host: EdgeHost, victim: str, dice: random.Random, optimising: Future[None]) -> None:
    pid = _pid(host)
    if victim != "index process":
        _until(lambda: _children(pid) or optimising.done(), "a helper")
    time.sleep(dice.random() * 0.5)
    victims = {"index process": [pid], "helper": _children(pid)}
    for doomed in victims.get(victim, [pid, *_children(pid)]):
        with contextlib.suppress(ProcessLookupError):
            os.kill(doomed, signal.SIGKILL)


@pytest.mark.parametrize("victim", ["index process", "helper", "both"])
@pytest.mark.parametrize("seed", range(2))
def test_kill_9_at_any_instant_loses_nothing_acknowledged(
    host: EdgeHost, index: VectorIndex, victim: str, seed: int
) -> None:
    dice = random.Random(f"{victim} {seed}")  # noqa: S311 - drawn again from its seed
    want = _answers(index)
    acknowledged: set[str] = set()
    stop = threading.Event()

    def write_on() -> None:
        number = 0
        while not stop.is_set():
            index.upsert([late(number)])
            acknowledged.add(late(number).id)
            number += 1

    def optimise_on() -> None:
        with contextlib.suppress(IndexUnavailableError):  # It may be killed each time it is tried.
            index.optimise()

    with ThreadPoolExecutor(2) as pool:
        writing = pool.submit(write_on)
        optimising = pool.submit(optimise_on)
        try:
            for _ in range(2):
                _kill(host, victim, dice, optimising)
                assert _answers(index) == want
            optimising.result()
        finally:
            stop.set()
        writing.result()
    held = set(index.ids())
    assert LEFT | acknowledged <= held
    index.optimise()
    assert set(index.ids()) == held
    assert _answers(index) == want


def test_a_helper_dies_with_the_index_process(host: EdgeHost, index: VectorIndex) -> None:
    pid = _pid(host)
    with ThreadPoolExecutor(1) as pool:
        optimising = pool.submit(index.optimise)
        _until(lambda: _children(pid) or optimising.done(), "a helper")
        helpers = _children(pid)
        os.kill(pid, signal.SIGKILL)
        for helper in helpers:
            _until(lambda helper=helper: not _alive(helper), "the helper's end")  # type: ignore[misc] - bound at once
        optimising.result()


def _alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"
