"""What is reported and left as it is: encoded blobs, look-alike words, spreadsheet formulas."""

import base64
import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from verifier.findings import Finding, FindingKind, Severity, quoted
from verifier.injection import screen
from verifier.skeleton import skeleton
from verifier.survey import may_have_long_token, unusual

_LONG_TOKEN_LENGTH = 40
_LONG_TOKEN = re.compile(rf"\s(\S{{{_LONG_TOKEN_LENGTH},}})")
_BLOBS = {
    "encoded.hex": re.compile(r"(?:0x)?(?:[0-9a-fA-F]{2}){20,}"),
    "encoded.percent": re.compile(r"(?:%[0-9a-fA-F]{2}){20,}"),
    "encoded.escapes": re.compile(r"(?:\\x[0-9a-fA-F]{2}|\\u[0-9a-fA-F]{4}){10,}"),
    "encoded.base64": re.compile(r"[A-Za-z0-9+/_-]{38,}={0,2}"),
}
_LONG = 160
_DECODED_LIMIT = 3000

_LATIN = r"A-Za-z\xc0-\u024f"
_ALIKE = re.compile("[\u0370-\u052f]+")  # Greek and Cyrillic
_WORD = re.compile(rf"[{_LATIN}\u0370-\u052f]+")
_LATIN_TAIL = re.compile(rf"[{_LATIN}]{{0,40}}\Z")
_SHORT_WORD = 4
_STYLED_LETTER = re.compile("[\U0001d400-\U0001d7ff\uff21-\uff3a\uff41-\uff5a\u24b6-\u24e9]")
_STYLED = re.compile(f"{_STYLED_LETTER.pattern}{{4,}}")

_CALLS = re.compile(r"\((?<=[A-Za-z.]\()|\|(?<=[Cc][Mm][Dd]\|)")
_FORMULA = re.compile(r"[=+@-]{1,2}\s?(?P<call>[A-Za-z][A-Za-z.]{1,24}\(|[Cc][Mm][Dd]\|)\Z")
_LONGEST_FORMULA = 29
_CELL_LEAD = 4
_CELL_STARTS = re.compile(r"(?:^|[\n\t,;|])[ \"']{0,3}\Z")
_REACHING_OUT = re.compile(
    r"(?i)(?:hyperlink|webservice|import(?:xml|data|feed|html|range)|image|filterxml|call|exec"
    r"|register|rtd|dde)\(|cmd\|"
)


def detections(text: str) -> Iterator[Finding]:
    """Yield what is remarkable about a text that every other step has been applied to."""
    if may_have_long_token(text, _LONG_TOKEN_LENGTH):
        yield from _encoded(text)
    letters = unusual(text)
    if _ALIKE.search(letters) or _STYLED_LETTER.search(letters):
        yield from _confusable(text)
    if "(" in text or "|" in text:
        yield from _formulas(text)


def _encoded(text: str) -> Iterator[Finding]:
    # The space in front lets a token at the very start be found like any other.
    for token in _LONG_TOKEN.finditer(f" {text}"):
        for rule, pattern in _BLOBS.items():
            match = pattern.search(text, token.start(1) - 1, token.end(1) - 1)
            if match is None:
                continue
            plain = _decoded(rule, match[0])
            instructs = plain and any(f.severity is Severity.HIGH for f in screen(plain))
            if instructs or match.end() - match.start() >= _LONG:
                said = f"; it says: {quoted(plain)}" if instructs else ""
                yield Finding.at(
                    match.start(),
                    match.end(),
                    rule=rule,
                    kind=FindingKind.ENCODED,
                    severity=Severity.HIGH if instructs else Severity.LOW,
                    message=f"{match.end() - match.start()} characters of encoded data{said}",
                )
                break


def _decoded(rule: str, blob: str) -> str:
    """Return what a blob says, or nothing where it does not say anything."""
    blob = blob[:_DECODED_LIMIT]
    try:
        if rule == "encoded.hex":
            raw = bytes.fromhex(blob.removeprefix("0x")[: len(blob) // 2 * 2])
        elif rule == "encoded.percent":
            raw = unquote_to_bytes(blob)
        elif rule == "encoded.escapes":
            raw = re.sub(r"\\[xu]([0-9a-fA-F]+)", lambda m: chr(int(m[1], 16)), blob).encode(
                errors="replace"
            )
        else:
            whole = blob.rstrip("=").replace("-", "+").replace("_", "/")
            raw = base64.b64decode(whole[: len(whole) // 4 * 4])
        plain = raw.decode()
    except (ValueError, binascii.Error):
        return ""
    return plain if all(c.isprintable() or c.isspace() for c in plain) else ""


def _confusable(text: str) -> Iterator[Finding]:
    position = 0
    for alike in _ALIKE.finditer(text):
        if alike.start() < position:
            continue
        before = _LATIN_TAIL.search(text[max(position, alike.start() - 40) : alike.start()])
        word = _WORD.match(text, alike.start() - (len(before[0]) if before else 0))
        if word is None:
            continue
        position = word.end()
        if len(word[0]) < _SHORT_WORD or word.span() == alike.span():
            continue
        if skeleton(word[0]).isascii():
            yield Finding.at(
                *word.span(),
                rule="confusable.mixed_script",
                kind=FindingKind.CONFUSABLE,
                severity=Severity.LOW,
                message=f"a word of mixed alphabets that reads as: {quoted(skeleton(word[0]))}",
            )
    for styled in _STYLED.finditer(text):
        yield Finding.at(
            *styled.span(),
            rule="confusable.styled",
            kind=FindingKind.CONFUSABLE,
            severity=Severity.INFO,
            message=f"styled letters that read as: {quoted(skeleton(styled[0]))}",
        )


def _formulas(text: str) -> Iterator[Finding]:
    # From its last character backwards: few texts have it, and most have many of its first.
    for call in _CALLS.finditer(text):
        at, end = max(0, call.end() - _LONGEST_FORMULA), call.end()
        match = _FORMULA.search(text, at, end)
        if match is None:
            continue
        before = (
            text[: match.start()]
            if match.start() < _CELL_LEAD
            else text[match.start() - _CELL_LEAD : match.start()].rjust(_CELL_LEAD + 1, "x")
        )
        if not _CELL_STARTS.search(before):
            continue
        reaching = bool(_REACHING_OUT.match(match["call"]))
        yield Finding.at(
            *match.span(),
            rule="formula.reaching_out" if reaching else "formula.call",
            kind=FindingKind.EXFILTRATION,
            severity=Severity.LOW if reaching else Severity.INFO,
            message="a spreadsheet would run this cell as a formula",
        )
