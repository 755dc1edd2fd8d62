"""A manifest as a source: rows that name documents, hold or point at them, and say who sees each.

Rows are read twice before anything is fetched: once for the permissions they state, since ACLs
come before items, and once to list them. Ids that occur more than once are known from the first
reading: the first row of an id counts and every later one is reported; where the rows of one id
state different permissions, none of them is offered, because the order of rows must not decide who
may see a document. What never lives here: a file format, or content of documents nobody fetches.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Protocol
from urllib.parse import quote

from pydantic import AfterValidator, Field, field_validator

from ingestion.documents import AclSpec, SourceFailure, SourceItem
from ingestion.errors import RowError, SourceError
from ingestion.parsing.limits import ParseLimits
from ingestion.sources.address import checked_url, is_beneath
from ingestion.sources.beneath import read_beneath
from ingestion.sources.hops import Hops
from ingestion.sources.kind import PrincipalText, SourceKind, checked_name
from ingestion.sources.row import Row, name_of, read_row
from ingestion.sources.row_acl import AclConfig, AclName, RowAcls
from ingestion.sources.storage import StorageConfig, file_system
from ingestion.sources.storage import read_object as read_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

MAX_BYTES: Final = ParseLimits().max_bytes


class ManifestConfig(StorageConfig):
    """How a manifest is configured.

    Attributes:
        path: The manifest; made absolute. Relative paths in its rows start at its folder.
        acls: ACLs that rows can name.
        allow: Whom rows that state no ACL admit. Without it, such rows are refused.
        deny: Whom such rows refuse.
        fetch_from: Prefixes, each ending with a slash, of the URLs that rows may point at. Rows
            are data: without this list, whoever writes one could have anything read that this
            machine can reach.
        ignore: Columns that mean nothing here.
    """

    path: Annotated[Path, AfterValidator(Path.resolve)]
    acls: dict[AclName, AclConfig] = Field(default_factory=dict)
    allow: tuple[PrincipalText, ...] = ()
    deny: tuple[PrincipalText, ...] = ()
    fetch_from: tuple[str, ...] = ()
    ignore: frozenset[str] = frozenset()

    @field_validator("fetch_from")
    @classmethod
    def _prefixes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for prefix in value:
            if not checked_url(prefix).endswith("/"):
                raise ValueError("must end with a slash, or it would admit its look-alikes")
        return value


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a manifest as its format reads it.

    Attributes:
        number: Counted from 1; the line, where there are lines.
        place: Where to find it again.
        values: Its fields; None if it cannot be read.
        problem: Why not.
    """

    number: int
    place: str
    values: Mapping[str, Any] | None
    problem: str = ""


