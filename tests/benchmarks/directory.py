"""A bank's directory at full size, written in bulk: users, nested groups, a tree of ACLs.

Drawn from a seed. Groups form a tree ten deep; departments are small and many. ACLs form a tree of
folders six deep, of which most inherit; one in three names a group, few deny one. A fixed number of
askers is placed so that each reaches about two hundred groups. What never lives here: measuring.
"""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert

from acl.admin.directory import ensure_tenant
from acl.models import AclContentRow, AclEntryRow, AclRow, MembershipRow, PrincipalRow
from acl.orm import Base, Database, utc_now
from ingestion.models import ChunkRow, ChunkState
from retrieval.schema import HEAD, upgrade

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

TENANT: Final = "bank"
FOLDER: Final = "shared"
_BELOW: Final = 1_000
_GROUP_DEPTH: Final = 10
_BATCH: Final = 20_000


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything there is."""

    users: int = 100_000
    groups: int = 20_000
    acls: int = 50_000
    chunks: int = 100_000
    askers: int = 200
    groups_of_asker: int = 200
    seed: int = 7

    @property
    def name(self) -> str:
        """Of the file it is kept in."""
        parts = "-".join(str(value) for value in asdict(self).values())
        return f"directory-{parts}-{HEAD}.sqlite"


def asker(number: int) -> str:
    """The principals that are in about as many groups as asked for."""
    return f"user:asker-{number}"


def kept(root: Path, size: Size) -> Path:
    """The directory on SQLite, built unless an earlier run has left it."""
    path = root / size.name
    if not path.exists():
        building = path.with_suffix(".building")
        building.unlink(missing_ok=True)
        database = Database(f"sqlite:///{building}")
        build(database, size)
        with database.writer.connect() as connection:
            connection.exec_driver_sql("COMMIT")
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.exec_driver_sql("BEGIN")
        database.close()
        shutil.move(building, path)
    return path


def build(database: Database, size: Size) -> float:
    """Write everything. Returns seconds."""
    started = time.monotonic()
    upgrade(database)
    now = utc_now()
    ensure_tenant(database, TENANT, now=now)
    rng = random.Random(size.seed)  # noqa: S311 - a seed, not a secret
    tree = _Tree.drawn(rng, size.groups)
    names = [f"user:{number}" for number in range(size.users - size.askers)]
    names += [asker(number) for number in range(size.askers)]
    groups = [f"group:{number}" for number in range(size.groups)]
    common = {"enabled": True, "created_at": now}
    _store(database, PrincipalRow, ({"principal": name, **common} for name in (*names, *groups)))
    _store(database, MembershipRow, _memberships(rng, size, tree))
    acls = list(_acls(rng, size))
    _store(database, AclRow, acls)
    _store(database, AclEntryRow, _entries(rng, size))
    _store(database, ChunkRow, _chunks(size))
    content = {"source": "files", "occurrences": 1}
    _store(
        database,
        AclContentRow,
        ({"acl_id": row["id"], **content, "content_hash": rng.randbytes(32)} for row in acls),
    )
    if database.writer.dialect.name == "postgresql":  # where it happens by itself, sooner or later
        with database.writer.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
    return time.monotonic() - started


@dataclass(frozen=True, slots=True)
class _Tree:
    """The parent of each group but the first, by number."""

    parents: list[int]

    @classmethod
    def drawn(cls, rng: random.Random, size: int) -> _Tree:
        depth, parents = [0], [-1]
        for number in range(1, size):
            parent = rng.randrange(number)
            while depth[parent] >= _GROUP_DEPTH - 1:
                parent = rng.randrange(number)
            parents.append(parent)
            depth.append(depth[parent] + 1)
        return cls(parents)

    def above(self, group: int) -> set[int]:
        """The group and all above it."""
        found = set()
        while group >= 0:
            found.add(group)
            group = self.parents[group]
        return found


def _memberships(rng: random.Random, size: Size, tree: _Tree) -> Iterator[dict[str, Any]]:
    for group, parent in enumerate(tree.parents):
        if parent >= 0:
            yield {"member": f"group:{group}", "grp": f"group:{parent}"}
    for user in range(size.users - size.askers):
        for group in rng.sample(range(size.groups), 3):
            yield {"member": f"user:{user}", "grp": f"group:{group}"}
    for number in range(size.askers):
        reached: set[int] = set()
        while len(reached) < size.groups_of_asker:
            group = rng.randrange(size.groups)
            if group not in reached:
                reached |= tree.above(group)
                yield {"member": asker(number), "grp": f"group:{group}"}


def _acls(rng: random.Random, size: Size) -> Iterator[dict[str, Any]]:
    depth = [0]
    for number in range(size.acls):
        parent = rng.randrange(number) if number and rng.random() < 0.9 else None
        while parent is not None and depth[parent] >= 5:
            parent = rng.randrange(number)
        if number:
            depth.append(0 if parent is None else depth[parent] + 1)
        yield {
            "id": f"folder-{number}",
            "name": f"folder-{number}",
            "parent_id": None if parent is None else f"folder-{parent}",
            "inherit": rng.random() < 0.9,
        }
    yield {"id": FOLDER, "name": FOLDER, "parent_id": None, "inherit": True}
    for number in range(_BELOW):
        name = f"{FOLDER}-{number}"
        yield {"id": name, "name": name, "parent_id": FOLDER, "inherit": True}


def _chunks(size: Size) -> Iterator[dict[str, Any]]:
    """All of them in the folder whose grant is timed."""
    for number in range(size.chunks):
        yield {
            "generation": "g1",
            "id": f"chunk-{number}",
            "acl_id": f"{FOLDER}-{number % _BELOW}",
            "state": ChunkState.LIVE.value,
            "embedded_sha": "",
            "heading_path": "",
            "text": "",
            "tokens": 0,
        }


def _entries(rng: random.Random, size: Size) -> Iterator[dict[str, Any]]:
    for number in range(size.acls):
        if rng.random() < 1 / 3:
            group = f"group:{rng.randrange(size.groups)}"
            yield {"acl_id": f"folder-{number}", "effect": "allow", "principal": group}
        if rng.random() < 1 / 100:
            group = f"group:{rng.randrange(size.groups)}"
            yield {"acl_id": f"folder-{number}", "effect": "deny", "principal": group}


def _store(database: Database, table: type[Base], rows: Iterable[dict[str, Any]]) -> None:
    batch: list[dict[str, Any]] = []
    with database.write(TENANT) as session:
        for row in rows:
            batch.append({"tenant": TENANT, **row})
            if len(batch) == _BATCH:
                session.execute(insert(table), batch)
                batch = []
        if batch:
            session.execute(insert(table), batch)
