"""A gate's differences as a picture, where the extra ``notebooks`` is there to draw it.

What never lives here: what the picture says in words; the page says all of it without a picture
(:mod:`retrieval.evaluation.gate_page`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.evaluation.thresholds import Limit
from retrieval.quality.errors import MissingExtraError
from retrieval.quality.extra import altair, pandas, renderer
from retrieval.quality.style import BAD, GOOD, INK, MUTED, NONE, ROW, card

if TYPE_CHECKING:
    from retrieval.evaluation.gate import GateResult, Judgement


def picture(result: GateResult) -> str | None:
    """The differences as SVG; None without the libraries, or without a figure to compare."""
    try:
        drawn = chart(result)
        return None if drawn is None else str(renderer().vegalite_to_svg(drawn.to_dict()))
    except MissingExtraError:
        return None


def chart(result: GateResult) -> Any:
    """Of each figure: the difference from the baseline, its interval, and what is tolerated.

    None where no figure has questions that could be compared one by one.

    Raises:
        MissingExtraError: altair or pandas is not installed.
    """
    shown = [one for one in result.judgements if one.low is not None and one.high is not None]
    if not shown:
        return None
    alt = altair()
    table = pandas().DataFrame([_row(one) for one in shown])
    y = alt.Y(
        "figure:N",
        sort=list(table["figure"]),
        title=None,
        axis=alt.Axis(labelColor=INK, labelLimit=220),
    )
    words = {"holds": GOOD, "refused": BAD}
    present = [word for word in words if (table["verdict"] == word).any()]
    colour = alt.Color(
        "verdict:N", scale=alt.Scale(domain=present, range=[words[word] for word in present])
    )
    ends = [*table["low"], *table["from"], *table["end"]]
    width = (max(ends) - min(ends)) or 0.02  # where nothing differs and nothing is tolerated
    # Room on the right for what was found, which is written there.
    span = alt.Scale(domain=[min(ends) - 0.05 * width, max(ends) + 0.6 * width], nice=False)
    base = alt.Chart(table).encode(y=y)
    tolerated = base.mark_bar(height=ROW - 12, color=NONE, opacity=0.22).encode(
        x=alt.X("from:Q"), x2="to:Q"
    )
    spans = base.mark_rule(strokeWidth=4, opacity=0.45).encode(
        x=alt.X("low:Q"), x2="high:Q", color=colour
    )
    dots = base.mark_point(filled=True, size=120, opacity=1).encode(
        x=alt.X(
            "difference:Q",
            title="candidate less baseline",
            scale=span,
            axis=alt.Axis(format="+.3~f", tickCount=7),
        ),
        color=colour,
    )
    said = base.mark_text(align="left", dx=10, color=MUTED, fontSize=12).encode(
        x="end:Q", text="detail:N"
    )
    zero = alt.Chart(pandas().DataFrame({"at": [0.0]})).mark_rule(color=INK).encode(x="at:Q")
    layers = (tolerated + zero + spans + dots + said).properties(height=ROW * len(table))
    refused = int((table["verdict"] == "refused").sum())
    title = (
        f"{refused} of {len(table)} figures compared question by question fell too far"
        if refused
        else f"None of {len(table)} figures compared question by question fell too far"
    )
    return card(layers, title, "Dot: difference · line: 95% interval · shaded: what is tolerated")


def _row(one: Judgement) -> dict[str, Any]:
    difference = (one.candidate or 0.0) - (one.baseline or 0.0)
    low, high = (0.0 if end is None else end for end in (one.low, one.high))
    falling = one.rule.limit is Limit.FALLS_BY
    return {
        "figure": one.rule.figure,
        "difference": difference,
        "low": low,
        "high": high,
        "from": -one.rule.by if falling else 0.0,
        "to": 0.0 if falling else one.rule.by,
        "end": max(high, difference, 0.0, 0.0 if falling else one.rule.by),
        "verdict": "holds" if one.passed else "refused",
        "detail": one.detail,
    }
