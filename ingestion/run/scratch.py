"""What one run has listed, on disk: however much a source lists, memory stays as it is.

The table is SQLite's own kind of temporary database: it has no name in any directory, nobody else
can open it, and it ends with the run however that ends. What never lives here: content, and
anything that is needed after the run.
"""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Final

from ingestion.documents import Removal, SourceFailure, SourceItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ingestion.documents import SourceItem as Item

    Entry = Item | SourceFailure | Removal

PAGE: Final = 256
_KINDS: Final = {"item": SourceItem, "failure": SourceFailure, "removal": Removal}
_TABLES: Final = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -8192;
CREATE TABLE entry (
    number INTEGER PRIMARY KEY, kind TEXT NOT NULL, acl TEXT, body TEXT NOT NULL
);
CREATE TABLE seen (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE kept (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE folder (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE claimed (name BLOB PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE closing (name TEXT PRIMARY KEY, done INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE gone (name TEXT PRIMARY KEY, external BLOB NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class Listed:
    """One entry of a listing, and the id of the ACL it stands under, if it is an item."""

    entry: Entry
    acl_id: str | None


class Scratch:
    """The notes of one run. Use it from one thread, and close it."""

    def __init__(self) -> None:
        # An empty name: a private file in SQLite's directory for such, already unlinked.
        self._db = sqlite3.connect("", isolation_level=None)
        self._db.executescript(_TABLES)
        self._db.execute("BEGIN")  # and never committed: nothing here outlives the run

    def close(self) -> None:
        """Forget everything."""
        self._db.close()

    def add(self, entry: Entry, acl_id: str | None = None, *, again: bool = False) -> bool:
        """Note an entry. False if its name was listed before; then nothing is noted.

        Args:
            entry: as the source gave it.
            acl_id: the ACL that an item stands under.
            again: note it although its name was listed before.
        """
        name = _key(entry.external_id)
        row = self._db.execute("INSERT OR IGNORE INTO seen VALUES (?)", (name,))
        if not row.rowcount and not again:
            return False
        kind = next(key for key, cls in _KINDS.items() if isinstance(entry, cls))
        self._db.execute(
            "INSERT INTO entry (kind, acl, body) VALUES (?, ?, ?)", (kind, acl_id, _pack(entry))
        )
        if entry.external_id.endswith("/"):
            self._db.execute("INSERT OR IGNORE INTO folder VALUES (?)", (name,))
        return True

    def refuse(self, failure: SourceFailure) -> None:
        """Note a failure beside the entry of that name, which stands."""
        self._db.execute("INSERT INTO entry (kind, body) VALUES ('failure', ?)", (_pack(failure),))

    def listed(self, external_id: str) -> bool:
        """Whether there is an entry of this name."""
        return self._row("SELECT 1 FROM seen WHERE name = ?", _key(external_id))

    def keep(self, external_id: str) -> None:
        """Count a name as seen that was not listed: what stands under it is not gone."""
        self._db.execute("INSERT OR IGNORE INTO kept VALUES (?)", (_key(external_id),))

    def claim(self, external_id: str) -> bool:
        """Take the document that stood under a name; False if another entry has taken it."""
        row = self._db.execute("INSERT OR IGNORE INTO claimed VALUES (?)", (_key(external_id),))
        return row.rowcount == 1

    def count(self, *kinds: str) -> int:
        """How many entries there are of these kinds; of all, if none is named."""
        chosen = kinds or tuple(_KINDS)
        return sum(
            self._db.execute("SELECT count(*) FROM entry WHERE kind = ?", (kind,)).fetchone()[0]
            for kind in chosen
        )

    def pages(self, *kinds: str) -> Iterator[list[Listed]]:
        """The entries of these kinds in the order of the listing, some at a time."""
        last = 0
        while True:
            rows = self._db.execute(
                "SELECT number, kind, acl, body FROM entry WHERE number > ?"
                " AND kind IN (SELECT value FROM json_each(?)) ORDER BY number LIMIT ?",
                (last, json.dumps(kinds), PAGE),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield [Listed(_unpack(kind, body), acl) for _, kind, acl, body in rows]

    def has(self, external_id: str) -> bool:
        """Whether a name is listed, or stands in a folder that could not be seen."""
        if self.listed(external_id):
            return True
        if self._row("SELECT 1 FROM kept WHERE name = ?", _key(external_id)):
            return True
        if not self._row("SELECT 1 FROM folder LIMIT 1"):
            return False
        parts = external_id.split("/")[:-1]
        return any(
            self._row("SELECT 1 FROM folder WHERE name = ?", _key("/".join(parts[:n]) + "/"))
            for n in range(1, len(parts) + 1)
        )

    def close_documents(self, ids: Iterable[str]) -> None:
        """Note documents that may not be served any more."""
        self._db.executemany("INSERT OR IGNORE INTO closing (name) VALUES (?)", ((i,) for i in ids))

    def lose_documents(self, found: Iterable[tuple[str, str]]) -> None:
        """Note documents, by id and name, that are held and no longer listed."""
        self._db.executemany(
            "INSERT OR IGNORE INTO gone VALUES (?, ?)", ((i, _key(name)) for i, name in found)
        )

    def closing(self, size: int) -> Iterator[Sequence[str]]:
        """Ids of the documents to close, ``size`` at a time; each of them once."""
        last = ""
        while True:
            rows = self._db.execute(
                "SELECT name FROM closing WHERE NOT done AND name > ? ORDER BY name LIMIT ?",
                (last, size),
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield [row[0] for row in rows]
            self._db.executemany("UPDATE closing SET done = 1 WHERE name = ?", rows)

    def gone(self, size: int) -> Iterator[Sequence[str]]:
        """Ids of the documents that are gone, ``size`` at a time."""
        last = ""
        while True:
            rows = self._db.execute(
                "SELECT name FROM gone WHERE name > ? ORDER BY name LIMIT ?", (last, size)
            ).fetchall()
            if not rows:
                return
            last = rows[-1][0]
            yield [row[0] for row in rows]

    def gone_names(self) -> Iterator[str]:
        """Names of the documents that are gone, in order."""
        for (name,) in self._db.execute("SELECT external FROM gone ORDER BY external"):
            yield _name(name)

    def size(self, table: str) -> int:
        """How many documents are noted as ``closing`` or ``gone``."""
        found: int = self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
        return found

    def _row(self, statement: str, *values: bytes) -> bool:
        return self._db.execute(statement, values).fetchone() is not None


def _key(name: str) -> bytes:
    """A name as bytes: file systems give names that are no valid text."""
    return name.encode("utf-8", "surrogatepass")


def _name(key: bytes) -> str:
    return key.decode("utf-8", "surrogatepass")


def _pack(entry: Entry) -> str:
    values = {part.name: getattr(entry, part.name) for part in fields(entry)}
    return json.dumps(values, default=_moment, separators=(",", ":"))


def _moment(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"a source's entry holds a {type(value).__name__}")


def _unpack(kind: str, body: str) -> Entry:
    values = json.loads(body)
    if values.get("modified_at") is not None:
        values["modified_at"] = datetime.fromisoformat(values["modified_at"])
    if values.get("tags") is not None:
        values["tags"] = tuple(values["tags"])
    entry: Entry = _KINDS[kind](**values)
    return entry
