"""What the tests of the ingest job share: a shelf, a source with troubles, and its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from ingestion.documents import SourceFailure
from ingestion.errors import SourceError
from ingestion.models import RunRow, SourceRow
from tests.support.installation import TENANT, Installation
from tests.support.source import ListedSource, Shelved, acl, allow

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ingestion.documents import AclSpec, SourceItem
    from ingestion.report import RunReport

STAFF = acl("staff", allow("user:ann"))
BOARD = acl("board", allow("user:bob"))
SPECS = (STAFF, BOARD)
SHELF = {
    "a.md": Shelved("The travel allowance abroad is 55 euros.", "staff"),
    "b.md": Shelved("A loan needs two signatures.", "staff"),
    "c.md": Shelved("The merger closes in spring.", "board"),
}


HOLD = """
import sys
from pathlib import Path
from ingestion.lock import exclusive

with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


class TroubledSource(ListedSource):
    """A shelf some of which cannot be fetched, or listed, or seen."""

    broken: frozenset[str] = frozenset()
    unseen: tuple[str, ...] = ()
    why: str = "unreadable"
    closed: bool = False

    def list_items(self) -> Iterator[SourceItem | SourceFailure]:  # type: ignore[override]
        if self.closed:
            raise SourceError("root: it is not there; mount it")
        yield from super().list_items()
        for name in self.unseen:
            yield SourceFailure(name, self.why, "cannot be listed; grant read permission")

    def fetch(self, item: SourceItem) -> bytes:
        if item.external_id in self.broken:
            raise SourceError(f"{item.external_id}: cannot be fetched; run again once it is back")
        return super().fetch(item)


def troubled(shelf: dict[str, Shelved], **trouble: Any) -> TroubledSource:
    source = TroubledSource("wiki", SPECS, shelf)
    for name, value in trouble.items():
        setattr(source, name, value)
    return source


def listed(shelf: dict[str, Shelved] | None = None, specs: Sequence[AclSpec] = SPECS) -> Any:
    return ListedSource("wiki", specs, SHELF if shelf is None else shelf)


def counts(report: RunReport) -> dict[str, int]:
    names = ("listed", "added", "changed", "moved", "deleted", "unchanged", "failed")
    return {name: value for name in names if (value := getattr(report, name))}


def source_row(world: Installation, name: str = "wiki") -> SourceRow:
    with world.runtime.database.read(TENANT) as session:
        row = session.get_one(SourceRow, (TENANT, name))
        session.expunge(row)
    return row


def runs(world: Installation) -> list[str]:
    with world.runtime.database.read(TENANT) as session:
        rows = session.scalars(select(RunRow).order_by(RunRow.started_at))
        return [row.status for row in rows]
