"""Cutting a document's text into chunks: exact spans, sections first, sentences where possible.

A chunk is a span of the text it was given and nothing else: ``text[start:end]`` is what is stored,
quoted and cited. Context that helps the embedder but stands elsewhere (the headings above) travels
beside the span and is joined by ``embedded_text`` alone. What never lives here: a tokenizer, a
model, or any change to the text.

Within a section the cuts are semchunk's, which prefers paragraph breaks to line breaks to sentence
ends to clause ends. Around it stand two guards: text is handed over in bounded windows (its
recursion follows the longest run of newlines, which a hostile file can stagger a thousand deep),
and a token is taken to hold at most ``CHARS_PER_TOKEN`` characters (word-piece tokenizers count a
megabyte without blanks as one unknown token).
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version as installed_version

import semchunk

from ingestion.documents import Heading

CHARS_PER_TOKEN = 12
WINDOW_CHARS = 16_384
PATH_SEPARATOR = " \u203a "
_ALGORITHM = "sections-semchunk/1"
_SIZES = ("max", "overlap", "path")
_SIZE = re.compile(r"(\w+)=(\d+)")


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """One chunk: a span without outer blanks, and the headings it stands under, outermost first."""

    start: int
    end: int
    heading_path: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Section:
    """From one heading to the next; ``path`` includes the section's own heading."""

    start: int
    end: int
    path: tuple[str, ...]


def embedded_text(heading_path: Sequence[str], text: str) -> str:
    """Return what is embedded for a chunk: its heading path on one line, then its text."""
    return f"{PATH_SEPARATOR.join(heading_path)}\n{text}" if heading_path else text


