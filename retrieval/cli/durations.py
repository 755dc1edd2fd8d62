"""Durations as people write them, such as ``7d`` or ``12h``, and as they read them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_FORM: Final = re.compile(r"([0-9]{1,6})([smhdw])", re.ASCII)


def parse_duration(text: str) -> int:
    """Seconds in a duration such as ``90s``, ``30m``, ``12h``, ``7d`` or ``2w``.

    Raises:
        typer.BadParameter: it is not written like that, or is zero.
    """
    form = _FORM.fullmatch(text)
    seconds = int(form[1]) * _SECONDS[form[2]] if form else 0
    if not seconds:
        raise typer.BadParameter(f"{text!r}: write a number and s, m, h, d or w, such as 7d")
    return seconds


def parse_moment(text: str) -> datetime:
    """An instant: a duration from now, or ISO 8601 with a time zone (a bare date is UTC).

    Raises:
        typer.BadParameter: it is neither, or lies in the past.
    """
    now = datetime.now(UTC)
    if _FORM.fullmatch(text):
        return now + timedelta(seconds=parse_duration(text))
    moment = _parse_iso(text)
    if moment <= now:
        raise typer.BadParameter(f"{text!r}: this has already passed")
    return moment


def parse_past(text: str) -> datetime:
    """An instant that has passed: a duration before now, or ISO 8601 as of :func:`parse_moment`.

    Raises:
        typer.BadParameter: it is neither, or lies in the future.
    """
    now = datetime.now(UTC)
    if _FORM.fullmatch(text):
        return now - timedelta(seconds=parse_duration(text))
    moment = _parse_iso(text)
    if moment > now:
        raise typer.BadParameter(f"{text!r}: this has not come yet")
    return moment


def _parse_iso(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r}: write a duration such as 30d, or a date such as 2030-01-31"
        ) from error
    if moment.tzinfo is None:
        if moment != moment.replace(hour=0, minute=0, second=0, microsecond=0):
            raise typer.BadParameter(f"{text!r}: add a time zone, such as Z or +02:00")
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC)


def spoken(seconds: float | None) -> str:
    """A duration in its largest fitting unit: ``3 min``, ``2 h``, ``5 d``; a dash for none."""
    if seconds is None:
        return "-"
    for unit, name in (("d", "d"), ("h", "h"), ("m", "min")):
        if seconds >= _SECONDS[unit]:
            return f"{seconds // _SECONDS[unit]:.0f} {name}"
    return f"{seconds:.0f} s" if seconds == int(seconds) else f"{seconds:.1f} s"
