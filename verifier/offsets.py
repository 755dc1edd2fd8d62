"""Where each character of a changed text came from.

An `OffsetMap` relates two texts of code points, the *sanitised* and the *original*, by runs:
a *copied* run is equal character by character, any other run is *opaque* (so many characters
became so many others, none included). Spans map to the hull of what their characters came from.

What must never live here: the texts themselves, or any rule about how a text is changed.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

from verifier.errors import OffsetMapError

_FORMAT = 1
_COPIED, _REMOVED, _REPLACED = range(3)
_KIND_BITS = 2
_VARINT_BITS = 7
_VARINT_MAX_BYTES = 9


class Run(NamedTuple):
    """A stretch of both texts: `copied` runs have equal lengths."""

    sanitised: int
    original: int
    copied: bool


@dataclass(frozen=True, slots=True)
class OffsetMap:
    """A monotone relation of sanitised to original positions, by runs.

    Build one by `identity`, `from_runs` or `decode`.

    Attributes:
        sanitised_bounds: Where the runs start in the sanitised text, and where the last ends.
        original_bounds: The same in the original text; a slice does not start at zero.
        copied: For each run, whether it is copied character by character.
    """

    sanitised_bounds: tuple[int, ...]
    original_bounds: tuple[int, ...]
    copied: tuple[bool, ...]

    @classmethod
    def identity(cls, length: int) -> Self:
        """Return the map of an unchanged text of `length` code points."""
        return cls.from_runs([Run(length, length, copied=True)])

    @classmethod
    def from_runs(cls, runs: Iterable[Run], *, original_start: int = 0) -> Self:
        """Build a map from consecutive runs, merging neighbours that say the same."""
        sanitised, original, copied = [0], [original_start], []
        previous: Run | None = None
        for run in runs:
            if run.sanitised < 0 or run.original < 0 or (run.copied and run[0] != run[1]):
                raise OffsetMapError(f"offset map: {run} is no run; copied runs have equal lengths")
            if not run.sanitised and not run.original:
                continue
            if previous is not None and _mergeable(previous, run):
                sanitised[-1] += run.sanitised
                original[-1] += run.original
                continue
            sanitised.append(sanitised[-1] + run.sanitised)
            original.append(original[-1] + run.original)
            copied.append(run.copied)
            previous = run
        return cls(tuple(sanitised), tuple(original), tuple(copied))

    @property
    def length(self) -> int:
        """Code points of the sanitised text."""
        return self.sanitised_bounds[-1]

    @property
    def is_identity(self) -> bool:
        """Whether nothing was changed and nothing is shifted."""
        return self.original_bounds[0] == 0 and all(self.copied)

    def runs(self) -> Iterator[Run]:
        """Yield the runs in order."""
        lengths = zip(pairwise(self.sanitised_bounds), pairwise(self.original_bounds), strict=True)
        for ((s0, s1), (o0, o1)), copied in zip(lengths, self.copied, strict=True):
            yield Run(s1 - s0, o1 - o0, copied)

    def to_original(self, start: int, end: int) -> tuple[int, int]:
        """Return the smallest original span that covers sanitised `[start, end)`.

        What was removed at the edges is not part of it; what was removed inside is. An empty
        span maps to the point where the character at `start` came from.
        """
        return self._hull(self.sanitised_bounds, self.original_bounds, start, end)

    def to_sanitised(self, start: int, end: int) -> tuple[int, int]:
        """Return the smallest sanitised span that covers what is left of original `[start, end)`.

        It is empty where all of it was removed.
        """
        return self._hull(self.original_bounds, self.sanitised_bounds, start, end)

    def slice(self, start: int, end: int) -> Self:
        """Return the map of the sanitised text cut to `[start, end)`.

        The result starts at sanitised 0 and keeps absolute original positions. Removed content at
        the edges belongs to no slice. A cut through an opaque run keeps all of its origin.
        """
        _check_span(start, end, 0, self.length)
        first = bisect_right(self.sanitised_bounds, start) - 1
        begin, _ = self.to_original(start, end)
        runs = []
        for index in range(first, len(self.copied)):
            s0, s1 = self.sanitised_bounds[index], self.sanitised_bounds[index + 1]
            if s0 >= end:
                break
            inside = min(s1, end) - max(s0, start)
            whole = self.original_bounds[index + 1] - self.original_bounds[index]
            copied = self.copied[index]
            runs.append(Run(inside, inside if copied else whole, copied))
        return type(self).from_runs(runs, original_start=begin)

    def compose(self, inner: "OffsetMap") -> Self:
        """Chain two maps: this one leads to a text that `inner` leads to the original of.

        Where an opaque run of one straddles an opaque run of the other they become one opaque
        run, so a composed map covers at least what mapping twice covers.

        Raises:
            OffsetMapError: The maps do not speak of the same text in the middle.
        """
        if self.original_bounds[0] or self.original_bounds[-1] != inner.length:
            raise OffsetMapError("offset map: compose() needs the map of the very text in between")
        if self.is_identity and not inner.original_bounds[0]:
            return type(self)(inner.sanitised_bounds, inner.original_bounds, inner.copied)
        start = inner.original_bounds[0]
        return type(self).from_runs(_compose(self.runs(), inner.runs()), original_start=start)

    def encode(self) -> bytes:
        """Pack the map: a few bytes per run, and at most 20 bytes for any identity."""
        numbers = [_FORMAT, self.original_bounds[0]]
        for run in self.runs():
            if run.copied:
                numbers.append(run.sanitised << _KIND_BITS | _COPIED)
            elif not run.sanitised:
                numbers.append(run.original << _KIND_BITS | _REMOVED)
            else:
                numbers.append(run.sanitised << _KIND_BITS | _REPLACED)
                numbers.append(run.original)
        return b"".join(map(_varint, numbers))

    @classmethod
    def decode(cls, packed: bytes) -> Self:
        """Read what `encode` wrote.

        Raises:
            OffsetMapError: The bytes are no offset map of this format.
        """
        numbers = list(_varints(packed))
        if len(numbers) < 2 or numbers[0] != _FORMAT:  # noqa: PLR2004 - the header is two numbers
            raise OffsetMapError("offset map: unknown format; reingest the document")
        runs = []
        rest = iter(numbers[2:])
        for number in rest:
            kind, length = number & ((1 << _KIND_BITS) - 1), number >> _KIND_BITS
            if kind == _COPIED:
                runs.append(Run(length, length, copied=True))
            elif kind == _REMOVED:
                runs.append(Run(0, length, copied=False))
            elif kind == _REPLACED and (original := next(rest, None)) is not None:
                runs.append(Run(length, original, copied=False))
            else:
                raise OffsetMapError("offset map: truncated or unknown run; reingest the document")
        return cls.from_runs(runs, original_start=numbers[1])

    def _hull(
        self, source: Sequence[int], target: Sequence[int], start: int, end: int
    ) -> tuple[int, int]:
        _check_span(start, end, source[0], source[-1])
        if start == end:
            point = self._left(source, target, start)
            return point, point
        last = bisect_right(source, end - 1) - 1
        stop = target[last] + (end - source[last]) if self.copied[last] else target[last + 1]
        return self._left(source, target, start), stop

    def _left(self, source: Sequence[int], target: Sequence[int], position: int) -> int:
        index = bisect_right(source, position) - 1
        if index == len(self.copied):
            return target[-1]
        return target[index] + (position - source[index] if self.copied[index] else 0)


def _check_span(start: int, end: int, low: int, high: int) -> None:
    if not low <= start <= end <= high:
        raise OffsetMapError(f"offset map: span [{start}, {end}) is not inside [{low}, {high})")


def _mergeable(left: Run, right: Run) -> bool:
    if left.copied and right.copied:
        return True
    removed = not left.sanitised and not right.sanitised
    return removed and not left.copied and not right.copied


def _compose(outer: Iterator[Run], inner: Iterator[Run]) -> Iterator[Run]:
    """Walk both partitions of the text in the middle; see `OffsetMap.compose`."""
    above, below = _Cursor(outer), _Cursor(inner)
    while above.run is not None or below.run is not None:
        if below.run is not None and not below.run.sanitised:
            yield Run(0, below.take_all().original, copied=False)
        elif above.run is not None and not above.run.original:
            yield Run(above.take_all().sanitised, 0, copied=False)
        elif above.run is not None and below.run is not None:
            if above.run.copied and below.run.copied:
                length = min(above.run.original, below.run.sanitised)
                above.take(length)
                below.take(length)
                yield Run(length, length, copied=True)
            else:
                yield _fuse(above, below)


def _fuse(above: "_Cursor", below: "_Cursor") -> Run:
    """Take the least stretch that cuts through no opaque run of either partition."""
    sanitised = original = covered_above = covered_below = 0
    reach = 1
    while covered_above < reach or covered_below < reach:
        if covered_above < reach:
            piece = above.take(reach - covered_above)
            sanitised += piece.sanitised
            covered_above += piece.original
        if covered_below < reach:
            piece = below.take(reach - covered_below)
            original += piece.original
            covered_below += piece.sanitised
        reach = max(reach, covered_above, covered_below)
    return Run(sanitised, original, copied=False)


class _Cursor:
    """The unconsumed rest of a sequence of runs; copied runs may be taken in part."""

    def __init__(self, runs: Iterator[Run]) -> None:
        self._runs = runs
        self.run: Run | None = next(runs, None)

    def take_all(self) -> Run:
        run = self.run
        if run is None:
            raise OffsetMapError("offset map: the maps to compose have different lengths")
        self.run = next(self._runs, None)
        return run

    def take(self, length: int) -> Run:
        """Take up to `length` middle characters: part of a copied run, else a whole one."""
        run = self.run
        if run is None or not run.copied or run.original <= length:
            return self.take_all()
        rest = run.original - length
        self.run = Run(rest, rest, copied=True)
        return Run(length, length, copied=True)


def _varint(number: int) -> bytes:
    """LEB128, least significant group first."""
    packed = bytearray()
    while True:
        group = number & ((1 << _VARINT_BITS) - 1)
        number >>= _VARINT_BITS
        packed.append(group | (bool(number) << _VARINT_BITS))
        if not number:
            return bytes(packed)


def _varints(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & ((1 << _VARINT_BITS) - 1)) << shift
        shift += _VARINT_BITS
        if not byte >> _VARINT_BITS:
            yield number
            number = shift = 0
        elif shift >= _VARINT_BITS * _VARINT_MAX_BYTES:
            raise OffsetMapError("offset map: a number is too large; reingest the document")
    if shift:
        raise OffsetMapError("offset map: truncated; reingest the document")
