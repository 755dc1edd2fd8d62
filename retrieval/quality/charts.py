"""Charts of the figures, in the order an analyst asks: how are we doing, why not, where, how fast.

Each function takes frames as :func:`retrieval.quality.load` gives them and returns an altair chart
whose title states the finding. Data is counted before it is drawn, so a chart of a million
records is as small as one of a hundred. No records give a card that says so.

Raises:
    retrieval.quality.errors.MissingExtraError: altair or pandas is not installed (all functions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.quality.extra import altair, pandas
from retrieval.quality.rates import degraded_by_reason, no_evidence_by_reason, status_rates
from retrieval.quality.spread import latency, relevance_distribution
from retrieval.quality.style import (
    CARD,
    INK,
    MUTED,
    NONE,
    ROW,
    STATUS_COLOURS,
    STATUS_WORDS,
    card,
    note,
    percent,
)
from retrieval.status import Status

if TYPE_CHECKING:
    import pandas as pd

_NO_RECORDS = "No queries were recorded in this period"
_LABEL_FROM = 0.06  # a narrower bar has no room for its label


def status_by_tenant(retrievals: pd.DataFrame) -> Any:
    """How answers stand, a bar for each tenant."""
    if retrievals.empty:
        return note(_NO_RECORDS)
    alt = altair()
    table = status_rates(retrievals).assign(
        words=lambda t: t["status"].map(STATUS_WORDS),
        label=lambda t: t["rate"].map(percent).where(t["rate"] >= _LABEL_FROM, ""),
        end=lambda t: t.groupby("tenant")["rate"].cumsum(),
        row=lambda t: t["tenant"] + " · " + t["total"].map("{:,.0f}".format),
    )
    table["middle"] = table["end"] - table["rate"] / 2
    base = alt.Chart(table).encode(y=alt.Y("row:N", title=None, axis=alt.Axis(labelColor=INK)))
    bars = base.mark_bar(stroke=CARD, strokeWidth=1.5, height=ROW - 8).encode(
        x=alt.X(
            "rate:Q",
            stack="zero",
            scale=alt.Scale(domain=[0, 1]),
            title="share of queries",
            axis=alt.Axis(format=".0%", tickCount=5),
        ),
        color=_status_colour(table),
        order=alt.Order("end:Q"),
    )
    labels = base.mark_text(color="white", fontSize=12.5, fontWeight=600).encode(
        x="middle:Q", text="label:N"
    )
    overall = status_rates(retrievals, by=()).set_index("status")["rate"]
    title = (
        f"{percent(overall[Status.OK.value])} of queries got full evidence, "
        f"{percent(overall[Status.NO_EVIDENCE.value])} got none"
    )
    subtitle = "Status of answers by tenant · number of queries beside its name"
    chart = (bars + labels).properties(height=ROW * table["row"].nunique())
    return card(chart, title, subtitle)


def reasons(retrievals: pd.DataFrame) -> Any:
    """Why answers were less than full, with 95 % intervals."""
    if retrievals.empty:
        return note(_NO_RECORDS)
    alt = altair()
    table = pandas().concat(
        [
            no_evidence_by_reason(retrievals).assign(words=STATUS_WORDS["no_evidence"]),
            degraded_by_reason(retrievals).assign(words=STATUS_WORDS["degraded"]),
        ],
        ignore_index=True,
    )
    if table.empty:
        return note("Every answer had full evidence")
    table["label"] = table["reason"].str.replace("_", " ")
    table["figure"] = table["count"].map("{:,.0f}".format) + " · " + table["rate"].map(percent)
    order = list(dict.fromkeys(table.sort_values("count", ascending=False)["label"]))
    base = alt.Chart(table).encode(
        y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelColor=INK, labelLimit=220)),
        # A reason may stand in both states: then its two bars stand side by side.
        yOffset=alt.YOffset("words:N") if table["label"].duplicated().any() else alt.Undefined,
    )
    share = alt.X(
        "rate:Q",
        title="share of all queries",
        scale=alt.Scale(domain=[0, float(table["high"].max()) * 1.25]),
        axis=alt.Axis(format=".0%", tickCount=5, grid=False),
    )
    bars = base.mark_bar(height=ROW - 16, cornerRadiusEnd=2).encode(
        x=share, color=_status_colour(table)
    )
    whiskers = base.mark_rule(color=INK, strokeWidth=1.5, opacity=0.55).encode(
        x="low:Q", x2="high:Q"
    )
    figures = base.mark_text(align="left", dx=8, color=MUTED, fontSize=12).encode(
        x="high:Q", text="figure:N"
    )
    chart = (bars + whiskers + figures).properties(height=ROW * len(order))
    subtitle = "Reasons given · line: 95% Wilson interval · a query may give several"
    return card(chart, _reasons_title(retrievals, table), subtitle)


def _reasons_title(retrievals: pd.DataFrame, table: pd.DataFrame) -> str:
    first = table.sort_values("count", ascending=False).iloc[0]
    silent = first["words"] == STATUS_WORDS["no_evidence"]
    status = Status.NO_EVIDENCE if silent else Status.DEGRADED
    share = first["count"] / (retrievals["status"] == status.value).sum()
    concerned = "queries without evidence" if silent else "answers with a caveat"
    return f"“{first['label'].capitalize()}” explains {percent(share)} of {concerned}"


def relevance(retrievals: pd.DataFrame, *, threshold: float) -> Any:
    """How sure the best candidate of each query was, and on which side of the threshold it fell."""
    if retrievals.empty:
        return note(_NO_RECORDS)
    alt = altair()
    table = relevance_distribution(retrievals).assign(words=lambda t: t["status"].map(STATUS_WORDS))
    known = table.dropna(subset=["low"])
    answered = retrievals[retrievals["evidence"] > 0]["best_relevance"].dropna()
    silent_queries = len(retrievals) - int((retrievals["evidence"] > 0).sum())
    bars = (
        alt.Chart(known)
        .mark_bar(stroke=CARD, strokeWidth=1.5)
        .encode(
            x=alt.X(
                "low:Q",
                bin=alt.Bin(binned=True, step=0.05),
                scale=alt.Scale(domain=[0, 1]),
                title="relevance of the best candidate (probability)",
                axis=alt.Axis(format=".1f", values=[n / 10 for n in range(11)], grid=False),
            ),
            x2="high:Q",
            y=alt.Y("count:Q", title="queries", axis=alt.Axis(tickCount=5, tickMinStep=1)),
            color=_status_colour(known),
        )
    )
    said = f"no evidence: {silent_queries:,} queries"
    marks = pandas().DataFrame({"at": [threshold], "words": [said]})
    rule = alt.Chart(marks).mark_rule(color=INK, strokeDash=[4, 4]).encode(x="at:Q")
    words = (
        alt.Chart(marks)
        .mark_text(align="right", dx=-10, color=INK, fontSize=12.5)
        .encode(x="at:Q", y=alt.value(14), text="words:N")
    )
    strong = float((answered >= 0.8).mean()) if len(answered) else 0.0  # noqa: PLR2004 - in the title
    title = (
        f"{percent(strong)} of answers rest on evidence at least 80% likely to bear on the question"
    )
    subtitle = f"{len(retrievals):,} queries, in steps of 0.05 · dashed: the threshold"
    shade = pandas().DataFrame({"from": [0.0], "to": [threshold]})
    silent = alt.Chart(shade).mark_rect(color=NONE, opacity=0.12).encode(x="from:Q", x2="to:Q")
    chart = (silent + bars + rule + words).properties(height=220)
    return card(chart, title, subtitle)


def latency_curve(retrievals: pd.DataFrame) -> Any:
    """Share of queries answered within a time, a line for each tenant."""
    if retrievals.empty:
        return note(_NO_RECORDS)
    alt = altair()
    steps = [step / 100 for step in range(101)]
    curves = (
        retrievals.groupby("tenant")["latency_ms"]
        .quantile(steps)
        .rename_axis(["tenant", "share"])
        .reset_index()
    )
    slow = latency(retrievals, by=())
    table = latency(retrievals).assign(
        words=lambda t: t["tenant"] + ": p95 " + t["p95"].map("{:,.0f} ms".format), share=0.95
    )
    time = alt.X(
        "latency_ms:Q", title="milliseconds inside the service", axis=alt.Axis(tickCount=6)
    )
    colour = alt.Color("tenant:N", scale=alt.Scale(range=_TENANT_COLOURS))
    lines = (
        alt.Chart(curves)
        .mark_line(strokeWidth=2.5)
        .encode(
            x=time,
            y=alt.Y("share:Q", title="share of queries", axis=alt.Axis(format=".0%", tickCount=5)),
            color=colour,
        )
    )
    points = alt.Chart(table).mark_point(filled=True, size=70, opacity=1)
    dots = points.encode(x=alt.X("p95:Q"), y="share:Q", color=colour)
    p50, p95 = slow["p50"].iloc[0], slow["p95"].iloc[0]
    title = f"Half of the queries take under {p50:,.0f} ms, 95% under {p95:,.0f} ms"
    said = " · ".join(sorted(table["words"])[:4])
    chart = (lines + dots).properties(height=220)
    return card(chart, title, f"Share of queries answered within a time · dots: p95 · {said}")


def _status_colour(table: pd.DataFrame) -> Any:
    """One colour a status; the legend names those that occur, in the order of the statuses."""
    alt = altair()
    shown = [status for status, words in STATUS_WORDS.items() if (table["words"] == words).any()]
    scale = alt.Scale(
        domain=[STATUS_WORDS[status] for status in shown],
        range=[STATUS_COLOURS[status] for status in shown],
    )
    return alt.Color("words:N", scale=scale)


_TENANT_COLOURS = ["#3a6ea5", "#c2703d", "#6b8f3c", "#8a5fa8", "#4b5563", "#b8403a"]
