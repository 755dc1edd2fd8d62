"""Opening a source by its kind: those that are built in, and those that plug-ins bring.

A plug-in is a distribution with an entry point in the group ``clearance.sources`` whose name is
that of the kind and whose object is a ``SourceKind``. Kinds are imported when they are asked for,
so that nobody pays for what nobody uses. What never lives here: any one kind.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Final

from ingestion.errors import SourceError
from ingestion.sources.kind import SourceKind, checked_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ingestion.sources.base import Source

GROUP: Final = "clearance.sources"
_BUILT_IN: Final = {
    "folder": "ingestion.sources.folder",
    "fsspec": "ingestion.sources.objects",
    "jsonl": "ingestion.sources.jsonl",
    "parquet": "ingestion.sources.parquet",
    "sql": "ingestion.sources.sql",
}


def kinds() -> list[str]:
    """The names of all kinds, built in or plugged in."""
    return sorted({*_BUILT_IN, *(point.name for point in entry_points(group=GROUP))})


def open_source(name: str, kind: str, config: Mapping[str, Any]) -> Source:
    """Open a source; nothing of it is read yet.

    Args:
        name: letters, digits, dots, dashes and underscores.
        kind: one of ``kinds()``.
        config: as the kind's own model has it.

    Raises:
        SourceError: the kind is unknown or its plug-in is broken, or a field is malformed.
    """
    checked_name(name)
    found = _kind(kind)
    source: Source = found.open(name, found.validated(config))
    return source


def settled_config(kind: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration as it is remembered: checked, JSON, without what is as by default.

    Raises:
        SourceError: as of ``open_source``.
    """
    settled: dict[str, Any] = (
        _kind(kind).validated(config).model_dump(mode="json", exclude_defaults=True)
    )
    return settled


def _kind(kind: str) -> SourceKind[Any]:
    if kind in _BUILT_IN:
        return _checked(import_module(_BUILT_IN[kind]).KIND, kind)
    points = entry_points(group=GROUP, name=kind)
    if not points:
        raise SourceError(f"kind: {kind[:80]!r} is unknown; the kinds are {', '.join(kinds())}")
    if len({point.value for point in points}) > 1:
        raise SourceError(f"kind: {kind!r} comes with several plug-ins; uninstall all but one")
    return _checked(_load(next(iter(points))), kind)


def _load(point: EntryPoint) -> object:
    try:
        return point.load()
    except Exception as error:  # a plug-in may fail in any way it likes
        raise SourceError(
            f"kind: the plug-in {point.value} of {point.name!r} cannot be loaded "
            f"({type(error).__name__}); repair or uninstall it"
        ) from error


def _checked(found: object, kind: str) -> SourceKind[Any]:
    if not isinstance(found, SourceKind):
        raise SourceError(
            f"kind: the plug-in of {kind!r} is a {type(found).__name__}; it must be a SourceKind"
        )
    return found
