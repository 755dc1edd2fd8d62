"""Optimising stops nobody: a successor is made beside the process that serves, and any may die."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

import pytest

from ingestion.errors import IndexUnavailableError
from ingestion.index import copying, succession
from ingestion.index.client import EdgeHost
from ingestion.index.copying import copied, occupied
from ingestion.index.edge import EdgeEngine
from ingestion.index.gate import GatedIndex
from ingestion.index.holding import Holding, LeavingError
from ingestion.index.journal import Journal, read
from ingestion.index.memory import MemoryHost
from ingestion.index.rendezvous import Rendezvous
from ingestion.index.rpc import Method, pack_points
from ingestion.index.serving import OPTIMISED_IN_PLACE
from ingestion.index.shards import ShardDirectory
from ingestion.index.succession import Succession
from tests.contract.index.worlds import (
    DIMENSIONS,
    assert_congruent,
    chunk_id,
    point,
    requests,
    scope,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from concurrent.futures import Future

    from ingestion.index.port import Point, SearchResult, VectorIndex

POINTS: Final = 3_500
GONE: Final = 1_200
"""Enough deletions for the engine to find something to clean up."""

LATER: Final = 100_000
QUESTIONS: Final = requests(12)


def _points() -> list[Point]:
    return [point(number, vector=number % 400, text=number % 11) for number in range(POINTS)]


def _late(number: int) -> Point:
    """A point that comes while an optimisation is under way, and that the searches cannot see."""
    return point(LATER + number, acl="a9", vector=number % 7, text=number % 5)


LEFT: Final = frozenset(chunk_id(number) for number in range(GONE, POINTS))


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards with something to optimise in ``g1``, and a few points in ``g2``."""
    directory = tmp_path_factory.mktemp("template") / "shards"
    shards = ShardDirectory(directory)
    for generation in ("g1", "g2"):
        engine = GatedIndex(shards.create(generation, dimensions=DIMENSIONS), dimensions=DIMENSIONS)
        engine.upsert(_points() if generation == "g1" else _points()[:50])
    shards.holding("g1").engine.delete([chunk_id(number) for number in range(GONE)])
    shards.close()
    return directory


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
    oracle.upsert([one for one in _points() if one.id in LEFT])
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
            index.upsert([_late(written)])
            index.set_sources({_late(written).id: ("wiki",)})
            other.upsert([_late(written)])
            if written % 3 == 2:
                index.delete([_late(written - 1).id])
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
    deleted = {_late(number - 1).id for number in range(2, written, 3)}
    late = {_late(number).id for number in range(written)}
    assert set(index.ids()) == LEFT | (late - deleted)
    assert late <= set(other.ids())
    assert _answers(index) == want
    _until(lambda: _shard_files(tmp_path) == {"generation.json", "shard"}, "the old shard's end")
    _until(lambda: not Path(f"/proc/{before}").exists(), "the old process's end")


def test_what_was_optimised_is_what_a_later_process_opens(
    host: EdgeHost, index: VectorIndex
) -> None:
    want = _answers(index)
    index.optimise()
    index.upsert([_late(1)])
    os.kill(_pid(host), signal.SIGKILL)
    assert set(index.ids()) == LEFT | {_late(1).id}
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
    few.upsert(_points()[:50])
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
            index.upsert([_late(number)])
            acknowledged.add(_late(number).id)
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


