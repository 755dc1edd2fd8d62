"""Word of changes in a folder: what is told, what is passed over, and how it ends."""

from __future__ import annotations

import queue
import threading
from typing import TYPE_CHECKING

import pytest

from ingestion.errors import SourceError
from ingestion.sources.watch import changes_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 60


class Listener:
    """Somebody who listens in a thread of their own."""

    def __init__(self, root: Path, ignore: list[Path], recheck_seconds: float = 900) -> None:
        self.told: queue.Queue[None] = queue.Queue()
        self.stop = threading.Event()
        self._root, self._ignore, self._recheck = root, ignore, recheck_seconds
        self.thread = threading.Thread(target=self._listen)
        self.thread.start()

    def _listen(self) -> None:
        for _ in changes_in(
            self._root, stop=self.stop, ignore=self._ignore, recheck_seconds=self._recheck
        ):
            self.told.put(None)

    def wait(self) -> None:
        self.told.get(timeout=PATIENCE)

    def end(self) -> None:
        self.stop.set()
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()


@pytest.fixture
def listener(tmp_path: Path) -> Iterator[Listener]:
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    (tmp_path / "docs" / "data").mkdir()
    made = Listener(tmp_path / "docs", [tmp_path / "docs" / "data"])
    made.wait()
    yield made
    made.end()


def test_a_change_is_told_once_it_is_quiet(listener: Listener, tmp_path: Path) -> None:
    for number in range(20):
        (tmp_path / "docs" / "sub" / f"{number}.md").write_text("x")
    listener.wait()
    (tmp_path / "docs" / "sub" / ".acl.yaml").write_text("allow: [everyone]")
    listener.wait()
    (tmp_path / "docs" / "sub" / "0.md").unlink()
    listener.wait()
    assert listener.told.qsize() <= 1  # a notice may come in two halves, but not in twenty


def test_what_is_not_listed_is_not_told(listener: Listener, tmp_path: Path) -> None:
    (tmp_path / "docs" / "data" / "catalogue.sqlite").write_text("x")
    (tmp_path / "docs" / ".git").mkdir()
    (tmp_path / "docs" / ".git" / "index").write_text("x")
    (tmp_path / "docs" / "sub" / ".draft.swp").write_text("x")
    with pytest.raises(queue.Empty):
        listener.told.get(timeout=3)
    (tmp_path / "docs" / "a.md").write_text("x")
    listener.wait()


def test_without_a_change_one_is_told_now_and_then_all_the_same(tmp_path: Path) -> None:
    listener = Listener(tmp_path, [], recheck_seconds=0.2)
    for _ in range(3):
        listener.wait()
    listener.end()


def test_a_folder_that_is_not_there_cannot_be_watched(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="cannot be watched"):
        next(changes_in(tmp_path / "nowhere", stop=threading.Event()))
