"""The one road from extracted text to text an agent may be shown.

`SanitisedText` is proof: only `sanitise` makes it, and chunks are cut from it. The steps stand in
the order below because each relies on the ones before: markup is read only after invisible
characters are gone, so that none can split a tag or a marker, and markers are broken up last.

What must never live here: a rule. Rules stand in the module of their kind.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import InitVar, dataclass
from enum import StrEnum
from typing import Final, Self

from verifier.characters import contextual, invisible
from verifier.composition import capped, composed
from verifier.detections import detections
from verifier.edits import Edit, apply_edits
from verifier.errors import MintError, OffsetMapError
from verifier.findings import Finding
from verifier.inline_html import defused, hidden
from verifier.links import links
from verifier.markers import markers
from verifier.offsets import OffsetMap
from verifier.tally import tallied

SANITISER_VERSION: Final = "1"
"""Part of every generation: raise it whenever the output for any text changes."""

_MINT: Final = object()

Step = Callable[[str], Iterator[tuple[Edit | None, Finding | None]]]

_ROUNDS: Final = 8
"""How often hidden markup is looked for in what removing hidden markup has uncovered."""


class Markup(StrEnum):
    """What the text was extracted from, and so what hides in it."""

    PLAIN = "plain"
    MARKDOWN = "markdown"
    HTML_TEXT = "html_text"


@dataclass(frozen=True, slots=True)
class SanitisedText:
    """Text that has been through `sanitise`, or a cut of such text.

    Attributes:
        text: What may be shown, screened and embedded.
        findings: What was seen and changed; spans in `text`, originals in the extracted text.
        offsets: From `text` to the extracted text.
    """

    text: str
    findings: tuple[Finding, ...]
    offsets: OffsetMap
    mint: InitVar[object]

    def __post_init__(self, mint: object) -> None:
        if mint is not _MINT:
            raise MintError("SanitisedText is made by sanitise() alone; pass it the text")

    def __repr__(self) -> str:
        """Say how much there is, never what: logs are not cleared to see it."""
        return f"SanitisedText({len(self.text)} characters, {len(self.findings)} findings)"

    def slice(self, start: int, end: int) -> Self:
        """Cut `[start, end)` with the findings that touch it.

        Findings about removed content stay with the character they stood before.
        """
        if not 0 <= start <= end <= len(self.text):
            raise OffsetMapError(f"slice: [{start}, {end}) is not inside [0, {len(self.text)})")
        findings = tuple(
            finding.moved(max(finding.start, start) - start, min(finding.end, end) - start)
            for finding in self.findings
            if _touches(finding, start, end, len(self.text))
        )
        return type(self)(self.text[start:end], findings, self.offsets.slice(start, end), _MINT)


def sanitise(
    text: str, *, markup: Markup = Markup.PLAIN, prior: Sequence[Finding] = ()
) -> SanitisedText:
    """Make a text safe to show, and say what was done.

    Doing it again changes nothing. Time is linear in the length of the text.

    Args:
        text: The extracted text, any code points.
        markup: What it was extracted from.
        prior: Findings of the parser that extracted it; spans in `text`.
    """
    findings = [
        finding.shifted(0, original=finding.start - finding.original_start) for finding in prior
    ]
    offsets = OffsetMap.identity(len(text))
    for step in _steps(markup):
        text, offsets, found, changed = _take(step, text, offsets)
        findings += found
        if step is hidden and changed:
            text, offsets, found = _uncovered(text, offsets)
            findings += found
    found = [_rooted(finding, offsets) for finding in detections(text)]
    placed = [
        finding.moved(*offsets.to_sanitised(finding.original_start, finding.original_end))
        for finding in tallied([*findings, *found])
    ]
    placed.sort(key=lambda finding: (finding.start, finding.end, finding.rule))
    return SanitisedText(text, tuple(placed), offsets, _MINT)


def _steps(markup: Markup) -> Iterator[Step]:
    yield invisible
    yield composed
    yield contextual
    yield composed  # what a removed joiner held apart may compose
    yield capped
    if markup is Markup.MARKDOWN:
        yield hidden
    yield links
    yield markers


def _uncovered(text: str, offsets: OffsetMap) -> tuple[str, OffsetMap, list[Finding]]:
    """Remove what removing hidden markup has uncovered; break up what hides deeper than is honest.

    Markup is found again in what is left only where somebody wrote it to be.
    """
    findings: list[Finding] = []
    for _ in range(_ROUNDS):
        text, offsets, found, changed = _take(hidden, text, offsets)
        findings += found
        if not changed:
            return text, offsets, findings
    text, offsets, found, _ = _take(defused, text, offsets)
    return text, offsets, [*findings, *found]


def _take(step: Step, text: str, offsets: OffsetMap) -> tuple[str, OffsetMap, list[Finding], bool]:
    """Apply one step; its findings come back rooted in the extracted text."""
    changes = list(step(text))
    if not changes:
        return text, offsets, [], False
    found = [_rooted(finding, offsets) for _, finding in changes if finding is not None]
    edits = [edit for edit, _ in changes if edit is not None]
    if not edits:
        return text, offsets, found, False
    text, change = apply_edits(text, edits)
    return text, change.compose(offsets), found, True


def _rooted(finding: Finding, offsets: OffsetMap) -> Finding:
    start, end = offsets.to_original(finding.start, finding.end)
    return Finding.at(
        start,
        end,
        rule=finding.rule,
        kind=finding.kind,
        severity=finding.severity,
        message=finding.message,
    )


def _touches(finding: Finding, start: int, end: int, length: int) -> bool:
    if finding.start == finding.end:
        return start <= finding.start < end or finding.start == end == length
    return finding.start < end and finding.end > start