def test_too_little_room_for_a_copy_is_said_before_anything_is_written(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(template, tmp_path / "shards")
    shards = ShardDirectory(tmp_path / "shards")
    holding = shards.holding("g1")
    monkeypatch.setattr(succession.shutil, "disk_usage", lambda _path: SimpleNamespace(free=10**6))
    with (
        Succession(tmp_path, shards, "g1", idle_seconds=1) as attempt,
        pytest.raises(IndexUnavailableError, match=r"needs \d+ MB .* 1 MB are free"),
    ):
        attempt.prepare()
    assert {path.name for path in holding.shard.parent.iterdir()} == {"generation.json", "shard"}
    shards.close()


def test_a_journal_that_cannot_be_written_fails_no_write(template: Path, tmp_path: Path) -> None:
    copied(template, tmp_path / "shards")
    shards = ShardDirectory(tmp_path / "shards")
    holding = shards.holding("g1")
    holding.journal = Journal(tmp_path / "journal")
    holding.journal.close()
    holding.write(Method.UPSERT, pack_points([_late(1)]))
    assert holding.torn
    assert holding.engine.has([_late(1).id]) == {_late(1).id}
    holding.journal = None
    shards.close()


def test_a_superseded_generation_takes_no_write_and_cannot_be_dropped(
    template: Path, tmp_path: Path
) -> None:
    copied(template, tmp_path / "shards")
    shards = ShardDirectory(tmp_path / "shards")
    holding = shards.holding("g1")
    copy = holding.shard.with_name("shard-2")
    with holding.writing:
        copied(holding.shard, copy)
        assert shards.supersede({"g1": (holding, copy)}) == ["g1"]
    with pytest.raises(LeavingError):
        holding.write(Method.DELETE, [next(iter(LEFT))])
    with pytest.raises(LeavingError):
        shards.drop("g1")
    assert holding.engine.count() == len(LEFT), "it still answers"
    shards.close()
    assert not holding.shard.exists()
    heir = ShardDirectory(tmp_path / "shards")
    assert heir.holding("g1").shard == copy
    assert heir.holding("g1").engine.count() == len(LEFT)
    heir.close()


def test_a_shard_that_could_not_be_superseded_on_disk_is_kept(
    template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied(template, tmp_path / "shards")
    shards = ShardDirectory(tmp_path / "shards")
    holding = shards.holding("g1")

    def full(_self: Path, _target: Path) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched, holding.writing:
        patched.setattr(Path, "replace", full)
        with pytest.raises(OSError, match="No space"):
            shards.supersede({"g1": (holding, holding.shard.with_name("shard-2"))})
    with pytest.raises(LeavingError):
        holding.write(Method.DELETE, [next(iter(LEFT))])
    shards.close()
    heir = ShardDirectory(tmp_path / "shards")
    heir.sweep()
    assert heir.holding("g1").engine.count() == len(LEFT)
    heir.close()


def test_a_sweep_removes_every_shard_but_the_one_that_counts(
    template: Path, tmp_path: Path
) -> None:
    copied(template, tmp_path / "shards")
    place = tmp_path / "shards" / "g1"
    shutil.copytree(place / "shard", place / "shard-1")
    (place / "journal-1").write_bytes(b"x")
    (place / ".generation.json").write_text("{")
    ShardDirectory(tmp_path / "shards").sweep()
    assert {path.name for path in place.iterdir()} == {"generation.json", "shard"}


def test_a_generation_from_before_there_were_successors_is_read(
    template: Path, tmp_path: Path
) -> None:
    copied(template, tmp_path / "shards")
    (tmp_path / "shards/g1/generation.json").write_text(f'{{"dimensions": {DIMENSIONS}}}')
    shards = ShardDirectory(tmp_path / "shards")
    assert shards.holding("g1").engine.count() == len(LEFT)
    shards.close()


def test_a_copy_made_without_a_flush_holds_every_write(template: Path, tmp_path: Path) -> None:
    copied(template, tmp_path / "shards")
    shards = ShardDirectory(tmp_path / "shards")
    holding: Holding = shards.holding("g1")
    holding.write(Method.UPSERT, pack_points([_late(number) for number in range(300)]))
    copied(holding.shard, tmp_path / "copy")
    copy = EdgeEngine.load(tmp_path / "copy")
    assert copy.count() == len(LEFT) + 300
    copy.close()
    shards.close()


def test_a_copy_keeps_holes_and_bytes(tmp_path: Path) -> None:
    original = tmp_path / "original"
    (original / "below").mkdir(parents=True)
    with (original / "below" / "sparse").open("wb") as file:
        file.seek(8 * 2**20)
        file.write(b"something")
        file.truncate(16 * 2**20)
    (original / "empty").touch()
    (original / "full").write_bytes(os.urandom(70_000))
    copied(original, tmp_path / "copy")
    for name in ("below/sparse", "empty", "full"):
        assert (tmp_path / "copy" / name).read_bytes() == (original / name).read_bytes()
    assert occupied(tmp_path / "copy") <= occupied(original) + 2**20
    copying.settled(tmp_path / "copy")


def test_a_journal_is_read_back_in_pieces(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    marks = [0]
    for number in range(5):
        journal.append({"with": number})
        marks.append(journal.length)
    journal.close()
    for first in range(6):
        for last in range(first, 6):
            found = [write["with"] for write in read(journal.path, marks[first], marks[last])]
            assert found == list(range(first, last))
