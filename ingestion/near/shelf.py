"""Room on disk for the large arrays of one batch, so that memory does not grow with the corpus.

An array is a mapping of a file without a name: the system writes pages of it out when memory is
short, and it is gone with its last reference, however the process ends. Small arrays stay in
memory, and so does everything where there is no room on the disk: then a settling needs more
memory, and finds the same.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import DTypeLike, NDArray

SMALL: Final = 1 << 19
"""Bytes up to which an array stays in memory: a batch of a few thousand texts needs no file."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """A place for arrays.

    Attributes:
        directory: on the disk that the files shall lie on; not one that is kept in memory.
    """

    directory: Path

    def empty(self, shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
        """An array of any content, to be written before it is read."""
        size = math.prod(shape) * np.dtype(dtype).itemsize
        if size <= SMALL:
            return np.empty(shape, dtype=dtype)
        try:
            with TemporaryFile(dir=self.directory) as file:
                # Asked for in advance: a page that finds no room later would kill the process.
                os.posix_fallocate(file.fileno(), 0, size)
                mapped = np.memmap(file, dtype=dtype, mode="r+", shape=shape)
        except OSError:
            return np.empty(shape, dtype=dtype)
        return mapped.view(np.ndarray)


class Column:
    """Values, or rows of them, that are added at the end; on the shelf once they are many."""

    def __init__(self, shelf: Shelf, dtype: DTypeLike, *width: int) -> None:
        """Hold nothing yet.

        Args:
            shelf: where they go.
            dtype: of one value.
            width: of one row, if it is more than a value.
        """
        self._shelf, self._dtype, self._width = shelf, dtype, width
        self._held = shelf.empty((0, *width), dtype)
        self._size = 0

    def __len__(self) -> int:
        """How many rows."""
        return self._size

    def extend(self, more: NDArray[Any]) -> None:
        """Add rows. Arrays that :attr:`all` gave before may not be of these any more."""
        size = self._size + len(more)
        if size > len(self._held):
            larger = self._shelf.empty((max(size, 2 * len(self._held)), *self._width), self._dtype)
            larger[: self._size] = self.all
            self._held = larger
        self._held[self._size : size] = more
        self._size = size

    @property
    def all(self) -> NDArray[Any]:
        """Every row, without copying."""
        return self._held[: self._size]
