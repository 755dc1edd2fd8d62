"""The facade: a span is a context manager, and records nothing until :func:`use` names a tracer."""

from __future__ import annotations

import time
from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING, Final, TypeAlias

from retrieval.tracing import names

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from opentelemetry import trace
    from opentelemetry.context import Context

    Value: TypeAlias = str | int | float | bool | Sequence[str]

MAX_CHARS: Final = 128
"""Of a value. All of ours are short; what is longer is not one of them."""


class Kind(StrEnum):
    """What a span is to others, by OpenTelemetry's names."""

    INTERNAL = "INTERNAL"
    SERVER = "SERVER"
    CLIENT = "CLIENT"


class Span:
    """A span that records nothing."""

    def set(self, name: str, value: Value | None) -> None:
        """Give it an attribute of :data:`retrieval.tracing.names.ATTRIBUTES`; None sets none."""

    def rename(self, name: str) -> None:
        """Call it otherwise: with what was learnt on the way."""

    def failed(self, kind: str) -> None:
        """Say that it ended in an error: its code or its class, never its words."""


class _Recorded(Span):
    """A span of the library."""

    def __init__(self, made: trace.Span) -> None:
        self._made = made

    def set(self, name: str, value: Value | None) -> None:
        if value is not None and name in names.ATTRIBUTES:
            self._made.set_attribute(name, _short(value))

    def rename(self, name: str) -> None:
        self._made.update_name(name[:MAX_CHARS])

    def failed(self, kind: str) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415 - only where there is a tracer

        self.set(names.ERROR, kind)
        self._made.set_status(StatusCode.ERROR)


NOTHING: Final = Span()


class _Tracing:
    """What spans are made with, in this process: nothing, until somebody says."""

    tracer: trace.Tracer | None = None


def use(tracer: trace.Tracer | None) -> None:
    """Make spans with ``tracer`` from now on, in the whole process; with None, none."""
    _Tracing.tracer = tracer


@contextmanager
def span(
    name: str,
    attributes: Mapping[str, Value | None] | None = None,
    *,
    kind: Kind = Kind.INTERNAL,
    parent: Context | None = None,
) -> Iterator[Span]:
    """A span for as long as the context lasts; an error that passes through is noted by its class.

    Args:
        name: of few and known ones.
        attributes: as :meth:`Span.set` takes them.
        kind: what it is to others.
        parent: the context to hang it under; None for the current one.
    """
    tracer = _Tracing.tracer
    if tracer is None:
        yield NOTHING
        return
    from opentelemetry.trace import SpanKind  # noqa: PLC0415 - only where there is a tracer

    with tracer.start_as_current_span(
        name[:MAX_CHARS],
        context=parent,
        kind=SpanKind[kind],
        attributes=_allowed(attributes or {}),
        # The library would write down the error's words, which may quote what was asked.
        record_exception=False,
        set_status_on_exception=False,
    ) as made:
        recorded = _Recorded(made)
        try:
            yield recorded
        except BaseException as error:
            recorded.failed(named(error))
            raise


def stage(name: str, *, seconds: float, attributes: Mapping[str, Value | None]) -> None:
    """A span that ends now and began ``seconds`` ago, under the current one."""
    tracer = _Tracing.tracer
    if tracer is None:
        return
    now = time.time_ns()
    began = now - int(seconds * 1_000_000_000)
    tracer.start_span(name, start_time=began, attributes=_allowed(attributes)).end(now)


def current() -> Span:
    """The span we are in."""
    if _Tracing.tracer is None:
        return NOTHING
    from opentelemetry.trace import get_current_span  # noqa: PLC0415 - only where there is a tracer

    return _Recorded(get_current_span())


def named(error: BaseException) -> str:
    """What may be said of an error: its code, or else its class."""
    code = getattr(error, "code", None)
    return code if isinstance(code, str) else type(error).__qualname__


def _allowed(attributes: Mapping[str, Value | None]) -> dict[str, Value]:
    return {
        name: _short(value)
        for name, value in attributes.items()
        if value is not None and name in names.ATTRIBUTES
    }


def _short(value: Value) -> Value:
    return value[:MAX_CHARS] if isinstance(value, str) else value
