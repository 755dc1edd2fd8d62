"""Charts of the audit: how far documents reach, what a correction concerns, refusals, revocations.

Raises:
    retrieval.quality.errors.MissingExtraError: altair or pandas is not installed (all functions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from retrieval.quality.access import after_correction, denials, reach, revocations, shown
from retrieval.quality.extra import altair, pandas
from retrieval.quality.style import BAD, CARD, DOUBT, GOOD, INK, MUTED, NONE, ROW, card, note

if TYPE_CHECKING:
    import pandas as pd

_ROWS = 12
_COLOURS = [BAD, DOUBT, NONE, "#3a6ea5", "#8a5fa8"]


def who_saw_what(events: pd.DataFrame) -> Any:
    """Who was shown which document, and how often."""
    seen = shown(events)
    if seen.empty:
        return note("Nothing was shown in this period")
    alt = altair()
    widest = reach(events)
    documents = list(widest["document"])[:_ROWS]
    cells = seen.groupby(["subject", "document"], as_index=False).size()
    cells = cells[cells["document"].isin(documents)]
    people = list(cells.groupby("subject")["size"].sum().sort_values(ascending=False).index)[:16]
    cells = cells[cells["subject"].isin(people)]
    base = alt.Chart(cells).encode(
        x=alt.X(
            "subject:N",
            sort=people,
            title=None,
            axis=alt.Axis(labelColor=INK, orient="top", labelAngle=-30, labelLimit=140),
        ),
        y=alt.Y("document:N", sort=documents, title=None, axis=alt.Axis(labelColor=INK)),
    )
    squares = base.mark_rect(stroke=CARD, strokeWidth=2, cornerRadius=3).encode(
        color=alt.Color("size:Q", scale=alt.Scale(scheme="teals"), legend=None)
    )
    middle = float(cells["size"].max()) / 2
    words = base.mark_text(fontSize=12).encode(
        text="size:Q",
        color=alt.condition(f"datum.size > {middle}", alt.value("white"), alt.value(INK)),
    )
    first = widest.iloc[0]
    title = f"{first['document']} reached {first['people']} people, more than any other"
    chart = (squares + words).properties(height=ROW * len(documents))
    return card(chart, title, "Answers in which a document was shown, by person")


def correction(events: pd.DataFrame, document: str, *, version: int) -> Any:
    """When each person was shown the old and the corrected text."""
    seen = shown(events)
    seen = seen[seen["document"] == document]
    if seen.empty:
        return note("Nobody was shown that document")
    alt = altair()
    table = seen.assign(
        text=[("corrected" if v >= version else "as it was wrong") for v in seen["version"]]
    )
    found = after_correction(events, document, version=version)
    uninformed = list(found.loc[~found["informed"], "subject"])
    order = [*uninformed, *sorted(set(seen["subject"]) - set(uninformed))]
    points = (
        alt.Chart(table)
        .mark_point(filled=True, size=90, opacity=0.85)
        .encode(
            x=alt.X("at:T", title=None, axis=alt.Axis(format="%d %b", tickCount=8)),
            y=alt.Y("subject:N", sort=order, title=None, axis=alt.Axis(labelColor=INK)),
            color=alt.Color(
                "text:N",
                scale=alt.Scale(domain=["as it was wrong", "corrected"], range=[BAD, GOOD]),
            ),
        )
    )
    layers: Any = points
    turn = table.loc[table["version"] >= version, "at"].min()
    if turn == turn:  # noqa: PLR0124 - NaT differs from itself
        mark = pandas().DataFrame({"at": [turn]})
        layers = alt.Chart(mark).mark_rule(color=INK, strokeDash=[4, 4]).encode(x="at:T") + points
    late = int(found["after"].sum())
    title = f"{len(uninformed)} of {len(found)} people have not seen the correction of {document}"
    subtitle = f"Dashed: first shown as corrected · shown as it was wrong after that: {late} times"
    return card(layers.properties(height=ROW * len(order)), title, subtitle)


def refusals(events: pd.DataFrame) -> Any:
    """Refusals by day and code."""
    refused = denials(events)
    if refused.empty:
        return note("Nobody was refused anything in this period")
    alt = altair()
    days = refused.assign(day=refused["at"].dt.tz_convert(None).dt.normalize())
    table = days.groupby(["day", "code"], as_index=False).size()
    codes = list(table.groupby("code")["size"].sum().sort_values(ascending=False).index)
    bars = (
        alt.Chart(table)
        .mark_bar(stroke=CARD, width=14)
        .encode(
            x=alt.X("day:T", title=None, axis=alt.Axis(format="%d %b", grid=False, tickCount=8)),
            y=alt.Y("size:Q", title="refusals", axis=alt.Axis(tickCount=5, tickMinStep=1)),
            color=alt.Color("code:N", scale=alt.Scale(domain=codes, range=_COLOURS[: len(codes)])),
        )
    )
    worst = days.groupby(["day", "subject"]).size()
    day, person = worst.idxmax()
    title = f"{worst.max()} of {len(refused)} refusals are of {person} on {day:%d %b}"
    return card(bars.properties(height=200), title, "Refusals to known callers, by day and code")


def revocation(events: pd.DataFrame) -> Any:
    """What people were answered around the moment something was taken from them."""
    table = revocations(events)
    if table.empty:
        return note("Nothing was taken from anybody in this period")
    alt = altair()
    answers = events[events["kind"].isin(["query", "evidence"])]
    parts = []
    for one in table.itertuples():
        own = answers[answers["subject"] == one.subject]
        days = (own["at"] - one.at).dt.total_seconds() / 86_400
        views = own["view"].where(days <= 0).dropna()
        last = views.iloc[-1] if len(views) else None
        kinds = ["as before" if view == last else "under another view" for view in own["view"]]
        label = f"{one.subject} · {one.kind}"
        parts.append(pandas().DataFrame({"days": days, "kind": kinds, "label": label}))
    points = pandas().concat(parts, ignore_index=True)
    points = points[points["days"].between(-14, 14)]
    labels = [f"{one.subject} · {one.kind}" for one in table.itertuples()]
    rule = alt.Chart(pandas().DataFrame({"at": [0.0]})).mark_rule(color=INK).encode(x="at:Q")
    marks = (
        alt.Chart(points)
        .mark_tick(thickness=3, size=18)
        .encode(
            x=alt.X("days:Q", title="days from the revocation", axis=alt.Axis(tickCount=8)),
            y=alt.Y(
                "label:N",
                title=None,
                axis=alt.Axis(labelColor=INK, labelLimit=240),
                scale=alt.Scale(domain=labels),
            ),
            color=alt.Color(
                "kind:N",
                scale=alt.Scale(domain=["as before", "under another view"], range=[MUTED, GOOD]),
            ),
        )
    )
    late = int(table["answers_after"].sum())
    title = (
        f"{len(table)} revocations, and no answer after them as before"
        if not late
        else f"{late} answers after a revocation were as before: find out why"
    )
    chart = (rule + marks).properties(height=ROW * 1.3 * len(table))
    return card(chart, title, "Answers to whoever something was taken from; line: the moment")
