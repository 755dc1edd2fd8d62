"""Calibration: whether what is said to be 80 % likely comes true four times of five."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from retrieval.evaluation.curve import Curve
from retrieval.quality.extra import pandas
from retrieval.quality.intervals import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from retrieval.quality.records import Records


def reliability(
    said: Sequence[float], came_true: Sequence[bool], *, bins: int = 10
) -> pd.DataFrame:
    """The reliability curve: what was said against what came true, in equally wide bins.

    Source: A. Niculescu-Mizil and R. Caruana, "Predicting good probabilities with supervised
    learning", ICML 2005. Bins without a probability have no row.

    Args:
        said: probabilities.
        came_true: for each, whether it did. Pairs with a probability that is no number are left
            out.
        bins: how many; the last one includes 1.

    Returns:
        ``low`` and ``high`` (ends of the bin), ``count``, ``said`` (mean), ``true`` (share), and
        its 95 % Wilson interval ``true_low`` to ``true_high``.
    """
    probability, outcome = _known(said, came_true)
    place = np.minimum((probability * bins + 1e-9).astype(int), bins - 1)
    rows = []
    for bin_ in np.unique(place):
        here = place == bin_
        hits, total = float(outcome[here].sum()), int(here.sum())
        low, high = wilson(hits, total)
        ends = (bin_ / bins, (bin_ + 1) / bins)
        rows.append((*ends, total, float(probability[here].mean()), hits / total, low, high))
    columns = ["low", "high", "count", "said", "true", "true_low", "true_high"]
    return pandas().DataFrame(rows, columns=columns).astype({"count": "int64"})


def calibration_error(said: Sequence[float], came_true: Sequence[bool]) -> float:
    """Expected calibration error over ten bins (see :class:`retrieval.evaluation.curve.Curve`).

    NaN of nothing.
    """
    probability, outcome = _known(said, came_true)
    error = Curve.of(probability.tolist(), outcome.astype(bool).tolist()).calibration_error()
    return float("nan") if error is None else error


def brier(said: Sequence[float], came_true: Sequence[bool]) -> float:
    """Mean squared distance of what was said from what came true; 0 is best, NaN of nothing.

    Source: G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly
    Weather Review 78 (1950), for two classes.
    """
    probability, outcome = _known(said, came_true)
    return float(np.mean((probability - outcome) ** 2)) if probability.size else float("nan")


def judged_pieces(records: Records) -> pd.DataFrame:
    """Pieces served of which the asker said whether they helped: ``relevance``, ``useful``.

    Of several answers that brought somebody the same piece, the opinion is about the last one
    before it was given.
    """
    opinions = records.feedback[records.feedback["about"] == "chunk"]
    asked = records.retrievals[["record_id", "caller"]]
    pieces = records.evidence[["tenant", "record_id", "at", "chunk", "relevance", "source"]]
    shown = pieces.merge(asked, on="record_id").astype({"at": "datetime64[us, UTC]"})
    same = ["tenant", "chunk", "caller"]
    keys = [*same, "at", "useful"]
    left = opinions[keys].astype({"at": "datetime64[us, UTC]"}).sort_values("at")
    found = pandas().merge_asof(left, shown.sort_values("at"), on="at", by=same)
    return found.dropna(subset=["relevance"])[["at", "tenant", "source", "relevance", "useful"]]


def _known(
    said: Sequence[float], came_true: Sequence[bool]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    probability, outcome = np.asarray(said, float), np.asarray(came_true, float)
    if probability.shape != outcome.shape:
        raise ValueError(f"{len(probability)} probabilities for {len(outcome)} outcomes")
    known = np.isfinite(probability)
    return probability[known], outcome[known]
