"""The rows of a query as a source: any database that SQLAlchemy reaches.

The query stands in the configuration and is wrapped, never changed: what is asked of it is
``SELECT … FROM (query)``, so it must be one SELECT. Rows are read as a manifest's are, and so are
their permissions. What never lives here: the database's address, which an environment variable
holds, or anything that writes.
"""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pydantic import Field, field_validator, model_validator

from acl import strict_json
from ingestion.documents import Removal, SourceFailure, SourceItem
from ingestion.errors import RowError, SourceError
from ingestion.parsing.limits import ParseLimits
from ingestion.sources.base import Changes
from ingestion.sources.kind import (
    KindConfig,
    PrincipalText,
    SourceKind,
    Variable,
    checked_name,
)
from ingestion.sources.row import CONTENT, Row, name_of, read_row
from ingestion.sources.row_acl import AclConfig, AclName, RowAcls
from ingestion.sources.sql_cursor import SqlCursor
from ingestion.sources.sql_query import Query

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ingestion.documents import AclSpec

_ACL_FIELDS: Final = ("acl", "allow", "deny")


class Columns(KindConfig):
    """Which column of the query is what; the names as the database gives them.

    Attributes:
        external_id: The document's own stable name, such as a primary key.
        text: Its content; or ``content`` for bytes.
        content: The same as bytes.
        acl: The name of an ACL, or JSON, as in a manifest.
        allow: Whom it admits: principals between blanks, a JSON list, or an array.
        deny: Whom it refuses, likewise.
        modified_at: When the row last changed; needed to read changes only.
        deleted: True or 1 where the document is gone.
        uri: Where a person finds it.
        title: What to call it.
        media_type: What its content is.
        revision: A mark that changes whenever the content does; it spares reading the content.
        sequence: A number that grows with every change.
        formerly: The external id it had before.
        tags: What it is about: words between commas, a JSON list, or an array.
        language: What language it is in, such as ``de``.
    """

    external_id: str
    text: str | None = None
    content: str | None = None
    acl: str | None = None
    allow: str | None = None
    deny: str | None = None
    modified_at: str | None = None
    deleted: str | None = None
    uri: str | None = None
    title: str | None = None
    media_type: str | None = None
    revision: str | None = None
    sequence: str | None = None
    formerly: str | None = None
    tags: str | None = None
    language: str | None = None


class SqlConfig(KindConfig):
    """How a query is configured.

    Attributes:
        url_env: The environment variable that holds the database's SQLAlchemy URL.
        query: One SELECT.
        columns: Which column is what.
        incremental: Read only rows whose ``modified_at`` is as late as what was last seen. Rows
            that vanish are then not noticed: mark them in ``deleted``, or run ``--full`` at times.
        overlap_seconds: How far back to read again, for rows that were committed late.
        acls: ACLs that rows can name.
        allow: Whom rows that state no ACL admit. Without it, such rows are refused.
        deny: Whom such rows refuse.
    """

    url_env: Variable
    query: str = Field(min_length=1)
    columns: Columns
    incremental: bool = False
    overlap_seconds: int = Field(default=300, ge=0)
    acls: dict[AclName, AclConfig] = Field(default_factory=dict)
    allow: tuple[PrincipalText, ...] = ()
    deny: tuple[PrincipalText, ...] = ()

    @field_validator("columns")
    @classmethod
    def _usable(cls, value: Columns) -> Columns:
        if (value.text is None) == (value.content is None):
            raise ValueError("give text or content")
        if value.acl is not None and (value.allow or value.deny):
            raise ValueError("give acl, or allow and deny")
        return value

    @model_validator(mode="after")
    def _tells(self) -> SqlConfig:
        if self.incremental and self.columns.modified_at is None:
            raise ValueError("columns.modified_at: is missing; incremental reading needs it")
        return self

    @field_validator("query")
    @classmethod
    def _single(cls, value: str) -> str:
        return value.strip().rstrip(";")


