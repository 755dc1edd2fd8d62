"""Code points that a reader cannot see: which are removed, which are kept where they belong.

Pure tables and edits over code points; nothing here knows markup. What is removed says so in a
finding, and where the removed characters spell something, the finding says what.
"""

import re
from collections.abc import Callable, Iterator

from verifier.edits import Edit
from verifier.findings import Finding, FindingKind, Severity, quoted
from verifier.survey import unusual

Change = tuple[Edit, Finding | None]

_STEGANOGRAPHIC_RUN = 8
_SPELLED_RUN = 4
_REPLACEMENT = "\ufffd"
_TAG_BASE = 0xE0000
_FLAGS = frozenset({"gbeng", "gbsct", "gbwls"})
_BLACK_FLAG = "\U0001f3f4"

# Terminal escapes: control sequences, operating system commands, character set choice.
_ESCAPE = (
    r"(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"
    r"|(?:\x1b\]|\x9d)[^\x07\x1b\x9c\n\r]*+(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[()][0-9A-Z]"
)
_ZERO_WIDTH = (
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0"
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0080-\U000e00ff"
    "\U000e01f0-\U000e0fff"
)
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000)
)
_PRIVATE = "\ue000-\uf8ff\U000f0000-\U000ffffd\U00100000-\U0010fffd"
_INVISIBLE = re.compile(
    rf"(?P<escape>{_ESCAPE})"
    r"|(?P<newline>\r\n?|[\x0b\x0c\x85\u2028\u2029])"
    r"|(?P<control>[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f-\x84\x86-\x9a\x9c\x9e\x9f]+|[\x1b\x9b\x9d])"
    r"|(?P<tag>[\U000e0000-\U000e007f]+)"
    rf"|(?P<zero_width>[{_ZERO_WIDTH}]+)"
    r"|(?P<bidi_override>[\u202a-\u202e\u2066-\u2069]+)"
    r"|(?P<bidi_mark>[\u061c\u200e\u200f]+)"
    rf"|(?P<private>[{_PRIVATE}]+)"
    r"|(?P<surrogate>[\ud800-\udfff]+)"
    rf"|(?P<noncharacter>[{_NONCHARACTERS}]+)"
)

