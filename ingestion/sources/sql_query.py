"""Asking a configured query: streamed, read-only, and with errors that repeat no data.

What never lives here: what the columns mean.
"""

from __future__ import annotations

import re
import weakref
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Engine, column, create_engine, event, func, or_, select, text
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from ingestion.errors import SourceError
from ingestion.sources.kind import variable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Select, Subquery

_BATCH: Final = 256
_PARAMETER: Final = re.compile(r"(?<![:\w\\]):(?=\w)")


class Query:
    """A query of a database.

    Args:
        url_env: The environment variable that holds the database's URL.
        query: One SELECT.
        key: Its column that names documents.
        modified: Its column that says when a row changed, if there is one.
    """

    def __init__(self, url_env: str, query: str, *, key: str, modified: str | None) -> None:
        self._url_env = url_env
        # What looks like a parameter in somebody's SQL is part of it: '12:30', $1::text.
        self._query = _PARAMETER.sub(r"\\:", query)
        self._key = key
        self._modified = modified

    def rows(
        self,
        columns: Mapping[str, str],
        *,
        distinct: bool = False,
        key: object = None,
        since: object = None,
        ordered: bool = False,
        limit: int | None = None,
    ) -> Iterator[dict[str, Any]]:
        """Yield rows as mappings of field to value, some in memory at a time.

        Args:
            columns: Column by field; nothing is asked if there are none.
            distinct: Each combination once.
            key: Only the row of this key.
            since: Only rows modified no earlier, or nobody knows when.
            ordered: In the order of the keys.
            limit: The most rows.

        Raises:
            SourceError: The database does not answer, or not to this query.
        """
        if not columns:
            return
        inner = self._inner(*columns.values())
        asked = select(*(inner.c[name].label(field) for field, name in columns.items()))
        if distinct:
            asked = asked.distinct()
        if key is not None:
            asked = asked.where(inner.c[self._key] == key)
        if since is not None and self._modified is not None:
            at = inner.c[self._modified]
            asked = asked.where(or_(at >= since, at.is_(None)))
        if ordered:
            asked = asked.order_by(inner.c[self._key])
        if limit is not None:
            asked = asked.limit(limit)
        yield from self._asked(asked)

    def repeated(self) -> Iterator[object]:
        """Yield the keys that several rows have.

        Raises:
            SourceError: As of ``rows``.
        """
        at = self._inner().c[self._key]
        for row in self._asked(select(at.label("key")).group_by(at).having(func.count() > 1)):
            yield row["key"]

    def latest(self) -> object:
        """Return the latest modification of any row.

        Raises:
            SourceError: As of ``rows``.
        """
        if self._modified is None:
            return None
        asked = select(func.max(self._inner().c[self._modified]).label("latest"))
        (found,) = self._asked(asked)
        return found["latest"]

    def _inner(self, *columns: str) -> Subquery:
        known = {self._key, *columns, *([self._modified] if self._modified else [])}
        return text(self._query).columns(*(column(name) for name in sorted(known))).subquery("q")

    def _asked(self, asked: Select[Any]) -> Iterator[dict[str, Any]]:
        with (
            _said(self._url_env),
            self._engine.connect() as connection,
            # Closed also where whoever walks them stops half way.
            connection.execution_options(yield_per=_BATCH).execute(asked) as found,
        ):
            for row in found.mappings():
                yield dict(row)

    @cached_property
    def _engine(self) -> Engine:
        url = variable(self._url_env, field="url_env")
        try:
            engine = create_engine(url, hide_parameters=True)
        except (SQLAlchemyError, ImportError, ValueError) as error:
            # Its message may repeat the URL, and that the password.
            raise SourceError(
                f"url_env: {self._url_env} holds no URL of a database that is installed here "
                f"({type(error).__name__}); write one such as postgresql+psycopg://host/name"
            ) from None
        if engine.dialect.name == "postgresql":
            engine = engine.execution_options(postgresql_readonly=True)
        elif engine.dialect.name == "sqlite":
            event.listen(engine, "connect", _only_read)
        weakref.finalize(self, engine.dispose)
        return engine


def _only_read(connection: Any, _record: object) -> None:
    connection.execute("PRAGMA query_only = ON")


@contextmanager
def _said(url_env: str) -> Iterator[None]:
    """Say what went wrong with the query, and nothing of what it found."""
    try:
        yield
    except SQLAlchemyError as error:
        raise SourceError(
            f"query: the database in {url_env} refuses it ({_why(error)}); check query and columns"
        ) from None


def _why(error: SQLAlchemyError) -> str:
    """The database's own words where they are about the query, since others may quote data."""
    if not isinstance(error, DBAPIError):
        return type(error).__name__
    said = str(error.orig).splitlines()[:1]
    of_query = str(getattr(error.orig, "sqlstate", "")).startswith("42")  # syntax, or no such name
    if said and (of_query or said[0].startswith(("no such", "near "))):
        return said[0][:200]
    return type(error.orig).__name__
