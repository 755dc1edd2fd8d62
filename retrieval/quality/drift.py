"""Drift: what changed between two periods, by how much, and what it is to be put down to.

A change is called one if its interval leaves out 0. As many figures are looked at together, each
interval is made wider (Bonferroni), so that 95 % holds of all of them at once.

Attribution is exact: the contributions of the groups of a dimension add up to the change. Of a
group with share ``w`` of what stands below the line and ratio ``r``, and with ``R`` the ratio of
the whole first period, the contribution is ``w' (r' - R) - w (r - R)`` (dashes: second period). Of
that, ``w' (r' - r)`` is its own change and ``(w' - w) (r - R)`` is that of its share. Source: E. M.
Kitagawa, "Components of a difference between two rates", JASA 50 (1955), with the first period as
the standard, so that a group that is new (a build of the index, a source) has its part too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from retrieval.quality.bootstrap import LEVEL, RESAMPLES, Ratio, difference
from retrieval.quality.cells import SMALL_CELL
from retrieval.quality.errors import InvalidPeriodError, UnknownMetricError
from retrieval.quality.extra import pandas
from retrieval.quality.metrics import DIMENSIONS, METRICS, Metric, Unit, Worse
from retrieval.quality.unit_frames import NAMELESS, counted, units

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    import pandas as pd

    from retrieval.quality.records import Records

_MOST: Final = 0.5
_NAMED_FROM: Final = 0.3
"""A group is named as the cause if it explains so much more of a change than its share would."""


def drift(
    records: Records,
    *,
    at: datetime,
    metrics: Sequence[str] = tuple(METRICS),
    groups: Mapping[str, str] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 2026,
) -> pd.DataFrame:
    """What changed at an instant: everything before it against everything from it on.

    Args:
        records: both periods.
        at: where the second begins; aware.
        metrics: which figures.
        groups: names of groups of questions, by digest.
        resamples: behind the intervals.
        seed: of them.

    Returns:
        One row a figure, the gravest first: ``metric``, ``before``, ``after``, ``change``, ``low``,
        ``high`` (its interval), ``units_before``, ``units_after``, ``verdict`` (``worse``,
        ``better``, ``no change`` or ``too few``), and of what changed ``dimension``, ``cause`` and
        ``explains`` (the share of the change that lies in it); no cause where none stands out.

    Raises:
        InvalidPeriodError: ``at`` has no time zone.
        UnknownMetricError: there is no such figure.
    """
    chosen = [metric_named(name) for name in metrics]
    level = 1 - (1 - LEVEL) / max(1, len(chosen))
    frames = _units(records, at, {metric.unit for metric in chosen}, groups)
    rows = []
    for metric in chosen:
        frame = frames[metric.unit]
        before, after = (_ratio(frame, metric, later=later) for later in (False, True))
        low, high = difference(before, after, level=level, resamples=resamples, seed=seed)
        verdict = _verdict(metric, low, high)
        cause: Mapping[str, Any] = {}
        if verdict in {"worse", "better"}:
            cause = _cause(frame, metric)
        rows.append(
            {
                "metric": metric.name,
                "before": before.value,
                "after": after.value,
                "change": after.value - before.value,
                "low": low,
                "high": high,
                "units_before": before.total,
                "units_after": after.total,
                "verdict": verdict,
                "dimension": cause.get("dimension"),
                "cause": cause.get("group"),
                "explains": cause.get("explains", float("nan")),
            }
        )
    table = pandas().DataFrame(rows)
    return table.sort_values("verdict", key=_gravity, kind="stable", ignore_index=True)


def attribute(
    records: Records,
    metric: str,
    *,
    at: datetime,
    by: str,
    groups: Mapping[str, str] | None = None,
    minimum: int = SMALL_CELL,
) -> pd.DataFrame:
    """Where a change of a figure lies: the contribution of each group of a dimension.

    Args:
        records: both periods.
        metric: which figure.
        at: where the second period begins; aware.
        by: ``source``, ``generation``, ``tenant``, ``group`` (of questions), ``caller`` or
            ``model``, as far as the figure knows it. Of a query, its source is that of its best
            piece.
        groups: names of groups of questions, by digest.
        minimum: groups of fewer units in both periods together are put into one, ``(others)``.

    Returns:
        One row a group, the largest contribution in the bad direction first: ``group``, ``before``,
        ``after``, ``share_before``, ``share_after`` (of what stands below the line), ``units``,
        ``own`` and ``mix`` (from its own change, from that of its share), ``contribution`` (their
        sum) and ``explains`` (of the whole change). Contributions add up to the change.

    Raises:
        InvalidPeriodError, UnknownMetricError: as of :func:`drift`; also if the figure does not
            know the dimension.
    """
    chosen = metric_named(metric)
    if by not in DIMENSIONS[chosen.unit]:
        raise UnknownMetricError(
            f"{metric} is not known by {by}: give one of {', '.join(DIMENSIONS[chosen.unit])}"
        )
    frame = _units(records, at, {chosen.unit}, groups)[chosen.unit]
    return _contributions(frame, chosen, by, minimum)


def metric_named(name: str) -> Metric:
    """A figure by its name.

    Raises:
        UnknownMetricError: there is none.
    """
    if name not in METRICS:
        raise UnknownMetricError(f"no figure is called {name!r}: give one of {', '.join(METRICS)}")
    return METRICS[name]


def _units(
    records: Records, at: datetime, kinds: set[Unit], groups: Mapping[str, str] | None
) -> dict[Unit, pd.DataFrame]:
    if at.tzinfo is None:
        raise InvalidPeriodError(f"at={at.isoformat()}: give it a time zone")
    first = records.retrievals.loc[records.retrievals["at"] < at, "latency_ms"]
    slow = float(first.quantile(0.95)) if len(first) else float("inf")
    frames = {kind: units(records, kind, slow_ms=slow, groups=groups) for kind in kinds}
    return {kind: frame.assign(later=frame["at"] >= at) for kind, frame in frames.items()}


def _ratio(frame: pd.DataFrame, metric: Metric, *, later: bool) -> Ratio:
    here = frame["later"].to_numpy() == later
    summed = frame.loc[here, [metric.top, metric.bottom]]
    if "check" in frame:  # drawn whole, however many sources its claims rest on
        summed = summed.groupby(frame.loc[here, "check"], sort=False).sum()
    return Ratio.of(*(summed[name].to_numpy(float) for name in (metric.top, metric.bottom)))


def _verdict(metric: Metric, low: float, high: float) -> str:
    if not (low <= high):  # one is no number
        return "too few"
    if low <= 0 <= high:
        return "no change"
    return "worse" if (low > 0) == (metric.worse is Worse.UP) else "better"


def _gravity(verdicts: pd.Series) -> pd.Series:
    return verdicts.map({"worse": 0, "better": 1, "no change": 2, "too few": 3})


def _cause(frame: pd.DataFrame, metric: Metric) -> dict[str, Any]:
    """The group that explains most beyond its share, over all dimensions; empty if none does.

    A group that has replaced all others (a new build of the index, from one day to the next) has
    nothing beside it to be held against. It is named where no other group stands out: then it is
    what came at that time, and no more than that is known.
    """
    standing_out: list[tuple[float, str, Any, float]] = []
    replacing: list[tuple[float, str, Any, float]] = []
    for dimension in DIMENSIONS[metric.unit]:
        for row in _contributions(frame, metric, dimension, SMALL_CELL).itertuples():
            if row.group in {OTHERS, *NAMELESS}:
                continue
            new = not row.share_before
            beyond = row.explains - (row.share_after if new else row.share_before)
            found = (beyond, dimension, row.group, float(row.explains))
            if beyond > _NAMED_FROM:
                standing_out.append(found)
            elif new and row.share_after > _MOST and row.explains > _MOST:
                replacing.append(found)
    named = max(standing_out or replacing, key=lambda found: found[0], default=None)
    return (
        {}
        if named is None
        else dict(zip(("dimension", "group", "explains"), named[1:], strict=True))
    )


OTHERS: Final = "(others)"


def _contributions(frame: pd.DataFrame, metric: Metric, by: str, minimum: int) -> pd.DataFrame:
    wanted = [name for name in ("later", metric.top, metric.bottom, "check") if name in frame]
    labelled = frame[wanted].assign(label=_labels(frame, by, minimum))
    groups = labelled.groupby(["label", "later"], observed=True)
    cells = groups[[metric.top, metric.bottom]].sum().assign(units=counted(groups))
    # Both periods side by side; one in which nothing happened has its columns all the same.
    side_by_side = cells.unstack(fill_value=0)  # noqa: PD010 - of an index, which has no pivot
    summed = side_by_side.reindex(columns=_both(metric), fill_value=0)
    top, bottom = (summed[column].astype(float) for column in (metric.top, metric.bottom))
    whole = top.sum() / bottom.sum()
    shares = bottom / bottom.sum()
    ratios = top / bottom
    # Of a group that was not there before, its own change is all that it differs by.
    earlier = ratios[False].fillna(whole[False])
    own = (shares[True] * (ratios[True] - earlier)).fillna(0.0)
    mix = (shares[True] - shares[False]) * (earlier - whole[False])
    change = whole[True] - whole[False]
    table = pandas().DataFrame(
        {
            "group": summed.index.astype("object"),
            "before": ratios[False].to_numpy(),
            "after": ratios[True].to_numpy(),
            "share_before": shares[False].to_numpy(),
            "share_after": shares[True].to_numpy(),
            "units": summed["units"].sum(axis=1).to_numpy(),
            "own": own.to_numpy(),
            "mix": mix.to_numpy(),
            "contribution": (own + mix).to_numpy(),
            "explains": ((own + mix) / change).to_numpy() if change else float("nan"),
        }
    )
    falling = metric.worse is Worse.DOWN
    return table.sort_values("contribution", ascending=falling, ignore_index=True)


def _labels(frame: pd.DataFrame, by: str, minimum: int) -> pd.Categorical:
    """The groups of a dimension; those of too few units are one."""
    named = frame[by].astype("category").cat
    codes, names = named.codes.to_numpy(), list(named.categories.astype("object"))
    size = counted(frame.groupby(codes)).reindex(range(len(names)), fill_value=0).to_numpy()
    place = np.where(size >= minimum, np.arange(len(names)), len(names))
    return pandas().Categorical.from_codes(place[codes], categories=[*names, OTHERS])


def _both(metric: Metric) -> pd.MultiIndex:
    return pandas().MultiIndex.from_product([[metric.top, metric.bottom, "units"], [False, True]])
