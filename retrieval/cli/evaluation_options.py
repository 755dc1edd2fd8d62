"""What the evaluation commands share: options, and how a figure with its interval is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrieval.evaluation.resample import Estimate

Resamples = Annotated[
    int,
    typer.Option(help="Bootstrap resamples behind the intervals; 0 for none.", min=0, max=100_000),
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same intervals.", min=0)]


def figure_of(estimate: Estimate) -> str | None:
    """A figure for a table."""
    return None if estimate.value is None else f"{estimate.value:.3f}"


def interval_of(estimate: Estimate) -> str | None:
    """Its interval for a table, if it has one."""
    if estimate.low is None or estimate.high is None:
        return None
    return f"{estimate.low:.3f} to {estimate.high:.3f}"
