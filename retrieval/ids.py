"""The shape of every id this service gives out for receipts, chunks and documents.

No id ever looked otherwise, so whatever does is absent, by the same reply as any other absent one,
and no database is asked to hold what it cannot (PostgreSQL refuses a text with a NUL in it).
"""

from __future__ import annotations

import re
from typing import Final

_SHAPE: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def well_formed(ident: str) -> bool:
    """True iff ``ident`` could be one of ours."""
    return _SHAPE.fullmatch(ident) is not None
