"""Building extracted text from pieces: blanks folded, breaks never doubled, offsets always known.

HTML and DOCX parsers write into a ``Flow`` and ask it where they are. What never lives here:
knowledge of either format.
"""

import re

from ingestion.documents import Heading
from ingestion.errors import ParseError, ParseErrorCode

# The blanks HTML folds. A no-break space is no such blank: it stays.
_BLANKS = re.compile(r"[ \t\n\r\f]+")


class Flow:
    """Text under construction. Breaks are written only once something follows them."""

    def __init__(self, *, max_chars: int) -> None:
        """Start empty; writing more than ``max_chars`` code points is refused."""
        self._parts: list[str] = []
        self._max_chars = max_chars
        self._newlines = 0
        self._blank = False
        self._prefix = ""
        self.place = 0
        self.headings: list[Heading] = []

    def write(self, text: str) -> None:
        """Append running text: runs of blanks fold into one, and none begins a line."""
        folded = _BLANKS.sub(" ", text)
        if folded.startswith(" "):
            self._blank = True
            folded = folded[1:]
        if not folded:
            return
        trailing = folded.endswith(" ")
        self.write_raw(folded[:-1] if trailing else folded)
        self._blank = trailing

    def write_raw(self, text: str) -> None:
        """Append text whose own blanks matter.

        Raises:
            ParseError: ``too_large``.
        """
        if not text:
            return
        if self.place:
            self._append("\n" * self._newlines or " " * self._blank)
        self._append(self._prefix + text)
        self._newlines, self._blank, self._prefix = 0, False, ""
        if self.place > self._max_chars:
            raise ParseError(
                f"text: more than {self._max_chars} characters; split the file",
                code=ParseErrorCode.TOO_LARGE,
            )

    def break_line(self, newlines: int = 1) -> None:
        """Ask for at least this many newlines before whatever is written next."""
        self._newlines = max(self._newlines, newlines)
        self._blank = False

    def prefix(self, mark: str) -> None:
        """Put ``mark`` before whatever is written next, after the breaks asked for until then."""
        self._prefix = mark

    def mark(self) -> tuple[int, int]:
        """Return a bookmark for ``add_heading``."""
        breaks = (self._newlines or int(self._blank)) if self.place else 0
        return len(self._parts), self.place + breaks + len(self._prefix)

    def add_heading(self, level: int, mark: tuple[int, int]) -> None:
        """Record what was written since ``mark`` as a heading, if anything was."""
        parts, earliest = mark
        written = "".join(self._parts[parts:])
        base = self.place - len(written)
        start = max(earliest, base + len(written) - len(written.lstrip()))
        end = base + len(written.rstrip())
        if start < end:
            words = " ".join(written[start - base : end - base].split())
            self.headings.append(Heading(level, words, start, end))

    def text(self) -> str:
        """Return everything written so far."""
        return "".join(self._parts)

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self.place += len(text)
