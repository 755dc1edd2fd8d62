"""Large arrays lie on disk; where there is no room, in memory, and nothing else changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from ingestion.near import shelf
from ingestion.near.batch import Batch, Marks, marks
from ingestion.near.shelf import SMALL, Shelf
from ingestion.near.signature import BANDS, NOTHING

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


def mapped(array: NDArray[np.uint8]) -> bool:
    """Whether an array lies in a file."""
    base = array
    while base is not None:
        if isinstance(base, np.memmap):
            return True
        base = base.base
    return False


def test_a_large_array_lies_in_a_file_that_nobody_else_can_open(tmp_path: Path) -> None:
    array = Shelf(tmp_path).empty((SMALL + 1,), np.uint8)
    assert mapped(array)
    assert not list(tmp_path.iterdir())
    array[:] = 7
    assert array.sum(dtype=np.int64) == 7 * (SMALL + 1)


def test_a_small_array_stays_in_memory(tmp_path: Path) -> None:
    assert not mapped(Shelf(tmp_path).empty((SMALL,), np.uint8))


def test_without_a_place_on_disk_memory_is_used(tmp_path: Path) -> None:
    array = Shelf(tmp_path / "absent").empty((SMALL + 1,), np.uint8)
    assert not mapped(array)
    assert len(array) == SMALL + 1


def test_a_full_disk_is_told_by_the_request_and_not_by_a_dying_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shelf.os, "posix_fallocate", full)
    assert not mapped(Shelf(tmp_path).empty((SMALL + 1,), np.uint8))


@pytest.mark.parametrize("pages", [0, 1, 3])
def test_a_batch_gives_back_all_that_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    monkeypatch.setattr(shelf, "SMALL", 0)
    batch, given, letters = Batch(Shelf(tmp_path)), list[bytes](), list[bytes]()
    for page in range(pages):
        made: Marks = marks([f"text {page} of many words", "...", f"another {page}"])
        batch.add([f"{page}-{place}" for place in range(3)], made)
        given += made.signatures
        letters += made.letters
    assert given.count(NOTHING) == pages
    assert batch.signatures(np.arange(len(batch))) == given
    assert batch.signatures(np.arange(len(batch))[::-2]) == given[::-2]
    wordless = np.array([place for place, one in enumerate(given) if not one], dtype=np.int64)
    assert batch.signatures(wordless) == [NOTHING] * pages
    every = np.arange(len(batch))
    assert batch.shas(every[::-1]) == [f"{n}-{m}" for n in range(pages) for m in range(3)][::-1]
    assert batch.letters(every[::2]) == letters[::2]
    assert batch.worded().tolist() == [n for n, one in enumerate(given) if one]
    assert batch.bands().shape == (2 * pages, BANDS)
    assert batch.bands().tobytes() == b"".join(given)
