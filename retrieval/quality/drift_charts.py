"""Charts of change: which figures moved, where the change lies, week by week, and calibration.

Raises:
    retrieval.quality.errors.MissingExtraError: altair or pandas is not installed (all functions).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from retrieval.quality.calibration import calibration_error, judged_pieces, reliability
from retrieval.quality.drift import metric_named
from retrieval.quality.extra import altair, pandas
from retrieval.quality.intervals import wilson
from retrieval.quality.style import (
    BAD,
    CARD,
    GOOD,
    INK,
    MUTED,
    NONE,
    ROW,
    card,
    note,
    percent,
)
from retrieval.quality.unit_frames import NAMELESS, counted, units

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import pandas as pd

    from retrieval.quality.records import Records

_WORDS: Final = {"worse": "worse", "better": "better", "no change": "may be chance"}
_LINES: Final = 5
_FEW: Final = 30
_FEW_A_WEEK: Final = 10
_NAME_CHARS: Final = 10
_TITLE: Final = 76  # characters that a card has room for


def changes(table: pd.DataFrame) -> Any:
    """Each figure's change between two periods, with its interval.

    Args:
        table: as :func:`retrieval.quality.drift` gives it.
    """
    known = table[table["verdict"] != "too few"]
    if known.empty:
        return note("There are too few records to compare")
    alt = altair()
    shown = known.assign(
        label=known["metric"].str.replace("_", " "),
        words=known["verdict"].map(_WORDS),
        end=known["high"].clip(lower=0),
        figure=[
            f"{percent(row.before)} → {percent(row.after)}{_because(row)}"
            for row in known.itertuples()
        ],
    )
    order = list(shown["label"])
    ends = [*shown["low"], *shown["high"], 0.0]
    width = max(ends) - min(ends)
    share = alt.X(
        "change:Q",
        title="change, in percentage points with a 95% interval over all figures at once",
        scale=alt.Scale(domain=[min(ends) - 0.05 * width, max(ends) + 0.75 * width], nice=False),
        axis=alt.Axis(labelExpr="format(datum.value * 100, '+.0f')", tickCount=7),
    )
    y = alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelColor=INK, labelLimit=220))
    present = [word for word in _WORDS.values() if (shown["words"] == word).any()]
    colours = {"worse": BAD, "better": GOOD, "may be chance": NONE}
    colour = alt.Color(
        "words:N", scale=alt.Scale(domain=present, range=[colours[word] for word in present])
    )
    base = alt.Chart(shown).encode(y=y)
    zero = alt.Chart(pandas().DataFrame({"at": [0.0]})).mark_rule(color=INK).encode(x="at:Q")
    spans = base.mark_rule(strokeWidth=4, opacity=0.45).encode(
        x=alt.X("low:Q"), x2="high:Q", color=colour
    )
    dots = base.mark_point(filled=True, size=110, opacity=1).encode(x=share, color=colour)
    words = base.mark_text(align="left", dx=10, color=MUTED, fontSize=12).encode(
        x="end:Q", text="figure:N"
    )
    chart = (zero + spans + dots + words).properties(height=(ROW - 6) * len(shown))
    subtitle = "Second period against the first · beside it: from what to what, and where it lies"
    return card(chart, _changes_title(shown), subtitle)


def _because(row: Any) -> str:
    return f" · {row.dimension} {short(row.cause)}" if isinstance(row.cause, str) else ""


def short(name: str) -> str:
    """A name, or the beginning of a digest."""
    is_digest = len(name) >= 32 and all(c in "0123456789abcdef" for c in name)  # noqa: PLR2004 - as digests are
    return name[:_NAME_CHARS] + "…" if is_digest else name


def _changes_title(shown: pd.DataFrame) -> str:
    worse = shown[shown["verdict"] == "worse"]
    if worse.empty:
        return "No figure has become worse"
    causes = [
        f"{dimension} {short(cause)}"
        for dimension, cause in dict.fromkeys(
            (row.dimension, row.cause) for row in worse.itertuples() if isinstance(row.cause, str)
        )
    ]
    figures = "figure has" if len(worse) == 1 else "figures have"
    said = f"{len(worse)} {figures} become worse"
    named = [f"{said}: look at {', '.join(causes[:count])}" for count in range(1, len(causes) + 1)]
    return next((title for title in reversed(named) if len(title) <= _TITLE), (*named, said)[0])


def over_time(
    records: Records,
    metric: str,
    *,
    by: str,
    mark: datetime | None = None,
    names: Mapping[str, str] | None = None,
) -> Any:
    """A figure week by week, a line for each group; those that moved most stand out.

    Args:
        records: over several weeks.
        metric: which figure.
        by: a dimension of it, such as ``source``.
        mark: an instant to draw a line at.
        names: what to call groups whose names are digests.
    """
    chosen = metric_named(metric)
    frame = units(records, chosen.unit)
    if frame.empty:
        return note("Nothing was recorded in this period")
    alt = altair()
    start = frame["at"].dt.tz_convert(None).dt.to_period("W-SUN").dt.start_time
    label = frame[by].astype("object").map(lambda group: (names or {}).get(group, group))
    groups = frame.assign(week=start, label=label).groupby(["week", "label"])
    summed = groups[[chosen.top, chosen.bottom]].sum().assign(units=counted(groups)).reset_index()
    table = summed[(summed["units"] >= _FEW_A_WEEK) & (summed[chosen.bottom] > 0)]
    table = table[~table["label"].isin(NAMELESS)]
    if table.empty:
        return note("There are too few records in any week")
    table = table.assign(rate=table[chosen.top] / table[chosen.bottom])
    ends = [
        wilson(top, bottom)
        for top, bottom in zip(table[chosen.top], table[chosen.bottom], strict=True)
    ]
    table = table.assign(low=[low for low, _ in ends], high=[high for _, high in ends])
    table["name"] = table["label"].map(short)
    spread = table.groupby("name")["rate"].agg(lambda rates: rates.max() - rates.min())
    leading = list(spread.sort_values(ascending=False).index)
    table = table[table["name"].isin(leading[:_LINES])]
    scale = alt.Scale(domain=leading[:_LINES], range=[BAD, *_QUIET][: len(leading[:_LINES])])
    colour = alt.Color("name:N", scale=scale)
    weeks = [{"year": w.year, "month": w.month, "date": w.day} for w in sorted(set(table["week"]))]
    time = alt.X("week:T", title=None, axis=alt.Axis(format="%d %b", grid=False, values=weeks))
    rate = alt.Y("rate:Q", title=metric.replace("_", " "), axis=alt.Axis(format=".0%", tickCount=5))
    base = alt.Chart(table)
    bands = base.mark_area(opacity=0.13).encode(
        x=time, y="low:Q", y2="high:Q", color=alt.Color("name:N", scale=scale, legend=None)
    )
    lines = base.mark_line(strokeWidth=2.5, point=alt.OverlayMarkDef(size=45)).encode(
        x=time, y=rate, color=colour
    )
    layers = bands + lines
    if mark is not None:
        at = pandas().DataFrame({"at": [mark.replace(tzinfo=None)]})
        layers += alt.Chart(at).mark_rule(color=INK, strokeDash=[4, 4]).encode(x="at:T")
    first = table[table["name"] == leading[0]].sort_values("week")
    begin, end = first.iloc[0], first.iloc[-1]
    named = metric.replace("_", " ")
    title = f"{leading[0]}: {named} from {percent(begin['rate'])} to {percent(end['rate'])}"
    if begin["low"] <= end["high"] and end["low"] <= begin["high"]:
        title = f"{named.capitalize()}: no {by} stands out for having changed"
    subtitle = f"By {by}, week by week, with 95% Wilson intervals"
    layers = layers.resolve_legend(color="independent").properties(height=230)
    return card(layers, title, chosen.means, subtitle)


_QUIET: Final = ("#3a6ea5", "#6b8f3c", "#8a5fa8", "#4b5563")


def calibration(records: Records) -> Any:
    """What relevance said against how often the piece helped, of those who said so."""
    judged = judged_pieces(records)
    if len(judged) < _FEW:
        return note(f"Fewer than {_FEW} pieces were judged: calibration cannot be told")
    alt = altair()
    table = reliability(judged["relevance"].to_numpy(), judged["useful"].to_numpy())
    error = calibration_error(judged["relevance"].to_numpy(), judged["useful"].to_numpy())
    ideal = alt.Chart(pandas().DataFrame({"said": [0.0, 1.0], "true": [0.0, 1.0]}))
    line = ideal.mark_line(color=MUTED, strokeDash=[4, 4]).encode(x="said:Q", y="true:Q")
    scale = alt.Scale(domain=[0, 1])
    said = alt.X(
        "said:Q", scale=scale, title="relevance as served", axis=alt.Axis(format=".0%", grid=False)
    )
    true = alt.Y(
        "true:Q", scale=scale, title="said to have helped", axis=alt.Axis(format=".0%", tickCount=5)
    )
    base = alt.Chart(table)
    whiskers = base.mark_rule(color=GOOD, strokeWidth=2, opacity=0.6).encode(
        x=said, y="true_low:Q", y2="true_high:Q"
    )
    dots = base.mark_point(filled=True, color=GOOD, opacity=1, stroke=CARD).encode(
        x=said,
        y=true,
        size=alt.Size("count:Q", scale=alt.Scale(range=[50, 420]), legend=None),
    )
    chart = (line + whiskers + dots).properties(height=280)
    title = f"Relevance is off by {percent(error)} on average"
    subtitle = f"{len(judged):,} judged pieces · dashed: as said, so it came · line: 95% interval"
    return card(chart, title, subtitle)


def where_it_lies(table: pd.DataFrame, metric: str, by: str) -> Any:
    """The contribution of each group to a change, its own change apart from that of its share.

    Args:
        table: as :func:`retrieval.quality.attribute` gives it.
        metric: of which figure.
        by: of which dimension.
    """
    shown = table[~table["group"].isin(NAMELESS)].head(8)
    if shown.empty or not shown["contribution"].abs().sum():
        return note("Nothing changed that could be put down to anything")
    alt = altair()
    kinds = {"own": "its own change", "mix": "a change of its share"}
    long = shown.assign(label=shown["group"].astype("object").map(short)).melt(
        ["label"], list(kinds), var_name="kind", value_name="points"
    )
    long["words"] = long["kind"].map(kinds)
    order = [short(str(group)) for group in shown["group"]]
    bars = (
        alt.Chart(long)
        .mark_bar(height=ROW - 14, stroke=CARD)
        .encode(
            y=alt.Y("label:N", sort=order, title=None, axis=alt.Axis(labelColor=INK)),
            x=alt.X(
                "points:Q",
                title="contribution to the change, percentage points",
                axis=alt.Axis(labelExpr="format(datum.value * 100, '+.1f')", tickCount=6),
            ),
            color=alt.Color(
                "words:N", scale=alt.Scale(domain=list(kinds.values()), range=[BAD, NONE])
            ),
        )
    )
    first = shown.iloc[0]
    title = (
        f"{by} {short(str(first['group']))} explains {percent(first['explains'])} "
        f"of the change of {metric.replace('_', ' ')}"
    )
    chart = bars.properties(height=ROW * len(shown))
    return card(chart, title, "Contributions of all groups add up to the change")
