"""How far a query has been read: the latest modification seen, as its column has it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

from ingestion.errors import SourceError

Moment: TypeAlias = datetime | str | int | float


@dataclass(frozen=True, slots=True)
class SqlCursor:
    """A cursor.

    Attributes:
        query: A digest of the query it belongs to; another query is read from the beginning.
        latest: The latest modification that was seen; None if there was none.
    """

    query: str
    latest: Moment | None

    @classmethod
    def of(cls, latest: object, query: str, before: SqlCursor | None) -> SqlCursor:
        """The cursor after a reading; where nothing is left, it stays where it was."""
        if isinstance(latest, Decimal):
            latest = int(latest) if latest == int(latest) else float(latest)
        if isinstance(latest, datetime | str | int | float):
            return cls(_digest(query), latest)
        if latest is None:
            return cls(_digest(query), before.latest if before else None)
        raise SourceError(
            f"columns.modified_at: holds a {type(latest).__name__}; it must be a time, a number or "
            "text in ISO 8601"
        )

    @classmethod
    def parse(cls, text: str | None, query: str) -> SqlCursor | None:
        """Read a cursor; None if it is of another query, which must be read anew.

        Raises:
            SourceError: it is no cursor of this kind.
        """
        if text is None:
            return None
        try:
            values = json.loads(text)
            at, digest = values["at"], values["query"]
            latest = datetime.fromisoformat(at) if values["as"] == "datetime" else at
        except (ValueError, KeyError, TypeError) as error:
            raise SourceError("cursor: is none of this source; run it with --full") from error
        if latest is not None and not isinstance(latest, datetime | str | int | float):
            raise SourceError("cursor: is none of this source; run it with --full")
        return cls(digest, latest) if digest == _digest(query) else None

    def text(self) -> str:
        """The cursor as it is kept."""
        at, kind = self.latest, type(self.latest).__name__
        if isinstance(at, datetime):
            at, kind = at.isoformat(), "datetime"
        return json.dumps({"query": self.query, "as": kind, "at": at})

    def since(self, overlap_seconds: int) -> Moment | None:
        """Where to read on from. Text cannot be counted back from, so it has no overlap."""
        if isinstance(self.latest, datetime):
            try:
                return self.latest - timedelta(seconds=overlap_seconds)
            except OverflowError:
                return self.latest
        if isinstance(self.latest, str) or self.latest is None:
            return self.latest
        return self.latest - overlap_seconds


def _digest(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()[:16]
