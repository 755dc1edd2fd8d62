"""The writer lock: one holder at a time, waited for with patience, gone with its holder."""

from __future__ import annotations

import stat
import threading
from typing import TYPE_CHECKING

import pytest

from ingestion.errors import BusyError
from ingestion.lock import exclusive

if TYPE_CHECKING:
    from pathlib import Path


def test_a_second_holder_is_refused_by_the_name_of_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "write.lock"
    with exclusive(path), pytest.raises(BusyError, match=r"write\.lock") as caught:
        exclusive(path, timeout=0).__enter__()
    assert caught.value.code == "busy"


def test_who_waits_gets_it_when_the_holder_is_done(tmp_path: Path) -> None:
    path, order = tmp_path / "write.lock", list[str]()

    def wait() -> None:
        with exclusive(path):
            order.append("second")

    waiting = threading.Thread(target=wait)
    with exclusive(path):
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_it_is_free_again_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "write.lock"
    with pytest.raises(ValueError, match="within"), exclusive(path):
        raise ValueError("within")
    with exclusive(path, timeout=0):
        pass


def test_the_file_is_private_and_two_locks_do_not_mind_each_other(tmp_path: Path) -> None:
    with exclusive(tmp_path / "a"), exclusive(tmp_path / "b", timeout=0):
        assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
