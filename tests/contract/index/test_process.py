"""The index process: one per data directory, started by whoever needs it, safe to kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from acl.conditions import AllOf, AnyOf
from ingestion.errors import IndexUnavailableError
from ingestion.index import rpc
from ingestion.index.channel import Channel
from ingestion.index.client import EdgeHost
from ingestion.index.launch import launch
from ingestion.index.rendezvous import Rendezvous, locked
from tests.contract.index.worlds import (
    DIMENSIONS,
    chunk_id,
    ids,
    point,
    request,
    scope,
    standing,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def host(tmp_path: Path) -> Iterator[EdgeHost]:
    """A host whose process is stopped in the end."""
    host = EdgeHost(tmp_path, idle_seconds=60)
    yield host
    host.shutdown()
    host.close()


def _pid(host: EdgeHost) -> int:
    pid = host.info()["pid"]
    assert isinstance(pid, int)
    return pid


def _alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    # A process whose new parent does not collect it stays as a zombie, which is dead enough.
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


def _wait_until_dead(pid: int) -> None:
    for _ in range(1000):
        if not _alive(pid):
            return
        time.sleep(0.01)
    pytest.fail(f"process {pid} is still there")


def test_the_engine_does_not_run_in_the_clients_process(host: EdgeHost) -> None:
    assert _pid(host) != os.getpid()


def test_importing_the_client_does_not_import_the_engine() -> None:
    code = "import sys, ingestion.index.client; sys.exit('qdrant_edge' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code


def test_hosts_of_one_data_directory_share_one_process(host: EdgeHost, tmp_path: Path) -> None:
    other = EdgeHost(tmp_path / "." / "../" / tmp_path.name)
    assert _pid(other) == _pid(host)
    other.close()


def test_hosts_of_two_data_directories_share_nothing(host: EdgeHost, tmp_path: Path) -> None:
    other = EdgeHost(tmp_path / "other")
    host.open("g1", dimensions=DIMENSIONS)
    assert _pid(other) != _pid(host)
    assert other.generations() == []
    other.shutdown()


def test_many_starters_at_once_end_with_one_process(host: EdgeHost, tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from ingestion.index.client import EdgeHost; "
        "print(EdgeHost(pathlib.Path(sys.argv[1])).info()['pid'])"
    )
    starters = [
        subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE
        )
        for _ in range(4)
    ]
    pids = {int(starter.communicate()[0]) for starter in starters}
    assert pids == {_pid(host)}


def test_an_acknowledged_write_survives_kill_9(host: EdgeHost) -> None:
    index = host.open("g1", dimensions=DIMENSIONS)
    acknowledged: set[str] = set()
    for round_number in range(4):
        pid = _pid(host)
        numbers = range(round_number * 300, round_number * 300 + 300)
        for start in range(0, 300, 20):
            batch = [point(number) for number in numbers[start : start + 20]]
            index.upsert(batch)
            acknowledged.update(one.id for one in batch)
        gone = [chunk_id(number) for number in numbers[:7]]
        index.delete(gone)
        acknowledged.difference_update(gone)
        index.set_places({chunk_id(numbers[-1]): standing("wiki")})
        os.kill(pid, signal.SIGKILL)
        _wait_until_dead(pid)
        assert set(index.ids()) == acknowledged
        assert _pid(host) != pid
    wiki = request(limit=50)
    own = (AnyOf("source", ("wiki",)),)
    found = index.search(scope("a0"), type(wiki)(wiki.dense, None, limit=50, own=own))
    assert len(found.dense) == 4


def test_a_process_killed_while_writing_loses_nothing_acknowledged(host: EdgeHost) -> None:
    index = host.open("g1", dimensions=DIMENSIONS)
    for round_number in range(3):
        pid = _pid(host)
        killer = threading.Timer(0.02 * (round_number + 1), os.kill, (pid, signal.SIGKILL))
        killer.start()
        base = round_number * 2000
        for start in range(0, 2000, 100):
            index.upsert([point(base + start + n, text=n % 7) for n in range(100)])
        killer.join()
        wanted = {chunk_id(number) for number in range(base + 2000)}
        assert set(index.ids()) == wanted


@pytest.mark.parametrize("_round", range(2))
def test_searches_in_many_threads_survive_kill_9(host: EdgeHost, _round: int) -> None:
    index = host.open("g1", dimensions=DIMENSIONS)
    index.upsert([point(number) for number in range(200)])
    want = index.search(scope("a0"), request())
    killed = threading.Event()

    def search_on() -> bool:
        same = True
        while not killed.is_set():
            same = same and index.search(scope("a0"), request()) == want
        return same and index.search(scope("a0"), request()) == want

    with ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(search_on) for _ in range(4)]
        os.kill(_pid(host), signal.SIGKILL)
        killed.set()
        assert all(answer.result() for answer in answers)


def test_sigterm_flushes_and_the_next_call_starts_a_successor(host: EdgeHost) -> None:
    index = host.open("g1", dimensions=DIMENSIONS)
    index.upsert([point(1)])
    pid = _pid(host)
    os.kill(pid, signal.SIGTERM)
    _wait_until_dead(pid)
    assert ids(index.search(scope("a0"), request()).dense) == [chunk_id(1)]
    assert _pid(host) != pid


def test_a_call_right_after_shutdown_starts_a_successor(host: EdgeHost) -> None:
    index = host.open("g1", dimensions=DIMENSIONS)
    index.upsert([point(1)])
    pid = _pid(host)
    host.shutdown()
    host.shutdown()
    _wait_until_dead(pid)
    assert index.count() == 1


def test_the_process_leaves_when_nobody_is_connected(tmp_path: Path) -> None:
    host = EdgeHost(tmp_path, idle_seconds=0.2)
    pid = _pid(host)
    time.sleep(0.5)
    assert _pid(host) == pid, "it must not leave while somebody is connected"
    host.close()
    _wait_until_dead(pid)


def test_a_closed_host_says_so(tmp_path: Path) -> None:
    host = EdgeHost(tmp_path)
    host.close()
    with pytest.raises(IndexUnavailableError, match="closed"):
        host.generations()


def test_what_the_process_leaves_on_disk_is_private(host: EdgeHost, tmp_path: Path) -> None:
    host.open("g1", dimensions=DIMENSIONS)
    directory = tmp_path / "index"
    assert directory.stat().st_mode & 0o777 == 0o700
    for name in ("key", "process.log", "process.lock", "start.lock"):
        assert (directory / name).stat().st_mode & 0o777 == 0o600


def test_the_environment_of_the_starter_is_not_inherited(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLEARANCE_SECRET", "hunter2")
    host = EdgeHost(tmp_path, idle_seconds=60)
    environment = Path(f"/proc/{_pid(host)}/environ").read_bytes()
    host.shutdown()
    host.close()
    assert b"hunter2" not in environment


def test_a_key_that_others_can_read_is_refused(host: EdgeHost, tmp_path: Path) -> None:
    host.generations()
    (tmp_path / "index" / "key").chmod(0o644)
    stranger = EdgeHost(tmp_path)
    with pytest.raises(IndexUnavailableError, match="others can read the key"):
        stranger.generations()
    (tmp_path / "index" / "key").chmod(0o600)


def test_a_client_with_another_key_is_turned_away(host: EdgeHost, tmp_path: Path) -> None:
    host.generations()
    key = tmp_path / "index" / "key"
    right = key.read_bytes()
    key.write_bytes(b"x" * 32)
    stranger = EdgeHost(tmp_path)
    with pytest.raises(IndexUnavailableError, match="another key"):
        stranger.generations()
    key.write_bytes(right)
    assert host.generations() == []


def test_a_client_that_says_nothing_holds_up_nobody(host: EdgeHost, tmp_path: Path) -> None:
    host.generations()
    address = Rendezvous.of(tmp_path).address()
    assert address is not None
    with socket.socket(socket.AF_UNIX) as silent:
        silent.connect(address)
        other = EdgeHost(tmp_path)
        assert other.generations() == []
        other.close()


def test_a_long_path_meets_in_a_private_runtime_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not below tmp_path, whose own length depends on how the suite is run.
    runtime = Path(tempfile.mkdtemp(prefix="run-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    host = EdgeHost(deep, idle_seconds=60)
    pid = _pid(host)
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    other = EdgeHost(deep)
    assert _pid(other) == pid, "the address is published, not guessed from the environment"
    private = next(runtime.iterdir())
    assert private.stat().st_mode & 0o777 == 0o700
    other.close()
    host.shutdown()
    host.close()


def test_a_runtime_directory_of_somebody_elses_making_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = Path(tempfile.mkdtemp(prefix="run-"))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    (runtime / f"clearance-{os.getuid()}").symlink_to(tmp_path)
    meeting = Rendezvous.of(tmp_path / ("d" * 60) / ("e" * 60))
    with pytest.raises(IndexUnavailableError, match="not a directory of this user"):
        meeting.socket_path()


def test_only_listed_methods_are_dispatched(host: EdgeHost, tmp_path: Path) -> None:
    host.open("g1", dimensions=DIMENSIONS)
    channel = _dialled(tmp_path)
    for method in ("close", "__init__", "_shards", "", None):
        channel.send({"method": method, "of": "g1", "with": None})
        assert channel.receive()["error"]["code"] == "index_request"
    channel.close()


@pytest.mark.parametrize(
    "corpus",
    [
        [],
        [["tenant", ["bank"]]],
        [["tenant", ["bank"]], ["acl", []]],
        [["tenant", ["bank", "rival"]], ["acl", ["a0"]]],
        [["acl", ["a0"]], ["tenant", ["bank"]]],
    ],
)
def test_a_search_that_names_no_tenant_and_acl_is_refused_by_the_process_too(
    host: EdgeHost, tmp_path: Path, corpus: list[list[object]]
) -> None:
    host.open("g1", dimensions=DIMENSIONS)
    search = {"corpus": corpus, "own": [], "exclude": [], "dense": None, "sparse": None}
    channel = _dialled(tmp_path)
    channel.send({"method": "search", "of": "g1", "with": {**search, "limit": 5, "exact": True}})
    assert "corpus" in channel.receive()["error"]["message"]
    channel.close()


def test_asking_a_generation_that_was_dropped_is_one_clear_error(host: EdgeHost) -> None:
    index = host.open("g1", dimensions=DIMENSIONS)
    host.drop("g1")
    with pytest.raises(IndexUnavailableError, match="there is none of this name") as raised:
        index.count()
    assert raised.value.code == "index_missing"


def test_a_start_that_finds_a_process_serving_leaves_it_alone(
    host: EdgeHost, tmp_path: Path
) -> None:
    pid = _pid(host)
    launch(Rendezvous.of(tmp_path), tmp_path, idle_seconds=60, patience_seconds=60)
    assert _pid(host) == pid


def test_a_client_that_sends_nonsense_is_hung_up_on(host: EdgeHost, tmp_path: Path) -> None:
    pid = _pid(host)
    channel = _dialled(tmp_path)
    channel._connection.send_bytes(b"\x80\x04.")
    with pytest.raises((EOFError, OSError)):
        channel.receive()
    channel.close()
    assert _pid(host) == pid


def test_a_failed_start_is_one_clear_error(host: EdgeHost, tmp_path: Path) -> None:
    (tmp_path / "index").mkdir()
    (tmp_path / "index" / "shards").write_text("in the way")
    with pytest.raises(IndexUnavailableError, match=r"did not come up; see .*process\.log"):
        host.generations()
    (tmp_path / "index" / "shards").unlink()


def test_an_interrupted_creation_and_removal_are_swept(host: EdgeHost, tmp_path: Path) -> None:
    for name in (".new-1", ".old-1"):
        (tmp_path / "index" / "shards" / name / "shard").mkdir(parents=True)
    assert host.generations() == []
    assert list((tmp_path / "index" / "shards").iterdir()) == []


def test_a_forked_child_does_not_share_connections(host: EdgeHost) -> None:
    index = host.open("g1", dimensions=DIMENSIONS)
    index.upsert([point(number) for number in range(5)])
    child = os.fork()
    if not child:
        os._exit(0 if all(index.count() == 5 for _ in range(20)) else 1)
    assert all(index.has([chunk_id(1)]) == {chunk_id(1)} for _ in range(20))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_lock_goes_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with locked(path, patience_seconds=0), pytest.raises(TimeoutError):
        locked(path, patience_seconds=0.05).__enter__()
    with locked(path, patience_seconds=0):
        pass


def test_conditions_travel_to_the_bit() -> None:
    odd = AnyOf("source", ("a'\"\\", "ü", "\u202e"))
    packed = rpc.from_frame(rpc.to_frame({"c": rpc._pack_conditions(AllOf((odd,)).conditions)}))
    assert rpc._unpack_conditions(packed["c"]) == (odd,)


def _dialled(data_dir: Path) -> Channel:
    meeting = Rendezvous.of(data_dir)
    address = meeting.address()
    assert address is not None
    return Channel.dial(address, meeting.key())
