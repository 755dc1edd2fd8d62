"""Chunks as the catalogue gives them, made by hand."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ingestion.catalog import Place, SourceState, StoredChunk
from tests.support.clock import NOON
from tests.support.installation import TENANT
from verifier.screening import screen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def place(text: str = "", *, document: str = "d1", **fields: Any) -> Place:
    """A place of a text; findings are those the real screen has."""
    values: dict[str, Any] = {
        "document_id": document,
        "source": "wiki",
        "title": f"Title of {document}",
        "uri": f"memory://{document}",
        "version": 1,
        "page": None,
        "ordinal": 0,
        "start": 0,
        "end": len(text),
        "text_sha256": "",
        "source_sha256": "",
        "offsets": b"",
        "findings": json.dumps([finding.to_dict() for finding in screen(text)]),
        "checked_at": NOON,
        "modified_at": NOON,
    }
    return Place(**{**values, **fields})


def chunk(
    text: str, *places: Place, name: str | None = None, vector: NDArray[np.float32] | None = None
) -> StoredChunk:
    """A chunk; without places, one in a document of its own."""
    ident = str(uuid.uuid5(uuid.NAMESPACE_OID, name or text))
    return StoredChunk(
        id=ident,
        tenant=TENANT,
        acl_id="a",
        text=text,
        heading_path="",
        tokens=len(text.split()),
        vector=None if vector is None else vector.tobytes(),
        places=places or (place(text, document=f"document of {name or text}"),),
    )


def source(name: str = "wiki", *, max_age: int | None = None, **fields: Any) -> SourceState:
    """A source that succeeded just now; ``age`` in seconds says how long ago instead."""
    then = NOON - timedelta(seconds=fields.pop("age", 0))
    values: dict[str, Any] = {
        "name": name,
        "max_age_seconds": max_age,
        "on_stale": "flag",
        "last_attempt_at": then,
        "last_success_at": then,
        "last_error": None,
    }
    return SourceState(**{**values, **fields})
