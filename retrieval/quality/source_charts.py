"""Charts by source: how old evidence was against the SLA, and how far each source is drawn on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.quality.extra import altair, pandas
from retrieval.quality.rates import staleness_exposure
from retrieval.quality.spread import coverage_by_source, evidence_freshness
from retrieval.quality.style import (
    BAD,
    CARD,
    DOUBT,
    GOOD,
    INK,
    MUTED,
    ROW,
    card,
    duration,
    hidden_words,
    note,
    percent,
)

if TYPE_CHECKING:
    import pandas as pd

_NO_EVIDENCE = "No evidence was served in this period"
_NEAR = 0.15  # from here on, words beside a dot would stand on the line of the SLA
_LEAST = 1e-5  # the axis is logarithmic: evidence confirmed this very second stands at its end


def freshness(evidence: pd.DataFrame) -> Any:
    """Age of evidence when it was served, as a share of what its source allows."""
    table = evidence_freshness(evidence)
    hidden = int(table["hidden"].sum())
    table = table.dropna(subset=["median_of_sla"])
    if table.empty:
        return note(_NO_EVIDENCE)
    alt = altair()
    table = table.assign(
        row=table["tenant"] + " / " + table["source"],
        median=table["median_of_sla"].clip(lower=_LEAST),
        p95=table["p95_of_sla"].clip(lower=_LEAST),
        beside=[1.0 if _NEAR < over <= 1 else max(over, _LEAST) for over in table["p95_of_sla"]],
        within=[("past its SLA" if over > 1 else "within") for over in table["p95_of_sla"]],
        words=[
            f"{duration(age)} of {duration(limit)}"
            for age, limit in zip(table["median_age"], table["max_age"], strict=True)
        ],
    )
    order = list(table.sort_values("p95", ascending=False)["row"])
    top = max(10.0, float(table["p95"].max()) * 30)
    bottom = max(_LEAST, float(table["median"].min()) / 3)
    scale = alt.Scale(type="log", domain=[bottom, top], clamp=True)
    ticks = [tick for tick in (1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000) if bottom <= tick <= top]
    axis = alt.Axis(
        values=ticks,
        labelExpr="format(datum.value, datum.value < 0.01 ? '.2~%' : '.0%')",
    )
    base = alt.Chart(table).encode(
        y=alt.Y("row:N", sort=order, title=None, axis=alt.Axis(labelColor=INK, labelLimit=260))
    )
    colour = alt.Color(
        "within:N",
        scale=alt.Scale(domain=["within", "past its SLA"], range=[GOOD, BAD]),
        legend=None,
    )
    dots = base.mark_point(filled=True, size=150, opacity=1).encode(
        x=alt.X(
            "median:Q", scale=scale, axis=axis, title="age of evidence, share of its SLA (log)"
        ),
        color=colour,
    )
    spread = base.mark_rule(strokeWidth=4, opacity=0.45).encode(
        x="median:Q", x2="p95:Q", color=colour
    )
    words = base.mark_text(align="left", dx=13, color=MUTED, fontSize=12).encode(
        x="beside:Q", text="words:N"
    )
    limit = pandas().DataFrame({"at": [1.0], "words": ["SLA"]})
    rule = alt.Chart(limit).mark_rule(color=INK, strokeDash=[4, 4]).encode(x=alt.X("at:Q"))
    name = (
        alt.Chart(limit)
        .mark_text(color=INK, fontSize=12.5, dy=-8)
        .encode(x="at:Q", y=alt.value(0), text="words:N")
    )
    chart = (rule + name + spread + dots + words).properties(height=ROW * len(table))
    subtitle = "Median age when served, with a line to p95 · beside it: median of what is allowed"
    return card(chart, _freshness_title(table), subtitle, hidden_words(hidden, "source"))


def _freshness_title(table: pd.DataFrame) -> str:
    late = table[table["p95_of_sla"] > 1].sort_values("p95_of_sla", ascending=False)
    if late.empty:
        return f"Evidence of all {len(table)} sources shown is within its SLA"
    worst = late.iloc[0]
    more = late["source"].nunique() - 1
    others = f", and {more} more past it" if more else ""
    return f"{worst['source']} is served at up to {worst['p95_of_sla']:.2g} times its SLA{others}"


def coverage(evidence: pd.DataFrame, sources: pd.DataFrame) -> Any:
    """Answers citing each source, and those of them that rest on text not fresh."""
    table = coverage_by_source(evidence, sources)
    hidden = int(table["hidden"].sum())
    exposed = staleness_exposure(evidence)[["tenant", "source", "count"]]
    table = table.merge(
        exposed.rename(columns={"count": "old"}), on=["tenant", "source"], how="left"
    ).fillna({"old": 0.0})
    table = table[~table["hidden"]]
    if evidence.empty or table.empty:
        return note(_NO_EVIDENCE)
    alt = altair()
    table = table.assign(
        row=table["tenant"] + " / " + table["source"],
        fresh=table["count"] - table["old"],
        words=[
            f"{percent(rate)} of answers · {cited:.0f} of {held:,} documents"
            for rate, cited, held in zip(
                table["rate"], table["cited_documents"], table["documents"], strict=True
            )
        ],
    )
    order = list(table.sort_values("count", ascending=False)["row"])
    kinds = {"fresh": "fresh", "old": "past its SLA, failing or unknown"}
    long = table.melt(["row"], list(kinds), var_name="kind", value_name="answers")
    long["place"] = long["kind"].map({"fresh": 0, "old": 1})
    long["kind"] = long["kind"].map(kinds)
    y = alt.Y("row:N", sort=order, title=None, axis=alt.Axis(labelColor=INK, labelLimit=260))
    bars = (
        alt.Chart(long)
        .mark_bar(height=ROW - 12, stroke=CARD, strokeWidth=1)
        .encode(
            y=y,
            x=alt.X(
                "answers:Q",
                title="answers citing it",
                # Room at the right for the words beside the longest bar.
                scale=alt.Scale(domain=[0, max(1.0, float(table["count"].max())) * 1.6]),
                axis=alt.Axis(tickCount=5, tickMinStep=1, grid=False),
            ),
            color=alt.Color(
                "kind:N", scale=alt.Scale(domain=list(kinds.values()), range=[GOOD, DOUBT])
            ),
            order="place:Q",
        )
    )
    words = (
        alt.Chart(table)
        .mark_text(align="left", dx=8, color=MUTED, fontSize=12)
        .encode(y=y, x="count:Q", text="words:N")
    )
    chart = (bars + words).properties(height=ROW * len(table))
    subtitle = "Answers by the sources they cite · an answer may cite several"
    return card(chart, _coverage_title(table), subtitle, hidden_words(hidden, "source"))


def _coverage_title(table: pd.DataFrame) -> str:
    old, never = int(table["old"].sum()), int((table["count"] == 0).sum())
    if old:
        worst = table.sort_values("old", ascending=False).iloc[0]
        if worst["old"] == old:
            return f"{old:,} answers rest on old text, all of it from {worst['source']}"
        return f"{old:,} times an answer rests on old text, most often from {worst['source']}"
    if never:
        return f"{never} of {len(table)} sources were never cited"
    first = table.sort_values("rate", ascending=False).iloc[0]
    return f"{first['source']} carries {percent(first['rate'])} of its tenant's answers"
