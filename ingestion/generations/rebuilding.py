"""Rebuilding: a new generation from the catalogue alone, served at once in place of the old one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.generations.building import build
from ingestion.generations.switch import serve_rebuilt

if TYPE_CHECKING:
    from collections.abc import Callable

    from ingestion.context import IngestContext


def rebuild(
    context: IngestContext,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    by: str = "rebuild",
) -> str:
    """Build the index anew from the catalogue alone, beside the active one; then switch.

    Queries and ingestion go on meanwhile. A rebuild that dies leaves the active generation as it
    was, and the next one goes on where it stopped. The one that was active is dropped.

    Args:
        context: the installation; its embedder makes the vectors.
        on_progress: told how many documents are done, and of how many.
        by: who does it, for the audit.

    Returns:
        The id of the generation now active.
    """
    new = build(context, on_progress=on_progress)
    serve_rebuilt(context, new, by=by)
    return new