# Scripts whose letters join: there ZWJ and ZWNJ change what is read.
_JOINING = (
    "\u0620-\u064a\u066e-\u06d3\u06fa-\u06ff\u0710-\u072f\u074d-\u074f\u0750-\u077f\u07ca-\u07ea"
    "\u0840-\u0858\u0860-\u086a\u08a0-\u08c9\u0900-\u0dff\u0e01-\u0e4e\u0e81-\u0edf\u0f40-\u0fbc"
    "\u1000-\u109f\u1780-\u17b3\u17b6-\u17d3\u1820-\u1878\u1b00-\u1b4c\ua840-\ua873\ua8e0-\ua8ff"
    "\uaa60-\uaa7f\uabc0-\uabed\ufb50-\ufdcf\ufe70-\ufefc\U00011000-\U000114ff"
)
_VIRAMA = "\u094d\u09cd\u0a4d\u0acd\u0b4d\u0bcd\u0c4d\u0ccd\u0d4d\u0dca"
_EMOJI = (
    "\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_KEYCAP = "#*0-9"
_IDEOGRAPH = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"
_STANDARDISED = f"{_IDEOGRAPH}\u2200-\u22ff\u3000-\u30ff\uff01-\uff0e\u1000-\u109f\ua840-\ua873"
_KEPT_JOINER = (
    rf"(?<=[{_JOINING}])[\u200c\u200d](?=[{_JOINING}])"
    rf"|(?<=[{_VIRAMA}])\u200d"
    rf"|(?:(?<=[{_EMOJI}])|(?<=[{_EMOJI}]\ufe0f))\u200d(?=[{_EMOJI}])"
)
_KEPT_SELECTOR = (
    rf"(?<=[{_EMOJI}{_KEYCAP}])[\ufe0e\ufe0f]"
    rf"|(?<=[{_STANDARDISED}])[\ufe00-\ufe02]"
    rf"|(?<=[{_IDEOGRAPH}])[\U000e0100-\U000e01ef]"
    r"|(?<=[\u1820-\u18aa])[\u180b-\u180d\u180f]"
)
_SELECTORS = "\ufe00-\ufe0f\u180b-\u180d\u180f\U000e0100-\U000e01ef"
_CONTEXTUAL = re.compile(
    rf"(?P<kept>{_KEPT_JOINER}|{_KEPT_SELECTOR})"
    rf"|(?P<selector>[{_SELECTORS}]+)"
    r"|(?P<joiner>[\u200c\u200d]+)"
)
_MAY_BE_CONTEXTUAL = re.compile(f"[{_SELECTORS}\u200c\u200d]")

_FORBIDDEN = (
    rf"\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\U000e0000-\U000e007f{_ZERO_WIDTH}"
    rf"\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069{_PRIVATE}\ud800-\udfff{_NONCHARACTERS}"
)
FORBIDDEN = re.compile(f"[{_FORBIDDEN}]")
"""What no sanitised text contains, wherever it stands."""

# The bullets that word processors write in the code points of their symbol fonts.
_SYMBOL_FONT_BULLETS = frozenset("\uf0a7\uf0a8\uf0b7\uf0d8\uf0fc")


def invisible(text: str) -> Iterator[Change]:
    """Yield the removal of every code point that is never text, and the folding of line ends."""
    # An alphabet is short: looking for what it holds is far faster than for all it might hold.
    forbidden = FORBIDDEN.findall(unusual(text))
    if not forbidden:
        return
    suspects = re.compile(f"[{re.escape(''.join(sorted(forbidden)))}]")
    position = 0
    while (candidate := suspects.search(text, position)) and (
        match := _INVISIBLE.match(text, candidate.start())
    ):
        yield _RULES[match.lastgroup or ""](match)
        position = match.end()


def contextual(text: str) -> Iterator[Change]:
    """Yield the removal of joiners and variation selectors where no script needs them.

    Run it on a text that `invisible` and canonical composition have been applied to, so that
    neighbours are the ones a reader sees.
    """
    if not _MAY_BE_CONTEXTUAL.search(unusual(text)):
        return
    for match in _CONTEXTUAL.finditer(text):
        if match.lastgroup == "selector":
            yield _selector(match)
        elif match.lastgroup == "joiner":
            yield _zero_width(match)


def _change(
    match: re.Match[str],
    replacement: str,
    rule: str,
    message: str,
    *,
    kind: FindingKind = FindingKind.CONTROL,
    severity: Severity = Severity.INFO,
) -> Change:
    start, end = match.span()
    finding = Finding.at(start, end, rule=rule, kind=kind, severity=severity, message=message)
    return Edit(start, end, replacement), finding


def _newline(match: re.Match[str]) -> Change:
    return _change(match, "\n", "text.line_end", "a line end was written as a line feed")


def _escape(match: re.Match[str]) -> Change:
    hides = "]" in match[0][:2] or match[0].startswith("\x9d")
    return _change(
        match,
        "",
        "control.terminal_escape",
        "a terminal escape sequence was removed",
        kind=FindingKind.HIDDEN if hides else FindingKind.CONTROL,
        severity=Severity.LOW,
    )


def _control(match: re.Match[str]) -> Change:
    return _change(match, "", "control.character", "control characters were removed")


def _tag(match: re.Match[str]) -> Change:
    spelled = "".join(
        chr(ord(c) - _TAG_BASE) for c in match[0] if " " <= chr(ord(c) - _TAG_BASE) <= "~"
    )
    if spelled in _FLAGS and match.string[match.start() - 1 : match.start()] == _BLACK_FLAG:
        return _change(match, "", "unicode.tag_flag", "the region of a flag emoji was removed")
    if not any(c.isalnum() for c in spelled):
        return _change(match, "", "unicode.tag", "Unicode tag characters were removed")
    return _change(
        match,
        "",
        "unicode.tag",
        f"invisible Unicode tag characters were removed; they spell: {quoted(spelled)}",
        kind=FindingKind.HIDDEN,
        severity=Severity.HIGH,
    )


def _zero_width(match: re.Match[str]) -> Change:
    run = match[0]
    if len(run) >= _STEGANOGRAPHIC_RUN and len(set(run)) > 1:
        return _change(
            match,
            "",
            "unicode.zero_width_code",
            f"{len(run)} alternating invisible characters were removed; they may carry a message",
            kind=FindingKind.HIDDEN,
            severity=Severity.HIGH,
        )
    return _change(match, "", "unicode.zero_width", "invisible characters were removed")


def _bidi_override(match: re.Match[str]) -> Change:
    return _change(
        match,
        "",
        "unicode.bidi_override",
        "controls that reorder the text on a screen were removed",
        severity=Severity.LOW,
    )


def _bidi_mark(match: re.Match[str]) -> Change:
    return _change(match, "", "unicode.bidi_mark", "directional marks were removed")


def _private(match: re.Match[str]) -> Change:
    bullet = match[0] in _SYMBOL_FONT_BULLETS
    return _change(
        match,
        "\N{BULLET}" if bullet else _REPLACEMENT,
        "unicode.symbol_font" if bullet else "unicode.private_use",
        "a bullet of a symbol font was written as a bullet"
        if bullet
        else "characters without a public meaning were replaced",
    )


def _surrogate(match: re.Match[str]) -> Change:
    return _change(match, _REPLACEMENT, "unicode.surrogate", "halves of characters were replaced")


def _noncharacter(match: re.Match[str]) -> Change:
    return _change(match, "", "unicode.noncharacter", "code points that are no text were removed")


def _selector(match: re.Match[str]) -> Change:
    spelled = bytes(_selector_byte(c) for c in match[0]).decode("utf-8", errors="replace")
    if len(match[0]) < _SPELLED_RUN:
        return _change(match, "", "unicode.variation_selector", "variation selectors were removed")
    readable = all(c.isprintable() or c.isspace() for c in spelled) and _REPLACEMENT not in spelled
    return _change(
        match,
        "",
        "unicode.variation_selector_code",
        f"{len(match[0])} variation selectors were removed; they "
        + (f"spell: {quoted(spelled)}" if readable else "may carry a message"),
        kind=FindingKind.HIDDEN,
        severity=Severity.HIGH,
    )


def _selector_byte(character: str) -> int:
    """Read a selector as the byte it can carry: VS1 to VS256 are 0 to 255."""
    point = ord(character)
    if point >= 0xE0100:  # noqa: PLR2004 - VS17, where the supplement begins
        return point - 0xE0100 + 16
    return point & 0xF


_RULES: dict[str, Callable[[re.Match[str]], Change]] = {
    "escape": _escape,
    "newline": _newline,
    "control": _control,
    "tag": _tag,
    "zero_width": _zero_width,
    "bidi_override": _bidi_override,
    "bidi_mark": _bidi_mark,
    "private": _private,
    "surrogate": _surrogate,
    "noncharacter": _noncharacter,
}
