"""The steps of a run that speak SQL of their own, on PostgreSQL."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingestion.documents import SourceFailure
from ingestion.report import RunStatus
from tests.support.clock import HOUR
from tests.support.content import assert_consistent
from tests.support.installation import Installation, caller
from tests.support.interrupted import InterruptedHost
from tests.unit.ingestion.shelves import source_row
from tests.unit.ingestion.telling import StreamingSource, TellingSource, Told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.catalogue import PostgresBlank

RULE = "The travel allowance abroad is 55 euros."
OTHER = "A loan needs two signatures."


def test_runs_do_on_postgresql_what_they_do_on_sqlite(
    postgres_catalogue: PostgresBlank, tmp_path: Path
) -> None:
    host = InterruptedHost()
    with Installation.open(postgres_catalogue, tmp_path / "data", host=host) as world:
        told: list[Told | SourceFailure] = [
            Told("a.md", RULE, sequence=5, revision="1"),
            Told("b.md", OTHER, sequence=5),
        ]
        feed = StreamingSource(told, "feed")
        assert world.ingest(feed).added == 2
        told += [
            Told("c.md", RULE, formerly="a.md", sequence=8),
            Told("a.md", OTHER, sequence=6),
            Told("b.md", None, sequence=9),
            Told("b.md", OTHER, sequence=7),
        ]
        world.clock.advance(HOUR)
        report = world.ingest(feed)
        assert (report.renamed, report.deleted, report.late) == (1, 1, 2)
        assert (source_row(world, "feed").cursor, report.status) == ("6", RunStatus.OK)
        shelf = [Told("x/Ä_%.md", OTHER), Told("X/b.md", RULE), Told("x/b.md", RULE)]
        assert world.ingest(TellingSource(shelf)).added == 3
        folder = SourceFailure("x/", "acl_invalid", "its .acl.yaml cannot be obeyed; repair it")
        report = world.ingest(TellingSource([*shelf[1:2], folder, shelf[1]]))
        assert (report.closed, report.unchanged) == (2, 1)
        assert report.codes == {"acl_invalid": 1, "duplicate_id": 1}
        stopped = world.ingest(TellingSource([]), cancelled=lambda: True)
        assert (stopped.status, stopped.deleted) == (RunStatus.CANCELLED, 0)
        assert set(world.texts(caller())) == {RULE}
        assert_consistent(world, host.memory)