class Chunker:
    """Cuts texts into chunks of at most ``max_tokens`` tokens, never across a heading.

    Attributes:
        version: Names everything that decides where the cuts fall (the token counter, which belongs
            to the embedder's fingerprint, aside). Part of a generation's fingerprint.
    """

    def __init__(
        self,
        count_tokens: Callable[[str], int],
        *,
        max_tokens: int = 200,
        overlap_tokens: int = 0,
        path_tokens: int = 40,
    ) -> None:
        """Set the sizes, in tokens of ``count_tokens``.

        The defaults leave a 256-token embedder room for heading path, separators and markers.

        Args:
            count_tokens: Tokens of a text, special tokens not counted. Must be thread-safe.
            max_tokens: A chunk's limit. A last piece of at most a sixteenth of it joins its
                neighbour, so that the true bound is ``max_tokens + max_tokens // 16``.
            overlap_tokens: How much neighbouring chunks share; less than ``max_tokens``. With 0
                each non-blank character stands in exactly one chunk.
            path_tokens: Limit of the heading path; outer headings are dropped first.

        Raises:
            ValueError: A size is out of range.
        """
        if max_tokens < 1:
            raise ValueError(f"max_tokens: {max_tokens} is below 1; give a positive number")
        if not 0 <= overlap_tokens < max_tokens:
            raise ValueError(
                f"overlap_tokens: {overlap_tokens} must lie between 0 and max_tokens - 1"
            )
        if path_tokens < 1:
            raise ValueError(f"path_tokens: {path_tokens} is below 1; give a positive number")
        self._count_tokens = count_tokens
        self._max_tokens = max_tokens
        self._overlap_tokens = overlap_tokens
        self._path_tokens = path_tokens
        self.version = (
            f"{_ALGORITHM}:{installed_version('semchunk')}"
            f":max={max_tokens},overlap={overlap_tokens},path={path_tokens}"
        )

    @classmethod
    def like(cls, version: str, count_tokens: Callable[[str], int]) -> "Chunker":
        """A chunker of the sizes that a ``version`` names, for another token counter.

        Of an algorithm that is no longer here, the sizes are kept and today's algorithm is used.
        """
        sizes = {name: int(size) for name, size in _SIZE.findall(version)}
        return cls(
            count_tokens,
            **{f"{name}_tokens": size for name, size in sizes.items() if name in _SIZES},
        )

    def chunk(self, text: str, headings: Sequence[Heading] = ()) -> list[ChunkSpan]:
        """Cut ``text`` into chunks, in order.

        Args:
            text: The sanitised text.
            headings: Where its headings stand, as offsets into this very text.

        Returns:
            Spans in code points. Blank text gives none.
        """
        count = self._counter()
        chunks: list[ChunkSpan] = []
        for section in _sections(text, headings):
            pieces = self._cut(text, section, count)
            if pieces:
                path = self._fit_path(section.path, count)
                chunks.extend(ChunkSpan(start, end, path) for start, end in pieces)
        return chunks

    def _cut(
        self, text: str, section: _Section, count: Callable[[str], int]
    ) -> list[tuple[int, int]]:
        """Return the pieces of one section: stripped, complete, within the limit."""
        start, end = _strip(text, section.start, section.end)
        if start == end:
            return []
        if count(text[start:end]) <= self._max_tokens:
            return [(start, end)]
        pieces: list[tuple[int, int]] = []
        for low, high in _windows(text, start, end):
            _, offsets = semchunk.chunk(
                text[low:high],
                chunk_size=self._max_tokens,
                token_counter=count,
                memoize=False,  # its memo is a global that never shrinks; ours lives for one text
                offsets=True,
                overlap=self._overlap_tokens or None,
            )
            pieces.extend((low + left, low + right) for left, right in offsets)
        pieces = [_strip(text, *piece) for piece in pieces]
        return pieces if self._overlap_tokens else self._merge_small(text, pieces, count)

    def _merge_small(
        self, text: str, pieces: list[tuple[int, int]], count: Callable[[str], int]
    ) -> list[tuple[int, int]]:
        """Join pieces too small to mean anything alone with the piece before them."""
        small, tiny = self._max_tokens // 4, self._max_tokens // 16
        merged = pieces[:1]
        for index, piece in enumerate(pieces[1:], start=1):
            start, end = merged[-1][0], piece[1]
            last = index == len(pieces) - 1
            size = count(text[piece[0] : end])
            if last and size <= tiny:
                fits = True
            else:
                mergeable = size <= small or count(text[slice(*merged[-1])]) <= small
                fits = mergeable and count(text[start:end]) <= self._max_tokens
            if fits:
                merged[-1] = (start, end)
            else:
                merged.append(piece)
        return merged

    def _fit_path(self, path: tuple[str, ...], count: Callable[[str], int]) -> tuple[str, ...]:
        """Shorten a heading path to its limit: outer headings go first, then the last one's end."""
        while len(path) > 1 and self._over_path_limit(PATH_SEPARATOR.join(path), count):
            path = path[1:]
        if path and self._over_path_limit(path[0], count):
            heading = path[0][: self._path_tokens * CHARS_PER_TOKEN]
            while len(heading) > 1 and self._over_path_limit(heading, count):
                heading = heading[: len(heading) * 3 // 4].rstrip()
            path = (heading,)
        return path

    def _over_path_limit(self, text: str, count: Callable[[str], int]) -> bool:
        return len(text) > self._path_tokens * CHARS_PER_TOKEN or count(text) > self._path_tokens

    def _counter(self) -> Callable[[str], int]:
        """Return a memoised counter for one text that is cheap on what cannot fit anyway."""
        memo: dict[str, int] = {}
        limit = self._max_tokens
        max_chars = limit * CHARS_PER_TOKEN

        def count(text: str) -> int:
            if len(text) > max_chars:
                return limit + 1
            known = memo.get(text)
            if known is None:
                known = 0 if not text or text.isspace() else self._count_tokens(text)
                known = max(known, -(-len(text) // CHARS_PER_TOKEN))
                if len(text) == 1:
                    known = min(known, limit)  # one character cannot be cut further
                memo[text] = known
            return known

        return count


def _sections(text: str, headings: Sequence[Heading]) -> Iterator[_Section]:
    """Yield the stretches between headings, with the path of headings each stands under.

    A heading with nothing of its own before a deeper one opens the first subsection: alone it would
    be a chunk that answers nothing.
    """
    above: list[Heading] = []
    path: tuple[str, ...] = ()
    start = body = 0
    for heading in sorted(headings, key=lambda heading: heading.start):
        opens_deeper = bool(above) and heading.level > above[-1].level
        bare = not text[body : heading.start].strip()
        if heading.start > start and not (bare and opens_deeper):
            yield _Section(start, heading.start, path)
            start = heading.start
        while above and above[-1].level >= heading.level:
            above.pop()
        above.append(heading)
        path = tuple(entry.text for entry in above if entry.text)
        body = max(heading.end, start)
    yield _Section(start, len(text), path)


def _windows(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield bounded stretches of a section, ending at a paragraph, a line or a blank if any."""
    while end - start > WINDOW_CHARS:
        middle, limit = start + WINDOW_CHARS // 2, start + WINDOW_CHARS
        for separator in ("\n\n", "\n", " "):
            cut = text.rfind(separator, middle, limit)
            if cut != -1:
                break
        else:
            cut = limit
        yield start, cut
        start = cut
    yield start, end


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
    """Move both ends inwards past blanks; the offsets still say exactly what the text says."""
    piece = text[start:end]
    left = len(piece) - len(piece.lstrip())
    if left == len(piece):
        return end, end
    return start + left, start + len(piece.rstrip())
