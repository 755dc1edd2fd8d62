"""Plain text and everything read as plain text: logs, tables as CSV, source code, markup we keep.

What never lives here: interpretation. The text is the file, decoded. reStructuredText headings are
found by their underlines, because manuals are written in it and a chunk without its heading path
is hard to find.
"""

import re

from ingestion.documents import Heading, ParsedDocument
from ingestion.parsing.decoding import decode
from ingestion.parsing.limits import ParseLimits
from verifier.sanitise import Markup

PARSER_VERSION = "text/1"
RST_MEDIA_TYPE = "text/x-rst"
_MAX_LEVEL = 9
# A line of text and, under it, one punctuation character repeated to the end of the line.
_UNDERLINED = re.compile(
    r"^(?P<title>\S[^\n]*)\n(?P<line>(?P<mark>[=\-`:.'\"~^_*+#])(?P=mark){2,})[ \t]*$", re.MULTILINE
)


def parse_text(content: bytes, media_type: str, limits: ParseLimits) -> ParsedDocument:
    """Decode ``content`` as it is.

    Raises:
        ParseError: It is not text, or text in no one encoding.
    """
    del limits  # the registry has checked size; there is nothing to unpack or nest here
    text = decode(content)
    headings = _rst_headings(text) if media_type == RST_MEDIA_TYPE else ()
    return ParsedDocument(
        text=text,
        title=headings[0].text if headings else None,
        media_type=media_type,
        pages=(),
        headings=headings,
        findings=(),
        markup=Markup.PLAIN,
        parser=PARSER_VERSION,
    )


def _rst_headings(text: str) -> tuple[Heading, ...]:
    """Return underlined titles; each new underline character is one level deeper."""
    levels: dict[str, int] = {}
    headings = []
    for match in _UNDERLINED.finditer(text):
        title = match["title"].rstrip()
        if len(match["line"]) < len(title) or title[0] == title[-1] == match["mark"]:
            continue  # a rule, a table border or an overline, not an underline
        level = min(levels.setdefault(match["mark"], len(levels) + 1), _MAX_LEVEL)
        headings.append(Heading(level, title, match.start("title"), match.end("line")))
    return tuple(headings)
