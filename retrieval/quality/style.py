"""How the charts look: one palette, one card, words for durations.

A chart stands on a light card of its own, so that its picture reads alike in light and dark
notebooks. The colours of the statuses keep apart under the common colour blindnesses.
"""

from __future__ import annotations

from typing import Any, Final

from retrieval.quality.extra import altair
from retrieval.status import Status

INK: Final = "#1f2933"
MUTED: Final = "#5f6c7b"
FAINT: Final = "#dfe4ea"
CARD: Final = "#fbfbfa"
GOOD: Final = "#1b8a7a"
DOUBT: Final = "#e0912f"
NONE: Final = "#7d8da1"
BAD: Final = "#b8403a"
STATUS_COLOURS: Final = {
    Status.OK.value: GOOD,
    Status.DEGRADED.value: DOUBT,
    Status.NO_EVIDENCE.value: NONE,
}
STATUS_WORDS: Final = {
    Status.OK.value: "full evidence",
    Status.DEGRADED.value: "with a caveat",
    Status.NO_EVIDENCE.value: "no evidence",
}
WIDTH: Final = 760  # of a whole card, pixels
ROW: Final = 34  # height of a bar with its gap, pixels
# The renderer brings the first of them, so that pictures are the same on every machine.
_FONT: Final = "Liberation Sans, Arial, sans-serif"
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def card(chart: Any, title: str, *subtitle: str) -> Any:
    """The chart on its card: the title says the finding, the subtitle lines what is shown."""
    return (
        chart.properties(
            title=altair().TitleParams(
                title, subtitle=[line for line in subtitle if line], anchor="start", offset=16
            ),
            width=WIDTH,
            autosize={"type": "fit-x", "contains": "padding"},
        )
        .configure(
            background=CARD,
            font=_FONT,
            padding={"left": 20, "right": 28, "top": 18, "bottom": 18},
        )
        .configure_view(stroke=None)
        .configure_title(
            color=INK,
            fontSize=17,
            fontWeight=600,
            subtitleColor=MUTED,
            subtitleFontSize=12.5,
            subtitlePadding=6,
            frame="bounds",
        )
        .configure_axis(
            labelColor=MUTED,
            labelFontSize=12,
            titleColor=MUTED,
            titleFontSize=12,
            titleFontWeight="normal",
            titlePadding=10,
            gridColor=FAINT,
            domain=False,
            ticks=False,
            labelPadding=8,
        )
        .configure_legend(
            orient="top",
            title=None,
            labelColor=INK,
            labelFontSize=12,
            symbolType="square",
            symbolSize=120,
            labelLimit=0,
            titleLimit=0,
            offset=8,
        )
    )


def note(words: str) -> Any:
    """An empty card that says why there is nothing to draw."""
    alt = altair()
    blank = alt.Chart(alt.Data(values=[{}])).mark_text(text="", size=1)
    return card(blank.properties(height=20), words, "Nothing to draw.")


def duration(seconds: float) -> str:
    """Seconds in the largest unit that gives at least one: ``42 s``, ``1.5 h``."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f}".removesuffix(".0") + f" {unit}"
    return "0 s"


def percent(share: float) -> str:
    """A share in words: ``0%``, ``0.3%``, ``42%``."""
    places = 1 if 0 < share < 0.0995 else 0  # noqa: PLR2004 - one digit below 10%
    return f"{share * 100:.{places}f}%"


def hidden_words(hidden: int, unit: str) -> str:
    """What to add to a subtitle where small cells are left out."""
    if not hidden:
        return ""
    return f"{hidden} {unit}{'' if hidden == 1 else 's'} with fewer than 5 answers not shown."
