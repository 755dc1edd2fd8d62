"""The metrics of the request being served."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

from retrieval.metrics.port import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator

_current: ContextVar[Metrics] = ContextVar("clearance_metrics", default=Metrics())  # noqa: B039 - it holds no state


def current() -> Metrics:
    """The metrics of the request being served; outside of one, some that count nothing."""
    return _current.get()


@contextmanager
def bound(metrics: Metrics) -> Iterator[None]:
    """Make ``metrics`` the current ones; worker threads started within inherit them."""
    token = _current.set(metrics)
    try:
        yield
    finally:
        _current.reset(token)
