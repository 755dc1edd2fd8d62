"""What the verifier saw in a text, where, and how serious it is.

A finding is a statement about a span. It never quotes more than 80 characters of what it found,
because findings travel to readers that the text itself may be kept from.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Self

from verifier.errors import FindingError

QUOTED_LENGTH = 80
_TAIL = ", and more"


class FindingKind(StrEnum):
    """What a finding is about."""

    HIDDEN = "hidden"
    CONTROL = "control"
    EXFILTRATION = "exfiltration"
    MARKERS = "markers"
    ENCODED = "encoded"
    CONFUSABLE = "confusable"
    INJECTION = "injection"
    SECRET = "secret"  # noqa: S105 - the name of a kind, not a credential


class Severity(StrEnum):
    """How much a finding matters: only `high` changes what a policy does."""

    INFO = "info"
    LOW = "low"
    HIGH = "high"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One observation about one span.

    Attributes:
        rule: The stable id of the rule, such as `unicode.tag`.
        kind: What it is about.
        severity: How much it matters.
        message: One line for a person, naming what was seen and what was done.
        start: First code point of the span in the text the finding is attached to.
        end: One past the last; equal to `start` where the content was removed.
        original_start: The same span in the extracted text.
        original_end: One past its last code point there.
    """

    rule: str
    kind: FindingKind
    severity: Severity
    message: str
    start: int
    end: int
    original_start: int
    original_end: int

    @classmethod
    def at(
        cls,
        start: int,
        end: int,
        *,
        rule: str,
        kind: FindingKind,
        severity: Severity,
        message: str,
    ) -> Self:
        """Report a span of a text that is its own original."""
        return cls(
            rule=rule,
            kind=kind,
            severity=severity,
            message=message,
            start=start,
            end=end,
            original_start=start,
            original_end=end,
        )

    def shifted(self, by: int, *, original: int = 0) -> Self:
        """Move the span by `by` code points, and its original by `original`."""
        return replace(
            self,
            start=self.start + by,
            end=self.end + by,
            original_start=self.original_start + original,
            original_end=self.original_end + original,
        )

    def moved(self, start: int, end: int) -> Self:
        """Attach the finding to another span, keeping its original."""
        return replace(self, start=start, end=end)

    def to_dict(self) -> dict[str, str | int]:
        """Return the finding as plain JSON values."""
        return {
            name: str(value) if isinstance(value, StrEnum) else value
            for name, value in asdict(self).items()
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, object]) -> Self:
        """Read what `to_dict` wrote.

        Raises:
            FindingError: A field is missing, unknown or of the wrong type.
        """
        texts = {name: stored.get(name) for name in ("rule", "message", "kind", "severity")}
        numbers = {
            name: stored.get(name) for name in ("start", "end", "original_start", "original_end")
        }
        unknown = set(stored) - set(texts) - set(numbers)
        if unknown:
            raise FindingError(f"finding: unknown field {min(unknown)!r}; store it by to_dict()")
        try:
            return cls(
                rule=_text(texts, "rule"),
                message=_text(texts, "message"),
                kind=FindingKind(_text(texts, "kind")),
                severity=Severity(_text(texts, "severity")),
                start=_number(numbers, "start"),
                end=_number(numbers, "end"),
                original_start=_number(numbers, "original_start"),
                original_end=_number(numbers, "original_end"),
            )
        except (ValueError, TypeError) as error:
            raise FindingError(f"finding: {error}; store it by to_dict()") from error


def quoted(text: str) -> str:
    """Quote found content for a message: at most 80 characters, nothing but words.

    Anything but letters, digits, spaces and commas becomes a middle dot, so that a marker or a
    link found in hidden text does not come back to life inside the message about it.
    """
    words = " ".join(text.split())
    if len(words) > QUOTED_LENGTH:
        words = words[: QUOTED_LENGTH - len(_TAIL)] + _TAIL
    return "".join(c if c.isalnum() or c in " ," else "·" for c in words)


def _text(fields: Mapping[str, object], name: str) -> str:
    value = fields[name]
    if not isinstance(value, str):
        raise TypeError(f"field {name!r} must be text")
    return value


def _number(fields: Mapping[str, object], name: str) -> int:
    value = fields[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"field {name!r} must be an integer")
    return value
