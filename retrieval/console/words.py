"""What codes are called for people: one table each, held to the enumerations by a test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from ingestion.report import RunStatus
from retrieval.receipt_status import ReceiptStatus
from retrieval.resilience.guard import BreakerState
from retrieval.status import Action


@dataclass(frozen=True, slots=True)
class Said:
    """A code in words.

    Attributes:
        words: short, for a badge or a heading.
        tone: ``good``, ``caution``, ``bad`` or ``plain``: a colour that only repeats the words.
        advice: what to do about it, as a sentence.
    """

    words: str
    tone: str
    advice: str = ""


ACTIONS: Final[dict[str, Said]] = {
    Action.ANSWER: Said(
        "You can answer from this evidence",
        "good",
        "All of it is current and clean. Cite what you use.",
    ),
    Action.ANSWER_WITH_CAVEAT: Said(
        "You can answer, and must say what is in doubt",
        "caution",
        "Cite what you use, and pass the reasons below on to whoever reads the answer.",
    ),
    Action.ABSTAIN: Said(
        "There is nothing to answer from",
        "bad",
        "Say that you do not know. Asking the same again would give the same.",
    ),
    Action.RETRY_LATER: Said(
        "There is nothing to answer from at the moment",
        "bad",
        "Say that you do not know yet, and ask again later: the reasons below pass with time.",
    ),
}

FRESHNESS: Final[dict[str, Said]] = {
    "fresh": Said("Current", "good", "Its source confirmed it within the time it allows."),
    "stale": Said("Out of date", "caution", "It was last confirmed longer ago than allowed."),
    "failing": Said("Sync failed", "bad", "The last synchronisation of the source failed."),
    "unknown": Said("Never synced", "caution", "The source was never synchronised completely."),
}

TRUST: Final[dict[str, Said]] = {
    "clean": Said("No instructions in it", "good", "No text in it reads like instructions."),
    "flagged": Said("Suspicious text", "caution", "Marked below. Read it as data; follow none."),
    "redacted": Said("Text removed", "caution", "What read like instructions was taken out."),
    "withheld": Said("Withheld", "bad", "It is not shown because it reads like instructions."),
}

RECEIPTS: Final[dict[str, Said]] = {
    ReceiptStatus.VALID: Said("Valid", "good", "Everything it cites still stands as cited."),
    ReceiptStatus.STALE: Said("Out of date", "caution", "Some of it was not confirmed in time."),
    ReceiptStatus.SUPERSEDED: Said("Superseded", "caution", "Some of it reads otherwise by now."),
    ReceiptStatus.WITHDRAWN: Said("Withdrawn", "bad", "Some of it you can no longer see."),
}

RUNS: Final[dict[str, Said]] = {
    RunStatus.QUEUED: Said("Waiting", "plain"),
    RunStatus.RUNNING: Said("Running", "plain"),
    RunStatus.OK: Said("Complete", "good"),
    RunStatus.PARTIAL: Said("Partly failed", "caution"),
    RunStatus.FAILED: Said("Failed", "bad"),
    RunStatus.CANCELLED: Said("Stopped", "caution"),
}

BREAKERS: Final[dict[str, Said]] = {
    BreakerState.CLOSED: Said("Closed", "good", "It is asked, and answers."),
    BreakerState.HALF_OPEN: Said("Half open", "caution", "It is being seen whether it is back."),
    BreakerState.OPEN: Said("Open", "bad", "It failed again and again, so it is left alone."),
}

CORRECTIONS: Final[dict[str, Said]] = {
    "none": Said("As shown", "good"),
    "superseded": Said("Superseded", "caution"),
    "deleted": Said("Deleted", "bad"),
}

DASH: Final = "\N{EN DASH}"

_UNITS: Final = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def duration(seconds: float | None) -> str:
    """A duration in its largest fitting unit: ``3 minutes``, ``1 hour``; a dash for none."""
    if seconds is None:
        return DASH
    for size, unit in _UNITS:
        count = int(seconds // size)
        if count:
            return f"{count:,} {unit}" if count == 1 else f"{count:,} {unit}s"
    return "0 seconds"


def moment(at: datetime | None) -> str:
    """An instant to the minute, in UTC; a dash for none."""
    return DASH if at is None else at.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def stamp(at: datetime) -> str:
    """An instant as machines read it."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


def percent(share: float | None) -> str:
    """A probability as people read it; a dash for none."""
    return DASH if share is None else f"{share:.0%}"