class Rows(Protocol):
    """The rows of a manifest in one file format; every call reads the file anew."""

    def walk(self, *, labels_only: bool) -> Iterator[Entry]:
        """Yield every row in order, without content where the format allows it.

        Args:
            labels_only: True if ``external_id`` and ``acl`` are all that is needed.

        Raises:
            SourceError: The file cannot be read, or is of another format.
        """
        ...

    def at(self, place: str) -> Mapping[str, Any]:
        """Return the whole row at a place.

        Raises:
            SourceError: There is no row any more.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Survey:
    """What the first reading found.

    Attributes:
        specs: The ACLs that rows stand under, by name.
        repeated: The number of the first row of each id that occurs again.
        contested: Ids whose rows state different permissions.
    """

    specs: Mapping[str, AclSpec]
    repeated: Mapping[str, int]
    contested: frozenset[str]


class ManifestSource:
    """The documents of a manifest.

    Attributes:
        name: The source's name.
    """

    def __init__(self, name: str, rows: Rows, config: ManifestConfig) -> None:
        self.name = checked_name(name)
        self._rows = rows
        self._config = config
        otherwise = AclConfig(allow=config.allow, deny=config.deny)
        self._acls = RowAcls(name, named=config.acls, otherwise=otherwise)
        self._survey: _Survey | None = None
        self._address = config.path.as_uri()

    def acls(self) -> Sequence[AclSpec]:
        """Return the ACLs that rows stand under; each is complete in itself.

        Raises:
            SourceError: The manifest cannot be read.
        """
        self._survey = self._surveyed()
        return list(self._survey.specs.values())

    def list_items(self) -> Iterator[SourceItem | SourceFailure]:
        """Yield the documents in the order of the rows, and what fails.

        Raises:
            SourceError: The manifest cannot be read.
        """
        survey = self._survey or self._surveyed()
        for entry in self._rows.walk(labels_only=False):
            yield self._offer(entry, survey)

    def fetch(self, item: SourceItem) -> bytes:
        """Return the content that a listed row holds or points at.

        Raises:
            SourceError: The row has changed, or what it points at cannot be had.
        """
        try:
            row, spec = self._read(self._rows.at(item.place or ""))
        except RowError as error:
            raise SourceError(f"{item.external_id}: {error.message}", code=error.code) from error
        # A manifest that was rewritten meanwhile may hold another text under other permissions
        # here; it must not be indexed under those that were listed.
        if (row.external_id, spec.name) != (item.external_id, item.acl):
            raise SourceError(
                f"{item.external_id}: the manifest changed while it was read; run again"
            )
        try:
            content = row.inline()
            return self._referred(row) if content is None else _bounded(content)
        except RowError as error:
            raise SourceError(f"{item.external_id}: {error.message}", code=error.code) from error

    def _surveyed(self) -> _Survey:
        specs = {spec.name: spec for spec in self._acls.given()}
        repeated: dict[str, int] = {}
        contested: set[str] = set()
        with closing(_Seen()) as seen:
            for entry in self._rows.walk(labels_only=True):
                name = name_of(entry.values) if entry.values is not None else None
                if name is None or entry.values is None:
                    continue
                try:
                    spec = self._acls.read(entry.values.get("acl"))
                    acl = spec.name
                    specs.setdefault(acl, spec)
                except RowError:
                    acl = ""
                number, first = seen.first(name, entry.number, acl)
                if number != entry.number:
                    repeated[name] = number
                    if first != acl:
                        contested.add(name)
        return _Survey(specs, repeated, frozenset(contested))

    def _offer(self, entry: Entry, survey: _Survey) -> SourceItem | SourceFailure:
        where = f"{self._config.path.name}:{entry.number}"
        if entry.values is None:
            return SourceFailure(where, "row_invalid", entry.problem, conceals=True)
        try:
            row, spec = self._read(entry.values)
            uri = self._uri(row)
        except RowError as error:
            name = name_of(entry.values)
            message = f"{where}: {error.message}"
            return SourceFailure(name or where, error.code, message, conceals=name is None)
        if row.external_id in survey.contested:
            message = (
                f"{where}: rows with this external_id state different permissions, so none of them "
                "is offered; keep one"
            )
            return SourceFailure(row.external_id, "acl_invalid", message)
        first = survey.repeated.get(row.external_id)
        if first is not None and first != entry.number:
            message = f"{where}: row {first} has this external_id already and counts; keep one"
            return SourceFailure(row.external_id, "duplicate_id", message)
        if spec.name not in survey.specs:
            message = f"{where}: the manifest changed while it was read; run again"
            return SourceFailure(row.external_id, SourceError.default_code, message)
        return SourceItem(
            external_id=row.external_id,
            uri=uri,
            acl=spec.name,
            size=0,
            modified_at=row.modified_at,
            media_type=row.media_type,
            title=row.title,
            revision=row.revision,
            formerly=row.formerly,
            sequence=row.sequence,
            tags=row.tags,
            language=row.language,
            place=entry.place,
        )

    def _read(self, values: Mapping[str, Any]) -> tuple[Row, AclSpec]:
        kept = {k: v for k, v in values.items() if k not in self._config.ignore}
        # Permissions first: a row that is malformed elsewhere too must still close its document.
        spec = self._acls.read(kept.get("acl"))
        return read_row(kept), spec

    def _uri(self, row: Row) -> str:
        if row.uri is None:
            return f"{self._address}#{quote(row.external_id, safe='')}"
        if row.is_link:
            return row.uri
        return (self._config.path.parent / _relative(row.uri)).as_uri()

    def _referred(self, row: Row) -> bytes:
        """Read what a row points at: a file beneath the manifest's folder, or an admitted URL."""
        if row.uri is None:
            raise RowError("text: the row holds no content and no uri; give one")
        if not row.is_link:
            return read_beneath(self._config.path.parent, _relative(row.uri), limit=MAX_BYTES)
        if not any(is_beneath(row.uri, prefix) for prefix in self._config.fetch_from):
            raise RowError(
                "uri: may not be fetched from there; list what may under fetch_from, such as "
                "s3://bucket/folder/"
            )
        hops = Hops(
            self._config.fetch_from,
            "uri: was redirected to where nothing may be fetched from; give the address it leads "
            "to, and list that under fetch_from",
        )
        system, path = file_system(row.uri, self._config.resolved(), hops)
        return read_url(system, path, name=row.external_id, limit=MAX_BYTES)


def manifest_kind(rows: Callable[[Path], Rows]) -> SourceKind[ManifestConfig]:
    """Declare a kind of manifest by how its format is read."""
    return SourceKind(
        ManifestConfig, lambda name, config: ManifestSource(name, rows(config.path), config)
    )


class _Seen:
    """The ids of a manifest and who may see each, on disk: memory stays as it is for millions."""

    def __init__(self) -> None:
        # An empty name: a private file, already unlinked, that ends with the connection.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
            "CREATE TABLE seen (id TEXT PRIMARY KEY, number INT, acl TEXT) WITHOUT ROWID; BEGIN;"
        )

    def first(self, name: str, number: int, acl: str) -> tuple[int, str]:
        """Return the first row of an id and the ACL it states, having noted this one."""
        noted = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?, ?, ?)", (name, number, acl))
        if noted.rowcount:
            return number, acl
        row = self._db.execute("SELECT number, acl FROM seen WHERE id = ?", (name,)).fetchone()
        return int(row[0]), str(row[1])

    def close(self) -> None:
        self._db.close()


def _bounded(content: bytes) -> bytes:
    if len(content) > MAX_BYTES:
        raise RowError(
            f"content: more than {MAX_BYTES} bytes; split the document", code="too_large"
        )
    return content


def _relative(uri: str) -> str:
    """A path of a row, relative to the manifest.

    Raises:
        RowError: it leads elsewhere.
    """
    path = uri.removeprefix("./")
    if path.startswith("/") or any(part in {"", ".", ".."} for part in path.split("/")):
        raise RowError(
            "uri: must be a path below the manifest's folder, with / between folders, or a URL"
        )
    return path