class SqlSource:
    """The rows of a query.

    Attributes:
        name: The source's name.
    """

    def __init__(self, name: str, config: SqlConfig) -> None:
        self.name = checked_name(name)
        self._config = config
        otherwise = AclConfig(allow=config.allow, deny=config.deny)
        self._acls = RowAcls(name, named=config.acls, otherwise=otherwise)
        self._stated: set[str] | None = None

    def acls(self) -> Sequence[AclSpec]:
        """Return the ACLs that rows stand under; each is complete in itself.

        Raises:
            SourceError: The database does not answer, or not to this query.
        """
        specs = {spec.name: spec for spec in self._acls.given()}
        for values in self._query.rows(self._columns(_ACL_FIELDS), distinct=True):
            try:
                spec = self._acl(values)
            except RowError:
                continue  # reported with its row
            specs.setdefault(spec.name, spec)
        self._stated = set(specs)
        return list(specs.values())

    def list_items(self) -> Iterator[SourceItem | SourceFailure]:
        """Yield the documents in the order of their names, and what fails.

        Raises:
            SourceError: The database does not answer, or not to this query.
        """
        for entry in self._listed(None):
            if not isinstance(entry, Removal):
                yield entry

    def fetch(self, item: SourceItem) -> bytes:
        """Return the content of a listed row.

        Raises:
            SourceError: The row is gone, has changed its permissions, or holds too much.
        """
        key = _key_of(item)
        wanted = self._columns((*_ACL_FIELDS, "external_id", *CONTENT))
        found = list(self._query.rows(wanted, key=key, limit=2))
        if len(found) != 1:
            raise SourceError(f"{item.external_id}: the row is gone, or not alone; run again")
        try:
            row, spec = self._read(found[0])
            content = row.inline()
        except RowError as error:
            raise SourceError(f"{item.external_id}: {error.message}", code=error.code) from error
        # A row that changed meanwhile must not be indexed under permissions that it had before.
        if (row.external_id, spec.name) != (item.external_id, item.acl):
            raise SourceError(f"{item.external_id}: the row changed while it was read; run again")
        if content is None:
            raise SourceError(f"{item.external_id}: the row holds no content", code="row_invalid")
        if len(content) > ParseLimits().max_bytes:
            raise SourceError(f"{item.external_id}: is too large; split it", code="too_large")
        return content

    def _listed(self, since: Any) -> Iterator[SourceItem | SourceFailure | Removal]:
        """Yield every row, or those whose ``modified_at`` is as late as ``since``."""
        stated = self._stated if self._stated is not None else {s.name for s in self.acls()}
        repeated = {str(key) for key in self._query.repeated()}
        wanted = self._columns(tuple(n for n in Columns.model_fields if n not in CONTENT))
        for number, values in enumerate(self._query.rows(wanted, since=since, ordered=True), 1):
            yield self._offer(number, values, stated, repeated)

    def _offer(
        self, number: int, values: Mapping[str, Any], stated: set[str], repeated: set[str]
    ) -> SourceItem | SourceFailure | Removal:
        key = values["external_id"]
        name = name_of(_texts(values))
        if name is not None and values.get("deleted"):
            return Removal(name)
        try:
            row, spec = self._read(values)
        except RowError as error:
            message = f"row {number}: {error.message}"
            return SourceFailure(
                name or f"row {number}", error.code, message, conceals=name is None
            )
        if str(key) in repeated:
            message = f"row {number}: several rows have this key; make it unique"
            return SourceFailure(row.external_id, "acl_invalid", message)
        if spec.name not in stated:
            message = f"row {number}: changed while the query was read; run again"
            return SourceFailure(row.external_id, SourceError.default_code, message)
        return SourceItem(
            external_id=row.external_id,
            uri=row.uri or f"sql://{self.name}/{row.external_id}",
            acl=spec.name,
            size=0,
            modified_at=row.modified_at,
            media_type=row.media_type or "text/plain",
            title=row.title,
            revision=row.revision,
            formerly=row.formerly,
            sequence=row.sequence,
            tags=row.tags,
            language=row.language,
            place=json.dumps(key if isinstance(key, int) else str(key)),
        )

    def _read(self, values: Mapping[str, Any]) -> tuple[Row, AclSpec]:
        # Permissions first: a row that is malformed elsewhere too must still close its document.
        spec = self._acl(values)
        kept = {k: v for k, v in _texts(values).items() if k not in {"allow", "deny", "deleted"}}
        return read_row(kept), spec

    def _acl(self, values: Mapping[str, Any]) -> AclSpec:
        if "acl" in values:
            return self._acls.read(values["acl"])
        try:
            listed = {n: _principals(values[n]) for n in ("allow", "deny") if n in values}
        except ValueError as error:
            message = "acl: allow or deny is not valid JSON; correct it"
            raise RowError(message, code="acl_invalid") from error
        return self._acls.read({name: each for name, each in listed.items() if each})

    def _columns(self, fields: Sequence[str]) -> dict[str, str]:
        """The columns of some fields that are configured."""
        found = ((name, getattr(self._config.columns, name, None)) for name in fields)
        return {name: column for name, column in found if column is not None}

    @cached_property
    def _query(self) -> Query:
        return Query(
            self._config.url_env,
            self._config.query,
            key=self._config.columns.external_id,
            modified=self._config.columns.modified_at,
        )


class IncrementalSqlSource(SqlSource):
    """The rows of a query that says when each was modified."""

    def changes(self, cursor: str | None) -> Changes:
        """Return what was modified since the cursor, with some overlap; see ``SqlConfig``.

        Raises:
            SourceError: The database does not answer, or the cursor is none.
        """
        before = SqlCursor.parse(cursor, self._config.query)
        # Taken before the rows: what is modified meanwhile is read again by the next run.
        latest = self._query.latest()
        following = SqlCursor.of(latest, self._config.query, before).text()
        if before is None or before.latest is None:
            return Changes(self._listed(None), following, complete=True)
        since = before.since(self._config.overlap_seconds)
        return Changes(self._listed(since), following, complete=False)


def _texts(values: Mapping[str, Any]) -> dict[str, Any]:
    """A row's values in the types of a manifest, which knows no numbers as names."""
    made = dict(values)
    for name in ("external_id", "formerly", "revision", "uri"):
        if isinstance(made.get(name), str | None):
            continue
        made[name] = str(made[name])
    sequence = made.get("sequence")
    if isinstance(sequence, Decimal) and sequence == int(sequence):
        made["sequence"] = int(sequence)
    return made


def _principals(value: object) -> object:
    """What a column says of whom: JSON and arrays as they are, text as words between blanks.

    Not between commas: an id may have one, and half of it might be somebody else's.
    """
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return value.split()
    return strict_json.loads(value) if isinstance(value, str) else value


def _key_of(item: SourceItem) -> object:
    try:
        key: object = json.loads(item.place or "")
    except ValueError:
        key = None
    if not isinstance(key, str | int):
        raise SourceError(f"{item.external_id}: was not listed by this source; list it again")
    return key


def _open_sql(name: str, config: SqlConfig) -> SqlSource:
    return (IncrementalSqlSource if config.incremental else SqlSource)(name, config)


KIND = SourceKind(SqlConfig, _open_sql)
