"""What a succession is made of: copies, journals, and the one rename after which a copy counts."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from ingestion.errors import IndexUnavailableError
from ingestion.index import copying, succession
from ingestion.index.copying import copied, occupied
from ingestion.index.edge import EdgeEngine
from ingestion.index.holding import Holding, LeavingError
from ingestion.index.journal import Journal, read
from ingestion.index.rpc import Method, pack_points
from ingestion.index.shards import ShardDirectory
from ingestion.index.succession import Succession
from tests.contract.index.succeeding import LEFT, late, lay_out
from tests.contract.index.worlds import DIMENSIONS


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Shards with something to optimise in ``g1``, and a few points in ``g2``."""
    return lay_out(tmp_path_factory.mktemp("template") / "shards")


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
    holding.write(Method.UPSERT, pack_points([late(1)]))
    assert holding.torn
    assert holding.engine.has([late(1).id]) == {late(1).id}
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
    holding.write(Method.UPSERT, pack_points([late(number) for number in range(300)]))
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
